"""LangGraph with duranb: its threads in duranb's store, and exported notebooks as its graphs."""

from duranb.langgraph.nodes import node
from duranb.langgraph.saver import DuckDBSaver

__all__ = ["DuckDBSaver", "node"]
