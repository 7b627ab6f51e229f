# %%
import dspy

# Its own cache would answer a turn that is taken again, and nothing would be seen of it.
dspy.configure(lm=dspy.LM("openai/gpt-4o-mini", cache=False))


def get_weather(city: str) -> str:
    """Get the weather for a given city."""
    return f"The weather in {city} is sunny."


class Talk(dspy.Signature):
    """Answer the question."""

    question: str = dspy.InputField()
    history: dspy.History = dspy.InputField()
    answer: str = dspy.OutputField()


class Report(dspy.Signature):
    """Report on the weather."""

    text: str = dspy.InputField()
    city: str = dspy.OutputField()
    sunny: bool = dspy.OutputField()


agent = dspy.ReAct("question -> answer", tools=[get_weather])
talk = dspy.Predict(Talk)
report = dspy.ChainOfThought(Report)
history = dspy.History(messages=[])

# %% durable turn_one
question = "What is the weather in Paris?"
outputs = agent(question=question)
history.messages.append({"question": question, "answer": outputs.answer})
print(outputs.answer)

# %% durable turn_two
question = "Which city did I ask about?"
outputs = talk(question=question, history=history)
history.messages.append({"question": question, **outputs})
print(outputs.answer)

# %% durable report
reported = report(text=outputs.answer)
print(reported)

# %% afterwards
print(talk(question="And what did you say last?", history=history).answer)
