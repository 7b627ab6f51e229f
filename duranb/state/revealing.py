"""Values that tell a secret: clients that hold a key, ``SecretStr``, and what is called so.

They are looked at before anything is stored, so that a variable beside them with the same text is
known to be a secret too.
"""

from __future__ import annotations

import contextlib
import types
from typing import Any

from duranb.code.looking import dict_of, module_of, mro_of, own
from duranb.text import secretive
from duranb.text.credentials import is_secret_field
from duranb.text.known import KNOWN

_MOST = 300
"""Objects of one value that are looked at."""

_LONGEST = 2000
"""Characters of a text that may say how to connect."""

_KEYS = ("api_key", "auth_token", "admin_api_key", "webhook_secret", "aws_secret_key")
"""Attributes of clients that hold a credential."""

_CLIENTS = frozenset({"openai", "anthropic", "groq", "mistralai", "cohere", "together", "cerebras"})


def look(name: str, value: object) -> None:
    """Know the secrets that a value of the namespace tells."""
    stack: list[tuple[str, object]] = [(name, value)]
    seen = set[int]()
    for called, part in stack:  # which grows meanwhile: what is nearer comes first
        if len(seen) == _MOST:
            return
        if id(part) in seen:
            continue
        seen.add(id(part))
        kind: Any = type(part)
        if kind is str or kind is bytes:
            _text(called, part)  # type: ignore[arg-type]
        elif kind is dict:
            items: Any = part
            stack += [(k, v) for k, v in list(items.items()) if type(k) is str]
        elif kind is list or kind is tuple:
            stack += [(called, each) for each in part[:20]]  # type: ignore[index]
        elif issubclass(kind, tuple) and (fields := _fields(kind)):
            stack += zip(fields, tuple.__iter__(part), strict=False)  # type: ignore[arg-type]
        elif not issubclass(kind, type) and module_of(kind) != "builtins":
            _reveal(called, part, kind, stack)


def _text(name: str, value: str | bytes) -> None:
    if is_secret_field(name) and len(value) >= 8:
        KNOWN.learn(value, f"{name} in the notebook", sure=not name.lower().endswith("token"))
    elif type(value) is str and len(value) <= _LONGEST:
        for found in secretive.passwords(value):
            KNOWN.learn(found, f"{name} in the notebook")


def _reveal(name: str, value: Any, kind: Any, stack: list[tuple[str, object]]) -> None:
    home = module_of(kind).partition(".")[0]
    if home == "pydantic" and hasattr(kind, "get_secret_value"):
        KNOWN.learn(value.get_secret_value(), f"{kind.__name__} {name} in the notebook")
        return
    held = _own(value)
    if home in _CLIENTS:
        for key in _KEYS:
            if isinstance(secret := held.get(key), str):
                KNOWN.learn(secret, f"{key} of the client {name}")
        return
    if home == "functools" and kind.__name__ == "partial":
        stack += [*value.keywords.items(), *((name, each) for each in value.args)]
    stack += held.items()


def _fields(kind: type) -> tuple[str, ...]:
    """The names of a named tuple's items."""
    found = next((d["_fields"] for k in mro_of(kind) if "_fields" in (d := dict_of(k))), ())
    return found if type(found) is tuple and all(type(n) is str for n in found) else ()


def _own(value: object) -> dict[str, Any]:
    """An object's attributes and slots, without asking it."""
    found: dict[str, Any] = {}
    for kind in mro_of(type(value)):
        for name, slot in list(dict_of(kind).items()):
            if type(slot) is types.MemberDescriptorType:
                with contextlib.suppress(AttributeError):  # not assigned
                    found[name] = slot.__get__(value)
    return found | {n: v for n, v in list(own(value).items()) if type(n) is str}
