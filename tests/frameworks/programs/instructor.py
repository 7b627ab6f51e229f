# %%
import instructor
from pydantic import BaseModel

client = instructor.from_provider("openai/gpt-4o-mini")


class get_weather(BaseModel):
    """Get the weather for a given city."""

    city: str


class Reply(BaseModel):
    text: str


class Report(BaseModel):
    city: str
    sunny: bool


messages = []


def ask(question, form):
    messages.append({"role": "user", "content": question})
    answer, completion = client.create_with_completion(response_model=form, messages=messages)
    messages.append({"role": "assistant", "content": answer.model_dump_json()})
    return answer, completion


# %% durable turn_one
wanted, raw = ask("What is the weather in Paris?", get_weather)
first, raw = ask(f"In {wanted.city} it is sunny. Put that in words.", Reply)
print(first)

# %% durable turn_two
second, raw = ask("Which city did I ask about?", Reply)
print(second)

# %% durable report
report = client.create(
    response_model=Report, messages=[*messages, {"role": "user", "content": "Give me a report."}]
)
print(report)

# %% afterwards
print(ask("And what did you say last?", Reply)[0])
