"""The secrets that this process knows, by their value, wherever they turn up.

A credential that a request carried, that stands in the environment, in a client or in a
``SecretStr`` is learned once. From then on whatever is about to be stored is searched for all of
them at once, and each is masked by as many bytes as it has: what holds it (a pickle, JSON, an HTTP
body with the sizes of its chunks) keeps its shape.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

import xxhash

from duranb.text import secretive

if TYPE_CHECKING:  # it is loaded when something is looked through for the first time
    from ahocorasick_rs import BytesAhoCorasick

MASK = "*secret*"
"""How a masked secret begins; stars follow."""

Span = tuple[int, int]

Source = tuple[str, ...]
"""Where a secret is found again: ``environment`` and a name, ``keyring`` with service and user,
``given`` and the name that the user gave it, ``process`` and what tells it in this one alone."""

_HEAD = 16
"""Bytes of a token by which it is recognised: where only its beginning is shown, that is masked."""

_TOKEN = re.compile(rb"(?!eyJ)[A-Za-z0-9_-]{20,}")
"""What begins like no other: of anything else (a URL, a key in PEM, a JWT) only the whole tells."""

_LARGE = 1 << 12
"""Bytes from which a digest takes less than a search."""

_MOST = 1 << 14
"""Digests that are remembered."""

Form = Callable[[bytes, int], int]
"""Given bytes and a place in them: where what is there ends, or 0 where it is something else."""


Formats = tuple[tuple[bytes, "re.Pattern[bytes]"], ...]


class Known:
    """What is known, beside keys of some ``formats``. Safe from any thread."""

    def __init__(self, formats: Formats = secretive.FORMATS) -> None:
        self._said: dict[bytes, str] = {}
        self._sources: dict[bytes, list[Source]] = {}
        self._found: dict[Source, bytes] = {}
        self._patterns: list[re.Pattern[bytes]] = []
        self._heads: dict[bytes, list[Form]] = {}
        self._mutex = threading.RLock()  # as the store's: each append looks around
        self._matcher: tuple[BytesAhoCorasick, list[list[Form]]] | None = None
        self._free: set[bytes] = set()
        self.learned = 0
        """How often something was learned: what was searched before is to be searched again."""
        self._environment: dict[str, str] = {}
        self._raw: dict[Any, Any] = {}
        for start, pattern in formats:
            self._heads.setdefault(start, []).append(_formatted(pattern))

    def learn(
        self,
        value: str | bytes,
        said: str,
        *,
        sure: bool = True,
        plain: bool = False,
        source: Source | None = None,
    ) -> None:
        """Know a secret; ``said`` tells people where it was seen. What is too short or too common
        to be one is left out, and where nobody is ``sure`` whatever does not look like a token.
        With ``plain`` the user has said so. ``source`` is where it is found again.
        """
        data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        if source is not None:
            self._found[source] = data
            self._sources.setdefault(data, []).append(source)
        if data in self._said or not (plain or secretive.may_be(data, sure=sure)):
            return
        with self._mutex:
            if data in self._said:
                return
            for form in secretive.forms(data):
                whole = len(form) <= _HEAD or _TOKEN.fullmatch(form) is None
                head = form if whole else form[: max(8, min(_HEAD, len(form) // 2))]
                self._heads.setdefault(head, []).append(_literal(form))
            self._matcher = None
            self._has_learned()
            self._said[data] = said  # last: whoever finds it here may rely on its being masked

    def learn_pattern(self, pattern: re.Pattern[str]) -> None:
        """Know that whatever fits a pattern is a secret."""
        with self._mutex:
            flags = pattern.flags & ~re.UNICODE
            self._patterns.append(re.compile(pattern.pattern.encode(), flags))
            self._has_learned()

    def _has_learned(self) -> None:
        self._free = set()
        self.learned += 1

    def look_around(self) -> None:
        """Learn what stands in the environment by now."""
        raw = getattr(os.environ, "_data", os.environ)  # not decoded to be compared, often
        if raw != self._raw:
            seen, before = dict(raw), self._environment
            # Not asked of os.environ, from which another thread may take a name meanwhile.
            now = {os.fsdecode(name): os.fsdecode(value) for name, value in seen.items()}
            for name, value in now.items():
                if before.get(name) != value:
                    for found in secretive.in_variable(name, value):
                        self.learn(found, f"${name}")
            self._raw, self._environment = seen, now  # last: others look at the same time

    def __len__(self) -> int:
        """How many are known."""
        return len(self._said)

    def said(self, value: str | bytes) -> str:
        """Where a secret was seen, an empty string for what is none, or only looks like one."""
        data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        return self._said.get(data, "")

    def sources(self, value: bytes) -> list[Source]:
        """Where a secret is found again, beside the environment and variables; in this process it
        is always."""
        with self._mutex:
            found = self._sources.setdefault(value, [])
            if not any(source[0] == "process" for source in found):
                here = ("process", token_hex(8))
                self._found[here] = value
                found.append(here)
            return list(found)

    def found(self, source: Source) -> bytes | None:
        """The secret from a source, if this process has it."""
        return self._found.get(source)

    def values(self) -> Iterator[tuple[bytes, str]]:
        """All that are known, and where each was seen."""
        return iter(list(self._said.items()))

    def find(self, data: bytes | bytearray | memoryview) -> list[Span]:
        """Where secrets stand in some bytes, in order, none of them in another."""
        automaton, forms = self._matcher or self._built()
        found = []
        for index, start, _ in automaton.find_matches_as_indexes(data, overlapping=True):
            end = max(form(data, start) for form in forms[index])  # type: ignore[arg-type]
            if end:
                found.append((start, end))
        for pattern in self._patterns:
            found += [match.span() for match in pattern.finditer(data)]
        return _merged(found) if found else found

    def holds(self, data: bytes | bytearray | memoryview) -> bool:
        """Whether a secret stands in some bytes. A value is looked at with every cell that uses it:
        that large ones had none is remembered by their digest, which takes a hundredth of the
        time, until another secret is known."""
        free = self._free  # another thread that learns a secret puts a new one there
        if len(data) < _LARGE:
            return bool(self.find(data))
        digest = xxhash.xxh3_128_digest(data)
        if digest in free:
            return False
        if self.find(data):
            return True
        if len(free) >= _MOST:
            free.clear()
        free.add(digest)
        return False

    def masked(self, data: bytes) -> bytes:
        """The same bytes with the secrets masked; the very same object where there are none."""
        found = self.find(data)
        if not found:
            return data
        made = bytearray(data)
        for start, end in found:
            made[start:end] = _stand_in(data[start:end])
        return bytes(made)

    def masked_text(self, text: str) -> str:
        """The same for a text."""
        data = text.encode("utf-8", "surrogatepass")
        masked = self.masked(data)
        return text if masked is data else masked.decode("utf-8", "surrogatepass")

    def _built(self) -> tuple[BytesAhoCorasick, list[list[Form]]]:
        from ahocorasick_rs import BytesAhoCorasick

        with self._mutex:
            built = BytesAhoCorasick(list(self._heads)), list(self._heads.values())
            self._matcher = built
        return built


def mask(size: int) -> bytes:
    """What stands for a secret of so many bytes."""
    return MASK.encode().ljust(size, b"*") if size >= len(MASK) else b"*" * size


def _stand_in(secret: bytes) -> bytes:
    """A mask that has as many bytes as a secret, and to a character as many as it has."""
    zeros = len(secret[1:4]) - len(secret[1:4].lstrip(b"\0")) if secret[:1] != b"\0" else 0
    if zeros not in (1, 3):
        return mask(len(secret))
    width = zeros + 1
    wide = mask(-(-len(secret) // width)).decode().encode(f"utf-{8 * width}-le")
    return wide[: len(secret)]


def _literal(form: bytes) -> Form:
    def end(data: bytes, start: int) -> int:
        there = data[start : start + len(form)]
        if there == form:
            return start + len(form)
        pairs = enumerate(zip(there, form, strict=False))
        return start + next((i for i, (one, other) in pairs if one != other), len(there))

    return end


def _formatted(pattern: re.Pattern[bytes]) -> Form:
    def end(data: bytes, start: int) -> int:
        if start and secretive.is_word(data[start - 1]):
            return 0
        found = pattern.match(data, start)
        return found.end() if found and not secretive.is_example(found.group()) else 0

    return end


def _merged(spans: Iterable[Span]) -> list[Span]:
    made: list[Span] = []
    for start, end in sorted(spans):
        if made and start < made[-1][1]:
            made[-1] = made[-1][0], max(end, made[-1][1])
        elif end > start:
            made.append((start, end))
    return made


V = TypeVar("V", str, bytes, re.Pattern[str])

KNOWN = Known()
"""What is known in this process."""


def secret(value: V, name: str = "") -> V:
    """Tell duranb that a value is a secret, or that whatever fits a compiled pattern is one; gives
    it back. It is never stored: a variable that is or holds it becomes a reference to where it is
    found again, and elsewhere it is masked. Once this was called with its ``name`` in a new process
    it is found there.

    Raises ValueError for a value of less than four characters, which would be found everywhere.
    """
    if isinstance(value, re.Pattern):
        KNOWN.learn_pattern(value)
        return value
    if len(value) < _SHORTEST:
        raise ValueError("a secret of less than four characters would be found in everything")
    source = ("given", name) if name else None
    KNOWN.learn(value, "duranb.secret", plain=True, source=source)
    return value


_SHORTEST = 4
