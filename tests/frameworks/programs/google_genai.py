# %%
from google import genai
from google.genai import types
from pydantic import BaseModel

client = genai.Client()


class Report(BaseModel):
    city: str
    sunny: bool


def get_weather(city: str) -> str:
    """Get the weather for a given city."""
    return f"The weather in {city} is sunny."


chat = client.chats.create(
    model="gemini-2.5-flash", config=types.GenerateContentConfig(tools=[get_weather])
)

# %% durable turn_one
response = chat.send_message("What is the weather in Paris?")
print(response.text)

# %% durable turn_two
response = chat.send_message("Which city did I ask about?")
print(response.text)

# %% durable report
response = client.models.generate_content(
    model="gemini-2.5-flash",
    contents="Give me a report.",
    config={"response_mime_type": "application/json", "response_schema": Report},
)
report = response.parsed
print(report)

# %% afterwards
print(chat.send_message("And what did you say last?").text)
