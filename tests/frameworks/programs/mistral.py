# %%
import json
import os

from mistralai.client import Mistral
from pydantic import BaseModel

client = Mistral(server_url=os.environ["MISTRAL_SERVER_URL"])


class Report(BaseModel):
    city: str
    sunny: bool


def get_weather(city: str) -> str:
    """Get the weather for a given city."""
    return f"The weather in {city} is sunny."


tools = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the weather for a given city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]
messages = []


def ask(question):
    messages.append({"role": "user", "content": question})
    while True:
        response = client.chat.complete(
            model="mistral-small-latest", messages=messages, tools=tools
        )
        message = response.choices[0].message
        messages.append(message)
        if not message.tool_calls:
            return message.content
        for call in message.tool_calls:
            messages.append(
                {
                    "role": "tool",
                    "name": call.function.name,
                    "content": get_weather(**json.loads(call.function.arguments)),
                    "tool_call_id": call.id,
                }
            )


# %% durable turn_one
first = ask("What is the weather in Paris?")
print(first)

# %% durable turn_two
second = ask("Which city did I ask about?")
print(second)

# %% durable report
parsed = client.chat.parse(
    model="mistral-small-latest",
    messages=[*messages, {"role": "user", "content": "Give me a report."}],
    response_format=Report,
)
report = parsed.choices[0].message.parsed
print(report)

# %% afterwards
print(ask("And what did you say last?"))
