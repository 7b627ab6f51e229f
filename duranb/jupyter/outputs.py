"""Catching what a cell puts out, and putting it out again."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from jupyter_client import session as wire
from jupyter_client.jsonutil import json_default

from duranb.engine import printed
from duranb.engine.claim import now_us
from duranb.jupyter import figures, widgets
from duranb.jupyter.descriptors import Descriptors
from duranb.jupyter.widgets import TRAFFIC

KEPT = frozenset(
    {"stream", "display_data", "execute_result", "update_display_data", "clear_output", "error"}
)
"""The message types that make up a cell's output area. An error is one that was only shown: of a
value that cannot be displayed, or by ``showtraceback``."""

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
        self._widgets = widgets.Recording(self._as_sent)
        self._pictures = widgets.Pictures(kernel)
        self._kept: list[dict[str, Any]] | None = None
        self._keeping = threading.RLock()
        """Held to keep a message, and to take away what was kept; not to wait for the thread that
        sends what was printed."""
        self._pausing = 0
        self._hushing = 0
        self._parent = ""
        self._held: frozenset[int] = frozenset()
        self._watch: figures.Watch | None = None
        self._drawn_on: frozenset[int] = frozenset()
        self.lacks_figures = False
        """Whether what was last put out again had figures that only pyplot held: they are gone."""
        self._payloads: list[dict[str, Any]] = []
        self._plain: Callable[..., Any] | None = None
        if kernel is not None:
            self._plain = kernel.session.send
            kernel.session.send = self._send

    def close(self) -> None:
        """Take the tap off."""
        self._pictures.close()
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
        if self._hushing == threading.get_ident() and _is_shown(msg_or_type, content):
            return None
        # What cannot be sent (a lone surrogate has no UTF-8) raises here, and is no output.
        sent = self._plain(
            stream, msg_or_type, content, parent, ident, buffers, track, header, metadata
        )
        kind = msg_or_type
        if isinstance(msg_or_type, dict) and "msg_type" in msg_or_type:
            kind, content = msg_or_type["msg_type"], msg_or_type["content"]
            parent, metadata = msg_or_type.get("parent_header"), msg_or_type.get("metadata")
        with self._keeping:
            kept = self._kept_for(parent)
            if kind in TRAFFIC:
                is_widgets = self._widgets.is_widgets(kind, content)  # to be asked about all
                if is_widgets and kept is not None:
                    self._keep_widgets(kept, kind, content, buffers)
            elif kind in KEPT and content is not None and kept is not None:
                self._keep(kept, kind, content, metadata)
        return sent

    def _kept_for(self, parent: Any) -> list[dict[str, Any]] | None:
        """Where to keep what this thread sends as an output of the cell with that message; None
        where it is none of the step's."""
        mine = _id_of(parent) == self._parent and self._pausing != threading.get_ident()
        return self._kept if mine else None

    def _keep_widgets(
        self, kept: list[dict[str, Any]], kind: str, content: Any, buffers: Any
    ) -> None:
        message = self._widgets.kept(kind, content, buffers)
        if message is not None:
            kept.append(message)

    def _keep(self, kept: list[dict[str, Any]], kind: str, content: Any, metadata: Any) -> None:
        if _is_own(content):
            return  # duranb's own, put out from another thread while the cell ran
        if kind == "stream" and kept and kept[-1]["type"] == "stream":
            last = kept[-1]["content"]
            if last["name"] == content["name"]:
                last["text"].append(content["text"])
                return
        content = (
            {**content, "text": [content["text"]]} if kind == "stream" else self._as_sent(content)
        )
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
        self._held, self._drawn_on = figures.open_ones(), frozenset()
        self._look_away({})
        self._watch = figures.Watch()
        self._descriptors.begin()
        with self._keeping:
            self._widgets.begin()
            self._kept = []

    def end(self) -> list[dict[str, Any]]:
        """All that was put out since :meth:`begin`."""
        self._descriptors.drain()
        self.flush()
        with self._keeping:
            kept, self._kept = self._kept or [], None
            for message in kept:
                if message["type"] == "stream":
                    message["content"]["text"] = "".join(message["content"]["text"])
        return [*self._widgets.missing(kept), *kept, *self._new_payloads(), *self._figures()]

    def ended(self, shell: Any) -> None:
        """The body is over: send the figures that would be sent when the cell is."""
        self._look_away(shell.user_ns)
        figures.send(shell)

    def _look_away(self, live: dict[str, object]) -> None:
        if self._watch is not None:
            self._drawn_on, self._watch = self._watch.end(live), None

    def stop(self) -> None:
        """Keep nothing any more: the cell is over, however it ended."""
        self._look_away({})
        self._kept = None

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Put something out, in this thread, that is not the step's own output. What other threads
        put out meanwhile is."""
        self.flush()
        before, self._pausing = self._pausing, threading.get_ident()
        try:
            yield
        finally:
            self._pausing = before

    @contextlib.contextmanager
    def hushed(self) -> Iterator[None]:
        """Show nobody what code puts out in this thread, beside duranb: modules that are loaded and
        finalizers. What other threads put out meanwhile is shown."""
        before, self._hushing = self._hushing, threading.get_ident()
        try:
            with _Hush(sys.stdout).there(), _Hush(sys.stderr).there():
                yield
        finally:
            self._hushing = before

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
            {"type": PAYLOAD, "content": self._as_sent(payload)}
            for payload in self._payloads_now()
            if id(payload) not in before
        ]

    def _figures(self) -> list[dict[str, Any]]:
        held = figures.open_ones()
        drawn_on = len(self._drawn_on & held)
        if held == self._held and not drawn_on:
            return []
        return [{"type": FIGURES, "content": {"held": len(held), "drawn_on": drawn_on}}]

    @property
    def shows_pictures(self) -> bool:
        """Whether what was last put out again has widgets with nothing behind them."""
        return self._pictures.shown

    def _as_sent(self, content: Any) -> Any:
        """Content as it arrives: whoever made it may change it later, and it may hold what is like
        a number or a text and is none. Of numbers that JSON has not, a kernel sends the text, or
        nothing where it packs messages with orjson."""
        sent = json.dumps(content, default=json_default)
        by = None if self._kernel is None else self._kernel.session.pack
        nothing = getattr(wire, "has_orjson", False) and by is wire.orjson_packer
        return json.loads(sent, parse_constant=lambda n: None if nothing else repr(float(n)))

    def replay(self, messages: list[dict[str, Any]], execution_count: int, *, held: int) -> None:
        """Put recorded messages out again, as outputs of the running cell. ``held`` is how many
        figures pyplot held before the step's values were loaded."""
        if self._kernel is None:
            for message in messages:
                if message["type"] == "stream":
                    print(message["content"]["text"], end="")
            return
        self.flush()
        wanted, self.lacks_figures = 0, False
        parent = _id_of(self._kernel.get_parent())
        self._pictures.begin()
        for message in messages:
            if message["type"] in TRAFFIC:
                self._pictures.play(message, parent)
                continue
            if self._pictures.captured:
                continue
            content = self._pictures.seen(dict(message["content"]))
            if message["type"] == FIGURES:
                held = wanted = content["held"]
                self.lacks_figures = bool(content.get("drawn_on"))
                continue
            if message["type"] == PAYLOAD and content.get("source") not in _DEEDS:
                self._kernel.shell.payload_manager.write_payload(content, single=False)
            if message["type"] not in KEPT:
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
        self.lacks_figures |= len(figures.open_ones()) < wanted


