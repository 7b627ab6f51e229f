"""Factories for the objects of agent frameworks that hold state: sessions, memories, contexts.

One file for each library, imported when the first value of that library is met. Each has a table
``FACTORIES`` of its types' full names.
"""

from __future__ import annotations

import importlib
from typing import Any

from duranb.code.kinds import once_a_class
from duranb.code.looking import full_name
from duranb.state.factory import Factory

_FILES = {
    "agents": "openai_agents",
    "anthropic": "stainless",
    "fastmcp": "fastmcp",
    "google": "google_genai",
    "llama_index": "llama_index",
    "mcp": "mcp",
    "openai": "stainless",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic",
    "rich": "rich",
    "tiktoken": "tiktoken",
    "workflows": "llama_index",
}
"""By the package that a library's types are in."""


@once_a_class
def name_of(kind: type) -> str:
    """The full name under which there is a factory for a type: its own, or that of a base whose
    factory is for derived types too. An empty string where there is none."""
    for base in kind.__mro__:
        name = full_name(base)
        factory = named(name)
        if factory is not None and (base is kind or factory.derived):
            return name
    return ""


def named(name: str) -> Factory | None:
    """The factory of the type with this full name."""
    package = name.partition(".")[0]
    if package not in _FILES:
        return None
    file: Any = importlib.import_module(f"{__name__}.{_FILES[package]}")
    table: dict[str, Factory] = file.FACTORIES
    return table.get(name)
