"""Code in which a secret is written out: recorded and exported without it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import chain

from duranb.errors import UsageError
from duranb.text import secretive
from duranb.text.credentials import is_secret_field
from duranb.text.known import KNOWN, MASK

_GIVEN = re.compile(
    r"""(?x)
    (?P<name>[\w-]{2,40})["']?\s*\]?\s*(?::=|[=:])
    \s*[rbf]{0,2}(?P<quote>["'])(?P<value>[^"'\n]{8,})(?P=quote)
    """
)
"""A text that is given a name: by an assignment, as an argument, in a dict."""

_ANNOTATED = re.compile(
    r"""(?x)
    (?P<name>\w{2,40})[ ]*:[ ]*[\w.,\ |\[\]]{1,40}=
    \s*[rbf]{0,2}(?P<quote>["'])(?P<value>[^"'\n]{8,})(?P=quote)
    """
)
"""The same, where a type stands in between."""

_PAIRED = re.compile(
    r"""["'](?P<name>[\w-]{2,40})["']\s*,\s*[rb]?(?P<quote>["'])(?P<value>[^"'\n]{8,})(?P=quote)"""
)
"""A name and a text, as ``setdefault`` and ``setattr`` are given them."""

_TOLD = re.compile(
    r"""(?x)
    (?:\b(?:SecretStr|SecretBytes|secret)\(
      |(?:\bauth\s*=\s*\(|Auth\()\s*["'][^"'\n]*["']\s*,)  # a user, and a password
    \s*[rb]?(?P<quote>["'])(?P<value>[^"'\n]{4,})(?P=quote)
    """
)
"""A text that is given to what takes secrets."""

_TEXT = re.compile(
    r"""(?msx)
    ^[ \t]*[!%](?P<line>[^\n]*)
    | \#(?P<comment>[^\n]*)
    | (?P<three>\"{3}|'{3})(?P<long>(?:\\.|(?!(?P=three)).)*)(?P=three)
    | "(?P<double>(?:\\.|[^"\\\n])*)"
    | '(?P<single>(?:\\.|[^'\\\n])*)'
    """
)
"""Lines for the shell and magics, comments, and the texts of code. What is not closed is none."""

_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|apikey)\s+")

_originals: dict[str, str] = {}
"""Code of this process, by how it is recorded."""


def _learn(source: str) -> None:
    """Know the secrets that are written out in code: they have a name or a form that says so."""
    for found in chain(_GIVEN.finditer(source), _ANNOTATED.finditer(source)):
        if is_secret_field(found["name"]):
            value = _SCHEME.sub("", found["value"], count=1)
            KNOWN.learn(value, f"{found['name']} in the notebook's code")
    for found in _PAIRED.finditer(source):
        if is_secret_field(found["name"]):
            KNOWN.learn(found["value"], f"{found['name']} in the notebook's code", sure=False)
    for found in _TOLD.finditer(source):
        KNOWN.learn(found["value"], "the notebook's code")
    for text in _texts(source):
        for value in secretive.in_text(text):
            if "\n" not in value:
                KNOWN.learn(value, "the notebook's code")


def _texts(source: str) -> Iterator[str]:
    """What code says in texts, in comments and to the shell: the rest is names, and calls."""
    for found in _TEXT.finditer(source):
        yield found[found.lastgroup or 0]


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
    found = KNOWN.find(data)
    literals = _literals(data) if found else set[tuple[int, int]]()
    made, at = [], 0
    for start, end in found:
        if (start, end) in literals:
            start, end, instead = start - 1, end + 1, _looked_up(data[start:end].decode())
        else:
            instead = MASK
        made += [data[at:start].decode(), instead]
        at = end
    return "".join([*made, data[at:].decode()]) if made else source


def _literals(data: bytes) -> set[tuple[int, int]]:
    """Where the plain texts of code begin and end, without their quotes."""
    code = data.decode("latin-1")  # a character is a byte
    found = set()
    for each in _TEXT.finditer(code):
        if each.lastgroup in ("double", "single"):
            start, end = each.span(each.lastgroup)
            if start < 2 or not secretive.is_word(data[start - 2]):
                found.add((start, end))
    return found


def _looked_up(value: str) -> str:
    name = next(_variables(value), "SECRET")
    return f'__import__("os").environ["{name}"]'


def _variables(value: str) -> Iterator[str]:
    return (name for name, there in os.environ.items() if there == value)