class _Hush(printed.Above):
    """Has a stream take nothing from the thread that made it, and all from the others. The stream
    stays the object that it is: variables may hold it."""

    def __init__(self, below: TextIO) -> None:
        super().__init__(below)
        self._thread = threading.get_ident()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self._thread else self._put(text)

    @contextlib.contextmanager
    def there(self) -> Iterator[None]:
        """Be there meanwhile."""
        self._take()
        try:
            yield
        finally:
            self._leave()


def _is_shown(msg_or_type: Any, content: Any) -> bool:
    """Whether a message that is to be sent shows something that is not duranb's."""
    if isinstance(msg_or_type, dict):
        msg_or_type, content = msg_or_type.get("msg_type"), msg_or_type.get("content")
    return msg_or_type in KEPT and not _is_own(content)


def _is_own(content: Any) -> bool:
    """Whether a message is one of duranb's."""
    return isinstance(content, dict) and bool(content.get("metadata", {}).get("duranb"))


def _id_of(parent: Any) -> str:
    """The id of the message that another one names as its parent, as a message or as its header."""
    header = (parent or {}).get("header", parent) or {}
    return str(header.get("msg_id", ""))


def _holds_text(stream: Any) -> bool:
    """Whether a kernel's stream has text it has not sent; a flush of an empty one costs 0.1 ms."""
    buffers = getattr(stream, "_buffers", None)
    return buffers is None or any(b.tell() for b in list(buffers.values()))
