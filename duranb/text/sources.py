"""Code in which a secret is written out: recorded and exported without it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from duranb.errors import UsageError
from duranb.text import secretive
from duranb.text.credentials import is_secret_field
from duranb.text.known import KNOWN, MASK

_GIVEN = re.compile(
    r"""(?P<name>[\w-]{2,40})["']?\s*\]?\s*[=:]\s*[rbf]?(?P<quote>["'])(?P<value>[^"'\n]{8,})(?P=quote)"""
)
"""A text that is given a name: by an assignment, as an argument, in a dict."""

_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|apikey)\s+")

_originals: dict[str, str] = {}
"""Code of this process, by how it is recorded."""


def _learn(source: str) -> None:
    """Know the secrets that are written out in code: they have a name or a form that says so."""
    for found in _GIVEN.finditer(source):
        if is_secret_field(found["name"]):
            value = _SCHEME.sub("", found["value"], count=1)
            KNOWN.learn(value, f"{found['name']} in the notebook's code")
    if "://" in source or "=" in source:
        for value in secretive.in_text(source):
            if "\n" not in value:
                KNOWN.learn(value, "the notebook's code")


def recorded(source: str) -> str:
    """Code as it is recorded: what is a secret in it is masked."""
    _learn(source)
    masked = KNOWN.masked_text(source)
    if masked is not source:
        _originals[masked] = source
    return masked


def runnable(source: str, step: str) -> str:
    """Recorded code as it can be run. Raises :class:`UsageError` where a secret is missing in it
    that this process has not seen."""
    found = _originals.get(source, source)
    if MASK in found:
        raise UsageError(
            f"the code of {step!r} had a secret written out, which is not recorded, so that it "
            "cannot be run from the record: run its cell. Kept in the environment "
            "(os.environ[…]) the secret is found again by itself"
        )
    return found


def exported(source: str) -> str:
    """Code as it may leave the notebook: a text that is a secret is looked up in the environment
    instead, and within a longer text it is masked."""
    _learn(source)
    data = source.encode()
    made, at = [], 0
    for start, end in KNOWN.find(data):
        if _is_literal(data, start, end):
            start, end, instead = start - 1, end + 1, _looked_up(data[start:end].decode())
        else:
            instead = MASK
        made += [data[at:start].decode(), instead]
        at = end
    return "".join([*made, data[at:].decode()]) if made else source


def _is_literal(data: bytes, start: int, end: int) -> bool:
    """Whether what lies between is all of a plain string in Python code."""
    before, quote = data[max(start - 2, 0) : start - 1], data[start - 1 : start]
    if quote not in (b'"', b"'") or data[end : end + 1] != quote or before == quote:
        return False
    return not (before and secretive.is_word(before[0]))


def _looked_up(value: str) -> str:
    name = next(_variables(value), "SECRET")
    return f'__import__("os").environ["{name}"]'


def _variables(value: str) -> Iterator[str]:
    return (name for name, there in os.environ.items() if there == value)
