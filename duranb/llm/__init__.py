"""LLM calls on the wire: one hook for every HTTP SDK, and reading what it recorded."""

from duranb.llm.hook import install, uninstall

__all__ = ["install", "uninstall"]
