# %%
from smolagents import CodeAgent, OpenAIModel, tool


@tool
def get_weather(city: str) -> str:
    """Get the weather for a given city.

    Args:
        city: The city to look up.
    """
    return f"The weather in {city} is sunny."


model = OpenAIModel(model_id="gpt-4o-mini")
agent = CodeAgent(tools=[get_weather], model=model)

# %% durable turn_one
first = agent.run("What is the weather in Paris?")
print(first)

# %% durable turn_two
second = agent.run("Which city did I ask about?", reset=False)
print(second)

# %% durable report
report = agent.run("Give me a report.", reset=False, return_full_result=True)
print(report.output, report.state)

# %% afterwards
print(agent.run("And what did you say last?", reset=False))
