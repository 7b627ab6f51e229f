# %%
import json

from openai import OpenAI
from pydantic import BaseModel

client = OpenAI()


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
messages = [{"role": "system", "content": "You are a helpful assistant."}]


class Report(BaseModel):
    city: str
    sunny: bool


def ask(question):
    messages.append({"role": "user", "content": question})
    while True:
        done = client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=tools)
        message = done.choices[0].message
        messages.append(message)
        if not message.tool_calls:
            return message.content
        for call in message.tool_calls:
            result = get_weather(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


# %% durable turn_one
first = ask("What is the weather in Paris?")
print(first)

# %% durable turn_two
second = ask("Which city did I ask about?")
print(second)

# %% durable report
parsed = client.chat.completions.parse(
    model="gpt-4o-mini",
    messages=[*messages, {"role": "user", "content": "Give me a report."}],
    response_format=Report,
)
report = parsed.choices[0].message.parsed
print(report)

# %% afterwards
print(ask("And what did you say last?"))
