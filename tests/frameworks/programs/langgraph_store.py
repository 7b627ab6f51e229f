# %%
from typing import Annotated

from langchain_core.tools import InjectedToolCallId, tool
from langchain_openai import ChatOpenAI
from langgraph.config import get_store
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState, ToolNode, tools_condition
from langgraph.store.memory import InMemoryStore
from pydantic import BaseModel


class Report(BaseModel):
    """A report on the weather of a city."""

    city: str
    sunny: bool


def weather_of(name: str):
    """A tool that is made by a function, and remembers in the graph's store."""

    @tool(name, description="Get the weather for a given city.")
    def look_up(
        city: str,
        state: Annotated[dict, InjectedState],
        tool_call_id: Annotated[str, InjectedToolCallId],
    ) -> str:
        get_store().put(("cities",), city, {"messages": len(state["messages"])})
        return f"The weather in {city} is sunny."

    return look_up


store = InMemoryStore()
tools = [weather_of("get_weather")]
llm = ChatOpenAI(model="gpt-4o-mini")
reporter = ChatOpenAI(model="gpt-4o-mini", temperature=0)
llm_with_tools = llm.bind_tools(tools)


def chatbot(state: MessagesState):
    return {"messages": [llm_with_tools.invoke(state["messages"])]}


builder = StateGraph(MessagesState)
builder.add_node("chatbot", chatbot)
builder.add_node("tools", ToolNode(tools))
builder.add_edge(START, "chatbot")
builder.add_conditional_edges("chatbot", tools_condition)
builder.add_edge("tools", "chatbot")
graph = builder.compile(store=store)


def known():
    return [(item.key, item.value) for item in store.search(("cities",))]


# %% durable turn_one
state = graph.invoke({"messages": [("user", "What is the weather in Paris?")]})
print(state["messages"][-1].content, known())

# %% durable turn_two
state = graph.invoke({"messages": [*state["messages"], ("user", "Which city did I ask about?")]})
store.put(("cities",), "Rome", {"messages": 0})
print(state["messages"][-1].content, known(), graph.store is store)

# %% durable report
report = reporter.with_structured_output(Report).invoke([*state["messages"], ("user", "Report.")])
print(report, known())

# %% afterwards
again = graph.invoke({"messages": [*state["messages"], ("user", "And what did you say last?")]})
print(again["messages"][-1].content, known(), graph.store is store)
