"""Code in which a secret is written out: recorded and exported without it."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator

from duranb.errors import UsageError
from duranb.text import secretive
from duranb.text.called import is_secret_field, may_be_secret, names_some
from duranb.text.known import KNOWN, MASK
from duranb.text.written import written

_GIVEN = re.compile(
    r"""(?x)
    (?P<name>[\w-]{2,40})["']?\s*\]?\s*(?::=|[=:])
    \s*[rbf]{0,2}(?P<quote>["'])(?P<value>[^"'\n]{8,})(?P=quote)
    """
)
"""A text that is given a name in what is no Python: a comment, JSON, a cell of the shell."""

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

_OTHER = re.compile(
    r"(?m)^%%(?:!|bash|sh|script|system|sx|cmd|perl|ruby|html|HTML|javascript|js|writefile)\b.*$"
)

_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|apikey)\s+")

_originals: dict[str, str] = {}
"""Code of this process, by how it is recorded."""


def _learn(source: str) -> None:
    """Know the secrets that are written out in code: they have a name or a form that says so."""
    if names_some(source):
        for found in _GIVEN.finditer(source):
            _learn_named(found["name"], found["value"], direct=True)
        for each in written(source):
            _learn_named(each.name, each.text, direct=each.direct, told=True)
    for found in _TOLD.finditer(source):
        KNOWN.learn(found["value"], "the notebook's code")
    for text in _texts(source):
        for value in secretive.in_text(text):
            if "\n" not in value:
                KNOWN.learn(value, "the notebook's code")


def _learn_named(name: str, text: str, *, direct: bool, told: bool = False) -> None:
    sure = is_secret_field(name)
    if told or may_be_secret(name):
        value = _SCHEME.sub("", text, count=1)
        KNOWN.learn(value, f"{name} in the notebook's code", sure=sure and direct)


def _texts(source: str) -> Iterator[str]:
    """What code says in texts, in comments and to the shell: the rest is names, and calls. Of
    another language, which begins with its magic, all."""
    if other := _OTHER.search(source):
        yield source[other.end() :]
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
    """Where the plain texts of code begin and end, without their quotes. One in several pieces is
    none: nothing else could stand in the place of a piece."""
    code = data.decode("latin-1")  # a character is a byte
    every = [each for each in _TEXT.finditer(code) if each.lastgroup in ("double", "single")]
    joined = {
        id(each)
        for pair in itertools.pairwise(every)
        for each in pair
        if not code[pair[0].end() : pair[1].start()].strip()
    }
    spans = [each.span(each.lastgroup or 0) for each in every if id(each) not in joined]
    return {(a, b) for a, b in spans if a < 2 or not secretive.is_word(data[a - 2])}


def _looked_up(value: str) -> str:
    name = next(_variables(value), "SECRET")
    return f'__import__("os").environ["{name}"]'


def _variables(value: str) -> Iterator[str]:
    return (name for name, there in os.environ.items() if there == value)
