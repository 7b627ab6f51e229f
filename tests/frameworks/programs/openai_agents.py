# %%
from agents import Agent, Runner, SQLiteSession, function_tool
from pydantic import BaseModel


class Report(BaseModel):
    city: str
    sunny: bool


@function_tool
def get_weather(city: str) -> str:
    """Get the weather for a given city."""
    return f"The weather in {city} is sunny."


agent = Agent(name="Assistant", instructions="Reply very concisely.", tools=[get_weather])
reporter = Agent(name="Reporter", instructions="Write a report.", output_type=Report)
session = SQLiteSession("conversation_123")

# %% durable turn_one
result = await Runner.run(agent, "What is the weather in Paris?", session=session)
print(result.final_output)

# %% durable turn_two
result = await Runner.run(agent, "Which city did I ask about?", session=session)
print(result.final_output)

# %% durable report
said = result.to_input_list() + [{"role": "user", "content": "Give me a report."}]
report = (await Runner.run(reporter, said)).final_output
print(report)

# %% afterwards
result = await Runner.run(agent, "And what did you say last?", session=session)
print(result.final_output)
