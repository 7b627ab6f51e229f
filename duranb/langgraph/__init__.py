"""LangGraph with duranb: its threads in duranb's store, and exported notebooks as its graphs."""

from duranb.langgraph.graphs import state_graph
from duranb.langgraph.nodes import node
from duranb.langgraph.saver import DuckDBSaver
from duranb.langgraph.serializer import Serializer

__all__ = ["DuckDBSaver", "Serializer", "node", "state_graph"]
