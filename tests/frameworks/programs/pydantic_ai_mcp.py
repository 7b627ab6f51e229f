# %%
from pathlib import Path

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset

SERVER = '''
from mcp.server import MCPServer

app = MCPServer("weather")


@app.tool()
def get_weather(city: str) -> str:
    """Get the weather for a given city."""
    return f"It has 21 degrees in {city}."


app.run()
'''


class Report(BaseModel):
    city: str
    sunny: bool


Path("weather_server.py").write_text(SERVER)
toolset = MCPToolset("weather_server.py")
agent = Agent(
    "openai-chat:gpt-4o-mini", toolsets=[toolset], instructions="Be concise. It is sunny."
)
reporter = Agent("openai-chat:gpt-4o-mini", output_type=Report)

# %% durable turn_one
result = await agent.run("What is the weather in Paris?")
print(result.output)

# %% durable turn_two
result = await agent.run("Which city did I ask about?", message_history=result.all_messages())
print(result.output)

# %% durable report
report = (await reporter.run("Give me a report.", message_history=result.all_messages())).output
print(report)

# %% afterwards
history = result.all_messages()
print((await agent.run("And what did you say last?", message_history=history)).output)
