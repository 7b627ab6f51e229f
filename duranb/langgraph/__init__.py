"""LangGraph's agents with duranb's store: ``duranb.langgraph.DuckDBSaver``."""

from duranb.langgraph.saver import DuckDBSaver

__all__ = ["DuckDBSaver"]
