# %%
import json

from litellm import completion
from pydantic import BaseModel


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

# %% durable turn_one
messages = [{"role": "user", "content": "What is the weather in Paris?"}]
response = completion(model="gpt-4o-mini", messages=messages, tools=tools, tool_choice="auto")
response_message = response.choices[0].message
messages.append(response_message)
for tool_call in response_message.tool_calls:
    messages.append(
        {
            "tool_call_id": tool_call.id,
            "role": "tool",
            "name": tool_call.function.name,
            "content": get_weather(**json.loads(tool_call.function.arguments)),
        }
    )
response = completion(model="gpt-4o-mini", messages=messages)
messages.append(response.choices[0].message)
print(response.choices[0].message.content)

# %% durable turn_two
messages.append({"role": "user", "content": "Which city did I ask about?"})
response = completion(model="gpt-4o-mini", messages=messages)
messages.append(response.choices[0].message)
print(response.choices[0].message.content)

# %% durable report
asked = [*messages, {"role": "user", "content": "Give me a report."}]
response = completion(model="gpt-4o-mini", messages=asked, response_format=Report)
report = Report.model_validate_json(response.choices[0].message.content)
print(report)

# %% afterwards
messages.append({"role": "user", "content": "And what did you say last?"})
response = completion(model="gpt-4o-mini", messages=messages)
print(response.choices[0].message.content)
