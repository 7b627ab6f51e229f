# %%
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import BaseModel


class Report(BaseModel):
    """A report on the weather of a city."""

    city: str
    sunny: bool


@tool
def get_weather(city: str) -> str:
    """Get the weather for a given city."""
    return f"The weather in {city} is sunny."


llm = ChatOpenAI(model="gpt-4o-mini")
llm_with_tools = llm.bind_tools([get_weather])


def chatbot(state: MessagesState):
    return {"messages": [llm_with_tools.invoke(state["messages"])]}


builder = StateGraph(MessagesState)
builder.add_node("chatbot", chatbot)
builder.add_node("tools", ToolNode([get_weather]))
builder.add_edge(START, "chatbot")
builder.add_conditional_edges("chatbot", tools_condition)
builder.add_edge("tools", "chatbot")
graph = builder.compile()

# %% durable turn_one
state = graph.invoke({"messages": [("user", "What is the weather in Paris?")]})
print(state["messages"][-1].content)

# %% durable turn_two
state = graph.invoke({"messages": [*state["messages"], ("user", "Which city did I ask about?")]})
print(state["messages"][-1].content)

# %% durable report
report = llm.with_structured_output(Report).invoke([*state["messages"], ("user", "Report.")])
print(report)

# %% afterwards
again = graph.invoke({"messages": [*state["messages"], ("user", "And what did you say last?")]})
print(again["messages"][-1].content)
