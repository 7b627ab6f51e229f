"""Values that tell a secret: clients that hold a key, ``SecretStr``, and what is called so.

They are looked at before anything is stored, so that a variable beside them with the same text is
known to be a secret too.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import types
from typing import Any

from duranb.code.looking import dict_of, module_of, mro_of, own, own_failure, which
from duranb.text import secretive
from duranb.text.called import is_secret_field, may_be_secret
from duranb.text.credentials import learn_header
from duranb.text.known import KNOWN

_MOST = 300
"""Objects of one value that are looked at."""

_ITEMS = 20
"""Items of one list that are looked at."""

_SEVERAL = frozenset(map(which, (list, tuple, set, frozenset, collections.deque)))

_SHORTEST = 8

_LONGEST = 2000
"""Characters of a text that may say how to connect."""

_KEYS = ("api_key", "auth_token", "admin_api_key", "webhook_secret", "aws_secret_key")
"""Attributes of clients, and of their modules, that hold a credential."""

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
        elif issubclass(kind, dict):
            every: list[Any] = list(dict.items(part))  # type: ignore[arg-type]
            items = [(k, v) for k, v in every if type(k) is str]
            stack += [*_told(items), *items]
        elif which(kind) in _SEVERAL:
            several = list(itertools.islice(part, _ITEMS))  # type: ignore[call-overload]
            stack += _paired(called, several) + [(called, each) for each in several]
        elif issubclass(kind, tuple) and (fields := _fields(kind)):
            stack += zip(fields, tuple.__iter__(part), strict=False)  # type: ignore[arg-type]
        if kind is types.ModuleType:
            held = vars(part)
            stack += [(key, held[key]) for key in _KEYS if type(held.get(key)) is str]
        elif not issubclass(kind, type) and module_of(kind) != "builtins":
            _reveal(called, part, kind, stack)


def _told(items: list[tuple[str, object]]) -> list[tuple[str, object]]:
    """What ``{"name": "API_KEY", "value": …}`` says."""
    own = dict(items)
    name = next((n for key in ("name", "key", "Name") if type(n := own.get(key)) is str), "")
    return [(name, own[key]) for key in ("value", "Value") if name and key in own]


def _paired(called: str, several: list[object]) -> list[tuple[str, object]]:
    """What a name and a text say, as a list of headers has them, and a user and a password."""
    if len(several) != 2 or type(name := several[0]) is not str:
        return []
    text = several[1]
    is_text = type(text) is str or type(text) is bytes
    return [("password" if called == "auth" else name, text)] if is_text else []


def _text(name: str, value: str | bytes) -> None:
    said = f"{name} in the notebook"
    if len(value) < _SHORTEST:
        return
    if type(value) is str and (lower := name.lower()).endswith(("authorization", "cookie")):
        learn_header(lower, value, "in the notebook")
    elif is_secret_field(name):
        KNOWN.learn(value, said, sure=not name.lower().endswith("token"))
    elif may_be_secret(name):
        KNOWN.learn(value, said, sure=False)
    elif type(value) is str and len(value) <= _LONGEST:
        for found in secretive.passwords(value):
            KNOWN.learn(found, said)


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
    if home in ("pandas", "polars") and kind.__name__ == "DataFrame":
        stack += _columns(value)
        return
    # What is called ``value`` is the value of what is called so: a cookie, a widget.
    stack += [(name if n.strip("_") == "value" else n, v) for n, v in held.items()]


def _columns(frame: Any) -> list[tuple[str, object]]:
    """The first texts of a frame's columns that are called so; none of a frame that is not whole,
    and cannot be asked."""
    try:
        names = [c for c in frame.columns if type(c) is str and is_secret_field(c)]
        return [(name, list(frame[name].head(_ITEMS))) for name in names]
    except BaseException as error:  # of any kind: it is the library's own code
        if not own_failure(error):
            raise
        return []


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
