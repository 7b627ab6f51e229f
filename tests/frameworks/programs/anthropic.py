# %%
import anthropic
from pydantic import BaseModel

client = anthropic.Anthropic()


class Report(BaseModel):
    city: str
    sunny: bool


def get_weather(city: str) -> str:
    """Get the weather for a given city."""
    return f"The weather in {city} is sunny."


tools = [
    {
        "name": "get_weather",
        "description": "Get the weather for a given city.",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }
]
messages = []


def ask(question):
    messages.append({"role": "user", "content": question})
    while True:
        message = client.messages.create(
            model="claude-opus-4-6", max_tokens=1024, messages=messages, tools=tools
        )
        messages.append({"role": "assistant", "content": message.content})
        if message.stop_reason != "tool_use":
            return message.content[0].text
        results = [
            {
                "type": "tool_result",
                "tool_use_id": block.id,
                "content": get_weather(**block.input),
            }
            for block in message.content
            if block.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results})


# %% durable turn_one
first = ask("What is the weather in Paris?")
print(first)

# %% durable turn_two
second = ask("Which city did I ask about?")
print(second)

# %% durable report
parsed = client.messages.parse(
    model="claude-opus-4-6",
    max_tokens=1024,
    messages=[*messages, {"role": "user", "content": "Give me a report."}],
    output_format=Report,
)
report = parsed.parsed_output
print(report)

# %% afterwards
print(ask("And what did you say last?"))
