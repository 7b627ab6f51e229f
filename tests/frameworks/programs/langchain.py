# %%
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel


class Report(BaseModel):
    """A report on the weather of a city."""

    city: str
    sunny: bool


def get_weather(city: str) -> str:
    """Get the weather for a given city."""
    return f"The weather in {city} is sunny."


model = init_chat_model("openai:gpt-4o-mini")
agent = create_agent(
    model=model,
    tools=[get_weather],
    system_prompt="You are a helpful assistant.",
    checkpointer=InMemorySaver(),
)
config = {"configurable": {"thread_id": "1"}}

# %% durable turn_one
response = agent.invoke(
    {"messages": [{"role": "user", "content": "What is the weather in Paris?"}]}, config
)
print(response["messages"][-1].content)

# %% durable turn_two
response = agent.invoke(
    {"messages": [{"role": "user", "content": "Which city did I ask about?"}]}, config
)
print(response["messages"][-1].content)

# %% durable report
report = model.with_structured_output(Report).invoke(
    [*response["messages"], {"role": "user", "content": "Give me a report."}]
)
print(report)

# %% afterwards
response = agent.invoke(
    {"messages": [{"role": "user", "content": "And what did you say last?"}]}, config
)
print(response["messages"][-1].content)
