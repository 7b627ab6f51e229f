"""Bytes of any kind for whatever reads what others wrote: each is read, or refused by name.

Mutated samples meet them in :mod:`tests.faults.test_fuzzing`, and what coverage leads to in
:mod:`tests.faults.guided`.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import shlex
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from duranb.engine import options
from duranb.errors import StoreDamaged, StoreTooNew, UsageError
from duranb.export import TARGETS, ExportError, build, rendered
from duranb.export.notebook import cells_of, read
from duranb.llm import reading, sse
from duranb.llm.endpoints import recognise
from duranb.llm.exchange import Header, encode
from duranb.record import events as e
from duranb.store import chain, segments
from duranb.verbs.declaration import Headless
from duranb.verbs.parser import command, parse
from duranb.verbs.table import VERBS
from tests.servers import answers

PATHS = (
    *("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"),
    *("/v1beta/models/g:generateContent", "/v1/completions", "/x"),
)
ASKED: Any = {"model": "m", "messages": [], "input": "x", "contents": [], "prompt": "x"}


def wire(data: bytes) -> None:
    """An answer of a model, or of any server: its first byte says of which, and how it comes."""
    which, body = data[:1] or b"\0", data[1:]
    path = PATHS[which[0] % len(PATHS)]
    kind = "text/event-stream" if which[0] & 64 else "application/json"
    endpoint = recognise("POST", path, ASKED)
    found = reading.read(endpoint, f"http://a{path}", ASKED, kind, body)
    e.encode(e.CallFailed(**_OF_CALL, error=e.ErrorInfo(type="x", message=found.preview)))
    header = Header(
        method="POST",
        url=f"http://a{path}",
        content_type="application/json",
        request_size=len(body),
        request_kept=len(body),
        headers=[("content-type", kind), ("content-encoding", "gzip" if which[0] & 32 else "")],
        chunks=[len(body)],
    )
    json.dumps(reading.describe(b"".join(bytes(x) for x in encode(header, body, [body]))))
    with contextlib.suppress(StoreDamaged, StoreTooNew):
        reading.describe(data)


_OF_CALL: Any = dict.fromkeys(("call", "execution", "attempt", "occurrence"), 1) | dict.fromkeys(
    ("step", "key", "kind", "name"), "http"
)


def events(data: bytes) -> None:
    """A stream of events: they are the same in whatever pieces they come."""
    whole = sse.Splitter()
    found = whole.feed(data)
    at = data[0] % (len(data) + 1) if data else 0
    pieces = sse.Splitter()
    assert pieces.feed(data[:at]) + pieces.feed(data[at:]) == found or b"\r" in data
    for event in found:
        sse.verdict(event)
        sse.finishes(event)
    sse.payloads(data)


def lines(data: bytes) -> None:
    """The first line of a durable cell, and lines of verbs."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(UsageError):
        options.parse(text)
    try:
        word, *words = shlex.split(text)
    except ValueError:
        return
    verb = VERBS.get(word)
    if verb is None or issubclass(verb, Headless):
        return
    made = command(verb, lambda given, **confirmed: given, shell=False, before="%duranb")
    with contextlib.suppress(UsageError), contextlib.redirect_stdout(io.StringIO()):
        given = parse(made, f"%duranb {word}", words)
        assert given is None or isinstance(given, verb)


def notebooks(data: bytes) -> None:
    """A notebook's file. What is read of it is exported to code that is Python."""
    with tempfile.TemporaryDirectory(prefix="fuzzing-") as folder:
        file = Path(folder) / "a.ipynb"
        file.write_bytes(data)
        with contextlib.suppress(ExportError):
            _export(*read(file))


def cells(data: bytes) -> None:
    """Code cells, with a NUL between each two. They are exported to code that is Python."""
    sources = data.decode("utf-8", "replace").split("\0")
    with contextlib.suppress(ExportError):
        _export(*cells_of([("code", source) for source in sources]))


def _export(title: str, found: list[Any]) -> None:
    graph = build(title, found)
    for target in TARGETS:
        with contextlib.suppress(ExportError):
            made = rendered(graph, target)
            if target in ("script", "steps", "langgraph"):
                ast.parse(made)
            elif target == "json":
                json.loads(made)


def logs(data: bytes) -> None:
    """A segment of a log: what is whole in it is found, and is events."""
    size = segments.HEAD_SIZE
    with contextlib.suppress(StoreDamaged, StoreTooNew):
        segments.read_header(data[:size], Path("log"))
    with io.BytesIO(data) as file:
        at = 0
        for frame in segments.frames(file, 1, 0, len(data)):
            assert at <= frame.start < frame.end <= len(data)
            at = frame.end
            for record in frame.records:
                chain.body(record.data)
    assert at == len(data)


def resealed(data: bytes) -> None:
    """The body of a frame of which the checksum is right: somebody wrote it on purpose."""
    front = segments.FRAME.pack(b"\xd5fr\n", zlib.crc32(data), len(data))
    logs(front + data)


READERS: dict[str, Callable[[bytes], None]] = {
    reader.__name__: reader for reader in (wire, events, lines, notebooks, cells, logs, resealed)
}

_CELLS = [
    "import os\nx = 1",
    "%%durable one --retries 3\ny = x + 1\nprint(y)",
    "%%durable two --inputs y\nz = [y, x]\nfor i in z: print(i)",
    "%%compensate two\nprint('undone')",
    "!ls\n%time z",
]


def _log() -> bytes:
    writer = segments.FrameWriter(1, segments.HEAD_SIZE, sealed=False)
    at = chain.GENESIS
    for seq, body in enumerate([e.RunStarted(run="a"), e.SessionOpened(pid=1)], 1):
        text = e.encode(body)[1]
        at = chain.link(at, seq, 1, text)
        writer.add(seq, 1, at, text.encode(), b"payload")
    return segments.header(1, chain.GENESIS) + writer.frame(None)


def _notebook() -> bytes:
    made = [
        {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": 1}
        for source in _CELLS
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()


TALK: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "input": "hi"}
_STREAMS = [answers.chat_events(TALK, "said"), answers.message_events(TALK, "said")]
_WHOLE = [answers.chat(TALK, "said"), answers.response(TALK, "said"), answers.message(TALK, "said")]

SAMPLES: dict[str, list[bytes]] = {
    "wire": [bytes([n]) + json.dumps(each).encode() for n, each in enumerate(_WHOLE)]
    + [bytes([64 + n]) + "".join(each).encode() for n, each in enumerate(_STREAMS)],
    "events": ["".join(each).encode() for each in _STREAMS],
    "lines": [
        b"one --retries 3 --backoff 0.5 --retry-on ValueError,a.B --inputs a,b --budget 3",
        b"two --validate 'x > 1' --outputs x --ignore y --fresh --always --timeout 9",
        b"replay one --from two --stale --live --with 'x=1 + 2' --yes",
        b"limits --requests 5 --tokens 7 --concurrent 2 --off",
        b"answer 17 '{\"a\": [1, true]}' --why 'it is so' --by me",
        b"compensate one --chain --happened '3' --dry-run",
    ],
    "notebooks": [_notebook()],
    "cells": [source.encode() for source in ["\0".join(_CELLS), *_CELLS]],
    "logs": [_log()],
    "resealed": [_log()[segments.HEAD_SIZE + segments.FRAME.size :]],
}
"""What each reader reads well."""
