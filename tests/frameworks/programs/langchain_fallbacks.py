# %%
from langchain_core.caches import InMemoryCache
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.globals import set_llm_cache
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


class Report(BaseModel):
    """A report on the weather of a city."""

    city: str
    sunny: bool


def get_weather(city):
    return f"The weather in {city} is sunny."


def with_weather(given):
    return {**given, "context": get_weather("Paris")}


store = {}


def session(session_id):
    return store.setdefault(session_id, InMemoryChatMessageHistory())


model = ChatOpenAI(model="gpt-4o-mini")
safe = ChatOpenAI(model="overloaded", max_retries=0).with_fallbacks([model])
prompt = ChatPromptTemplate.from_messages(
    [("system", "Context: {context}"), MessagesPlaceholder("history"), ("human", "{question}")]
)
chain = RunnableWithMessageHistory(
    RunnableLambda(with_weather) | prompt | model,
    session,
    input_messages_key="question",
    history_messages_key="history",
)
config = {"configurable": {"session_id": "a"}}
set_llm_cache(InMemoryCache())

# %% durable turn_one
answer = chain.invoke({"question": "What is the weather in Paris?"}, config)
print(answer.content, model.invoke("hello").content)

# %% durable turn_two
answer = chain.invoke({"question": "Which city did I ask about?"}, config)
print(answer.content, model.invoke("hello").content)

# %% durable report
messages = [*store["a"].messages, ("user", "Give me a report.")]
said = safe.invoke(messages)
report = model.with_structured_output(Report).invoke(messages)
print(said.content, report)

# %% afterwards
answer = chain.invoke({"question": "And what did you say last?"}, config)
print(answer.content, model.invoke("hello").content, len(store["a"].messages))
