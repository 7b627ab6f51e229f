"""openai-agents: sessions. One in memory comes back with its items, one in a file by its path."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from duranb.state.adapters.waiting import finished
from duranb.state.factory import Factory

_IN_MEMORY = ":memory:"
_ALL = 2**31 - 1
"""A limit of its own, where the session's settings have one."""


def _describe(session: Any) -> dict[str, Any]:
    in_memory = str(session.db_path) == _IN_MEMORY
    return {
        "session_id": session.session_id,
        "db_path": session.db_path,
        "sessions_table": session.sessions_table,
        "messages_table": session.messages_table,
        "session_settings": session.session_settings,
        "items": finished(session.get_items(_ALL)) if in_memory else [],
    }


def _make(items: list[Any], **options: Any) -> Any:
    session = import_module("agents").SQLiteSession(**options)
    if items:
        finished(session.add_items(items))
    return session


FACTORIES = {
    "agents.memory.sqlite_session.SQLiteSession": Factory(
        _describe, _make, open=True, file="db_path"
    )
}
