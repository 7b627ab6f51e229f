"""``scan``: which secrets lie in a store, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from duranb.errors import StoreError
from duranb.llm import decoding
from duranb.llm.exchange import MAGIC, decode
from duranb.record import events as e
from duranb.record.history import History
from duranb.session.reader import Reader
from duranb.text.known import KNOWN, MASK
from duranb.views.render import View

_ELSEWHERE = ("quarantine", "takeover", "answers", "store.duckdb", "store.duckdb.wal")
"""Of a store's folder, what else is looked through."""


def view(reader: Reader) -> View:
    """What is known to be a secret (it stands in the environment), or has the form of one, in the
    events, artifacts and other files of a store."""
    KNOWN.look_around()
    found = Counter((what, where) for where, what in _found(reader))
    if not found:
        note = f". {reader.foreign}" if reader.foreign else ""
        return View(Text(f"no secret that is known was found in {reader.store_path}{note}"))
    table = Table.grid(padding=(0, 2))
    for (what, where), times in found.items():
        table.add_row(what, where, f"{times} times" if times > 1 else "")
    advice = (
        "Nothing was changed. To take them out: duranb redact NOTEBOOK --found (or one value: "
        "duranb redact NOTEBOOK). Then change them where they are used"
    )
    return View(table, Text(advice))


def _found(reader: Reader) -> Iterator[tuple[str, str]]:
    """Where, and which: for each secret that is found."""
    users: dict[str, str] = {}
    events = list(reader.events())
    with reader.lock:
        users = _users(reader.history)
        for event in events:
            text = e.encode(event.body)[1].encode()
            for start, end in KNOWN.find(text):
                yield _event(reader.history, event, text[start:end]), _named(text[start:end])
    for event in events:
        if isinstance(event.body, e.ArtifactStored):
            digest = event.body.digest
            where = users.get(digest, f"artifact {digest[:12]}")
            yield from ((where, what) for what in _in_artifact(reader, digest))
    for name in _ELSEWHERE:
        for path in _files(reader.store_path / name):
            yield from ((str(path), what) for what in _in(path.read_bytes()))


def _files(path: Path) -> Iterator[Path]:
    if path.is_file() and not path.is_symlink():
        yield path
    elif path.is_dir() and not path.is_symlink():
        yield from (p for p in path.rglob("*") if p.is_file() and not p.is_symlink())


def _in_artifact(reader: Reader, digest: str) -> Iterator[str]:
    try:
        data = bytes(reader.artifacts.get(digest))
        yield from _in(data)
        if data.startswith(MAGIC):
            exchange = decode(data)
            encoding = exchange.header.response_header("content-encoding")
            if encoding:
                yield from _in(decoding.whole(encoding, bytes(exchange.body)))
    except StoreError:
        return  # it is foreign, or damaged: verify says so


def _in(data: bytes) -> Iterator[str]:
    return (_named(data[start:end]) for start, end in KNOWN.find(data))


def _named(secret: bytes) -> str:
    """Which secret it is, without saying it."""
    said = KNOWN.said(secret)
    return said or f"{secret[:4].decode('utf-8', 'replace')}… ({len(secret)} bytes)"


def _event(history: History, event: e.Event, secret: bytes) -> str:
    body: Any = event.body
    number = getattr(body, "execution", 0)
    this = history.executions.get(number)
    step = getattr(body, "step", "") or (this.step if this else "")
    field = next(_fields(msgspec.to_builtins(body), secret.decode("utf-8", "replace"), ""), "")
    whose = f"step {step}@{number}, " if step and number else ""
    return f"{whose}event {event.seq} ({e.type_of(body)}) {field}".rstrip()


def _fields(part: Any, secret: str, path: str) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            yield from _fields(value, secret, f"{path}.{name}".lstrip("."))
    elif isinstance(part, (list, tuple)):
        for value in part:
            yield from _fields(value, secret, path)
    elif isinstance(part, str) and secret in part and MASK not in secret:
        yield path


def _users(history: History) -> dict[str, str]:
    """What each artifact is of, in words."""
    found: dict[str, str] = {}
    for snapshot in history.snapshots.values():
        for name, binding in snapshot.changed.items():
            found.setdefault(binding.artifact, f"variable {name} (snapshot {snapshot.id})")
    for call in history.calls.values():
        whose = f"step {call.step}@{call.execution}, call {call.id} ({call.name})"
        for what in (call.response, call.arguments, call.result.artifact if call.result else ""):
            found[what] = whose
    for this in history.executions.values():
        found[this.messages] = f"step {this.step}@{this.id}, its printed output"
        found[this.arguments] = f"step {this.step}@{this.id}, its arguments"
        for name, binding in this.outputs.items():
            found[binding.artifact] = f"step {this.step}@{this.id}, variable {name}"
        if this.result is not None:
            found[this.result.artifact] = f"step {this.step}@{this.id}, its result"
    found.pop("", None)
    return found
