# %%
from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from pydantic import BaseModel

set_tracing_disabled(True)
client = AsyncOpenAI()


class Report(BaseModel):
    city: str
    sunny: bool


class Weather:
    """A tool as a method, that notes what it was asked."""

    def __init__(self):
        self.asked = []

    def get_weather(self, city: str) -> str:
        """Get the weather for a given city."""
        self.asked.append(city)
        return f"The weather in {city} is sunny."


weather = Weather()
model = OpenAIChatCompletionsModel(model="gpt-4o-mini", openai_client=client)
agent = Agent(name="Weather", model=model, tools=[function_tool(weather.get_weather)])
polite = agent.clone(name="Polite", instructions="Be polite.")
reporter = Agent(name="Reporter", model=model, output_type=Report)

# %% durable turn_one
result = await Runner.run(agent, "What is the weather in Paris?")
print(result.final_output, weather.asked)

# %% durable turn_two
said = [*result.to_input_list(), {"role": "user", "content": "Which city did I ask about?"}]
result = await Runner.run(polite, said)
print(result.final_output)

# %% durable report
said = [*result.to_input_list(), {"role": "user", "content": "Give me a report."}]
report = (await Runner.run(reporter, said)).final_output
print(report, weather.asked)

# %% afterwards
said = [*result.to_input_list(), {"role": "user", "content": "And what did you say last?"}]
print((await Runner.run(agent, said)).final_output, weather.asked)
