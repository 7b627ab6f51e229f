# %%
import operator
from typing import Annotated, TypedDict

from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt


class State(TypedDict):
    messages: Annotated[list, operator.add]
    approved: bool


llm = ChatOpenAI(model="gpt-4o-mini")
saver = InMemorySaver()


def get_weather(city):
    return f"The weather in {city} is sunny."


def ask(state):
    return {"messages": [llm.invoke(state["messages"])]}


def approve(state):
    said = interrupt({"question": "Send it?", "text": state["messages"][-1].content})
    told = ("user", f"{said}. {get_weather('Paris')}")
    return {"approved": said == "yes", "messages": [told]}


builder = StateGraph(State)
builder.add_node("ask", ask)
builder.add_node("approve", approve)
builder.add_node("send", ask)
builder.add_edge(START, "ask")
builder.add_edge("ask", "approve")
builder.add_edge("approve", "send")
builder.add_edge("send", END)
graph = builder.compile(checkpointer=saver)
config = {"configurable": {"thread_id": "1"}}

# %% durable turn_one
asked = graph.invoke({"messages": [("user", "What is the weather in Paris?")]}, config)
print(asked["__interrupt__"][0].value, graph.get_state(config).next)
done = graph.invoke(Command(resume="yes"), config)
print(done["approved"], done["messages"][-1].content)

# %% durable turn_two
asked = graph.invoke({"messages": [("user", "Which city did I ask about?")]}, config)
print(asked["__interrupt__"][0].value)

# %% durable report
events = list(graph.stream(Command(resume="no"), config, stream_mode="updates"))
print(events, [state.next for state in graph.get_state_history(config)])

# %% afterwards
asked = graph.invoke({"messages": [("user", "And what did you say last?")]}, config)
print(asked["__interrupt__"][0].value, len(asked["messages"]))
