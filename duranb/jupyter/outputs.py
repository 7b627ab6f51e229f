"""Catching what a cell puts out, and putting it out again."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from jupyter_client.jsonutil import json_default

from duranb.engine.context import now_us
from duranb.jupyter import figures
from duranb.jupyter.descriptors import Descriptors

KEPT = frozenset(
    {"stream", "display_data", "execute_result", "update_display_data", "clear_output"}
)
"""The message types that make up a cell's output area."""

FIGURES = "figures"
"""The type under which it is kept how many figures pyplot held at the end, if not those it did
at the beginning."""

PAYLOAD = "payload"
"""The type under which a payload is kept: what a cell's reply asks the front end to do."""

_DEEDS = frozenset({"ask_exit"})
"""Payloads that are no output: the kernel is not shut down again by what is restored."""


class Outputs:
    """Taps the kernel's one way out while a durable cell runs.

    ``kernel.session.send`` sees what ``print``, threads, subprocesses, ``display`` and the display
    hook put out; nothing below it sees all of them. What it sees belongs to the cell that it names
    as its parent: a task that an earlier cell left running puts out something of that one's.
    """

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._descriptors = Descriptors()
        self._kept: list[dict[str, Any]] | None = None
        self._parent = ""
        self._held: frozenset[int] = frozenset()
        self._payloads: list[dict[str, Any]] = []
        self._plain: Callable[..., Any] | None = None
        if kernel is not None:
            self._plain = kernel.session.send
            kernel.session.send = self._send

    def close(self) -> None:
        """Take the tap off."""
        if self._plain is not None:
            self._kernel.session.send = self._plain
            self._plain = None

    def _send(
        self,
        stream: Any,
        msg_or_type: Any,
        content: Any = None,
        parent: Any = None,
        ident: Any = None,
        buffers: Any = None,
        track: bool = False,
        header: Any = None,
        metadata: Any = None,
    ) -> Any:
        assert self._plain is not None
        # What cannot be sent (a lone surrogate has no UTF-8) raises here, and is no output.
        sent = self._plain(
            stream, msg_or_type, content, parent, ident, buffers, track, header, metadata
        )
        if self._kept is not None:
            if isinstance(msg_or_type, str):
                self._keep(msg_or_type, content, parent, metadata)
            elif isinstance(msg_or_type, dict) and "msg_type" in msg_or_type:
                message = msg_or_type
                self._keep(
                    message["msg_type"],
                    message["content"],
                    message.get("parent_header"),
                    message.get("metadata"),
                )
        return sent

    def _keep(self, kind: str, content: Any, parent: Any, metadata: Any) -> None:
        if kind not in KEPT or content is None or _id_of(parent) != self._parent:
            return
        if content.get("metadata", {}).get("duranb"):
            return  # duranb's own, put out from another thread while the cell ran
        kept = self._kept
        assert kept is not None
        if kind == "stream" and kept and kept[-1]["type"] == "stream":
            last = kept[-1]["content"]
            if last["name"] == content["name"]:
                last["text"].append(content["text"])
                return
        # As it was sent: whoever displayed it may change it, or have it hold numbers of numpy's.
        content = msgspec.to_builtins(content, enc_hook=json_default)
        if kind == "stream":
            content = {**content, "text": [content["text"]]}
        message = {"type": kind, "content": content, "at": now_us()}
        if metadata:
            message["metadata"] = dict(metadata)
        kept.append(message)

    def begin(self) -> None:
        """Keep what is put out from now on, and nothing from before."""
        self.flush()
        if self._kernel is not None:
            self._parent = _id_of(self._kernel.get_parent())
            self._payloads = self._payloads_now()
        self._held = figures.open_ones()
        self._descriptors.begin()
        self._kept = []

    def end(self) -> list[dict[str, Any]]:
        """All that was put out since :meth:`begin`."""
        self._descriptors.drain()
        self.flush()
        kept, self._kept = self._kept or [], None
        for message in kept:
            if message["type"] == "stream":
                message["content"]["text"] = "".join(message["content"]["text"])
        return kept + self._new_payloads() + self._figures()

    def stop(self) -> None:
        """Keep nothing any more: the cell is over, however it ended."""
        self._kept = None

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Put something out that is not the step's own output."""
        self.flush()
        kept, self._kept = self._kept, None
        try:
            yield
        finally:
            self._kept = kept

    def flush(self) -> None:
        """Let what was printed reach the tap; printing goes through a thread of the kernel's."""
        for stream in (sys.stdout, sys.stderr):
            if _holds_text(stream):
                stream.flush()

    def _payloads_now(self) -> list[dict[str, Any]]:
        return list(self._kernel.shell.payload_manager.read_payload())

    def _new_payloads(self) -> list[dict[str, Any]]:
        if self._kernel is None:
            return []
        before = {id(payload) for payload in self._payloads}
        return [
            {"type": PAYLOAD, "content": msgspec.to_builtins(payload, enc_hook=json_default)}
            for payload in self._payloads_now()
            if id(payload) not in before
        ]

    def _figures(self) -> list[dict[str, Any]]:
        held = figures.open_ones()
        return [] if held == self._held else [{"type": FIGURES, "content": {"held": len(held)}}]

    def replay(self, messages: list[dict[str, Any]], execution_count: int, *, held: int) -> None:
        """Put recorded messages out again, as outputs of the running cell. ``held`` is how many
        figures pyplot held before the step's values were loaded."""
        if self._kernel is None:
            for message in messages:
                if message["type"] == "stream":
                    print(message["content"]["text"], end="")
            return
        self.flush()
        for message in messages:
            content = dict(message["content"])
            if message["type"] == FIGURES:
                held = content["held"]
                continue
            if message["type"] == PAYLOAD:
                if content.get("source") not in _DEEDS:
                    self._kernel.shell.payload_manager.write_payload(content, single=False)
                continue
            if message["type"] == "execute_result":
                content["execution_count"] = execution_count
            self._kernel.send_response(
                self._kernel.iopub_socket,
                message["type"],
                content,
                metadata=message.get("metadata"),
            )
        figures.keep_open(held)


def _id_of(parent: Any) -> str:
    """The id of the message that another one names as its parent, as a message or as its header."""
    header = (parent or {}).get("header", parent) or {}
    return str(header.get("msg_id", ""))


def _holds_text(stream: Any) -> bool:
    """Whether a kernel's stream has text it has not sent; a flush of an empty one costs 0.1 ms."""
    buffers = getattr(stream, "_buffers", None)
    return buffers is None or any(b.tell() for b in list(buffers.values()))
