"""``scan``: which secrets lie in a store, and where."""

from __future__ import annotations

import contextlib
import errno
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from duranb.errors import DuranbError, StoreError
from duranb.llm.exchange import MAGIC, decode
from duranb.record import events as e
from duranb.record.artifacts import Buffer
from duranb.record.history import History
from duranb.session.places import outcomes_of, runs_of
from duranb.session.reader import Reader, open_reader
from duranb.store import encryption, guarded
from duranb.store.lines import Lines
from duranb.store.paths import LOG
from duranb.store.redaction import LETTERS
from duranb.text.known import KNOWN, MASK
from duranb.views.render import View


def view(reader: Reader) -> View:
    """What is known to be a secret (it stands in the environment), or has the form of one, in the
    events, artifacts and other files of a store, and in those of the notebook's many runs."""
    KNOWN.look_around()
    unseen: list[str] = []
    found = Counter((what, where) for where, what in _found(reader, unseen))
    for run in runs_of(reader.notebook):
        try:
            with open_reader(reader.notebook / run) as other:
                found.update((what, f"run {run}: {where}") for where, what in _found(other, unseen))
        except DuranbError as error:
            unseen.append(f"run {run}: {error.message}")
    try:
        lines = Lines(outcomes_of(reader.notebook)).all()
        found.update((what, "outcomes of its runs") for line in lines for what in _in(line))
    except StoreError as error:
        unseen.append(error.message)
    parts: list[RenderableType] = []
    if found:
        table = Table.grid(padding=(0, 2))
        for (what, where), times in found.items():
            table.add_row(what, where, f"{times} times" if times > 1 else "")
        parts += [table, Text(_ADVICE)]
    else:
        parts.append(Text(f"no secret that is known was found in {reader.store_path}"))
    if unseen:
        parts.append(Text("Not looked at:\n  " + "\n  ".join(unseen)))
    if reader.foreign:
        parts.append(Text(reader.foreign))
    return View(*parts, code=1 if found else 2 if unseen else 0)


_ADVICE = (
    "Nothing was changed. To take them out: duranb redact NOTEBOOK --found (or one value: "
    "duranb redact NOTEBOOK). Then change them where they are used"
)


def _found(reader: Reader, unseen: list[str]) -> Iterator[tuple[str, str]]:
    """Where, and which: for each secret that is found. What could not be looked at goes to
    ``unseen``, as sentences."""
    events = list(reader.events())
    with reader.lock:
        users = _users(reader.history)
        for event in events:
            text = e.encode(event.body)[1].encode()
            for start, end in KNOWN.find(text):
                yield _event(reader.history, event, text[start:end]), _named(text[start:end])
    looked_at = set[str]()
    for event in events:
        if isinstance(event.body, e.ArtifactStored) and event.body.digest not in looked_at:
            digest = event.body.digest
            looked_at.add(digest)
            where = users.get(digest, f"artifact {digest[:12]}")
            try:
                data = reader.raw(digest)
            except StoreError as error:
                unseen.append(f"{where}: {error.message}")
                continue
            yield from ((where, what) for what in _in_artifact(data))
    for path in _files(reader.store_path, looked_at):
        try:
            for data in _pieces(path) if not reader.is_encrypted else _decrypted(path):
                yield from ((str(path.relative_to(reader.store_path)), what) for what in _in(data))
        except OSError as error:
            unseen.append(f"{path}: {error.strerror}")
        except ValueError as error:
            unseen.append(f"{path}: {error}")


_MOST = 1 << 30
"""Bytes of a file that are looked through, beside its holes."""

_PIECE, _OVERLAP = 16 << 20, 64 << 10
"""Bytes that are read at once, and of the ones before that are looked at again."""


def _decrypted(path: Path) -> Iterator[bytes]:
    """What another process has left in an encrypted store. Of all else there only pieces are left
    that were damaged, and nobody can look through. Raises OSError or ValueError."""
    if path.parent.name in LETTERS:
        yield encryption.letter(path)
    elif path.parent.parent.name == "quarantine":
        raise ValueError("it was set aside encrypted, and damaged")


def _pieces(path: Path) -> Iterator[bytes]:
    """A regular file in pieces. Raises OSError, also for one that is too large."""
    with guarded.reading(path) as file:
        end, left = os.fstat(file.fileno()).st_size, _MOST
        before, at = b"", guarded.next_data(file, 0, end)
        while at < end:
            file.seek(at)
            data = file.read(_PIECE)
            left -= len(data)
            if left < 0 or not data:
                raise OSError(errno.EFBIG, f"only its first {_MOST >> 20} MiB were looked through")
            yield before + data
            before = data[-_OVERLAP:]
            at = guarded.next_data(file, at + len(data), end)


def _files(folder: Path, looked_at: set[str]) -> Iterator[Path]:
    """The regular files of a store beside its log and its artifacts."""
    for here, folders, names in os.walk(folder):
        if Path(here) == folder:
            folders[:] = [name for name in folders if name != LOG]
        for name in names:
            path = Path(here) / name
            if name not in looked_at and guarded.is_file(path):
                yield path


def _in_artifact(data: Buffer) -> Iterator[str]:
    yield from _in(data)
    if bytes(data[:4]) == MAGIC:
        with contextlib.suppress(StoreError):  # it only begins like an exchange
            exchange = decode(data)
            plain = exchange.plain
            if plain != exchange.body:
                yield from _in(plain)


def _in(data: Buffer) -> Iterator[str]:
    return (_named(bytes(data[start:end])) for start, end in KNOWN.find(data))


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
