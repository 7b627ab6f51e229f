"""LlamaIndex: its components, what its memories remember, and the contexts of its workflows."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from duranb.state.adapters import secrets
from duranb.state.adapters.waiting import finished
from duranb.state.factory import Factory
from duranb.text.called import is_secret_field
from duranb.values import held


def _component(component: Any) -> dict[str, Any]:
    """Of its fields, as it pickles itself: but pickling itself, it deletes from the living object
    what it cannot pickle."""
    fields = dict(vars(component))
    private = component.__pydantic_private__ or {}
    keys = {n: v for n, v in fields.items() if is_secret_field(n) and type(v) is str}
    return {
        "kind": type(component),
        "fields": {name: value for name, value in fields.items() if name not in keys},
        # Not the clients there, which it makes when it first needs them.
        "private": {n: v for n, v in private.items() if v is not None and held.is_data(v)},
        "keys": {name: secrets.where(value) for name, value in keys.items()},
    }


def _component_again(
    kind: Any, fields: dict[str, Any], private: dict[str, Any], keys: dict[str, list[str]]
) -> Any:
    component = kind.__new__(kind)
    fields = fields | {name: secrets.again(found) for name, found in keys.items()}
    component.__setstate__(
        {
            "__dict__": fields,
            "__pydantic_extra__": None,
            "__pydantic_fields_set__": set(fields),
            "__pydantic_private__": private,
        }
    )
    for name, value in private.items():
        setattr(component, name, value)
    return component


_IN_MEMORY = (None, "", ":memory:")


def _callbacks(manager: Any) -> dict[str, Any]:
    return {"handlers": manager.handlers}  # the rest are the random ids of its last trace


def _callbacks_again(handlers: list[Any]) -> Any:
    return import_module("llama_index.core.callbacks").CallbackManager(handlers)


def _chat_store(store: Any) -> dict[str, Any]:
    engine, uri = store._async_engine, str(store.async_database_uri)
    in_memory = store._is_in_memory_uri(uri)
    if in_memory and engine is not None and engine.url.database not in _IN_MEMORY:
        raise TypeError("cannot pickle a chat store that was given an engine of its own")
    if urlsplit(uri).password:
        raise TypeError("cannot pickle a chat store whose address has a password in it")
    rows: list[dict[str, Any]] = []
    if in_memory:
        begun = store._async_session_factory is not None
        rows = finished(store._dump_db_data()) if begun else list(store._db_data or [])
    return {
        "kind": type(store),
        "options": {
            "table_name": store.table_name,
            "async_database_uri": uri,
            "db_schema": store.db_schema,
            "db_data": rows or None,
        },
    }


def _chat_store_again(kind: Any, options: dict[str, Any]) -> Any:
    return kind(**options)


def _context(context: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        # What it leaves out here it leaves out between two runs, too.
        warnings.simplefilter("ignore")
        return {"workflow": context._face._workflow, "data": context.to_dict()}


def _context_again(workflow: Any, data: dict[str, Any]) -> Any:
    return import_module("workflows").Context.from_dict(workflow, data)


FACTORIES = {
    "llama_index.core.callbacks.base.CallbackManager": Factory(
        _callbacks, _callbacks_again, open=True
    ),
    "llama_index.core.schema.BaseComponent": Factory(
        _component, _component_again, open=True, derived=True, unversioned=frozenset({"keys"})
    ),
    "llama_index.core.storage.chat_store.sql.SQLAlchemyChatStore": Factory(
        _chat_store, _chat_store_again, open=True
    ),
    "workflows.context.context.Context": Factory(_context, _context_again, open=True),
}
