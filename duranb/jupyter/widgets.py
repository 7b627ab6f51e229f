"""Widgets in what a step shows.

A widget is a model in the page and an object in the kernel, which talk over a comm. What the
object sends while a step runs is kept with the step's outputs, and sent again where the object is
gone: the page then shows a picture of the widget.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duranb.jupyter.picture import Picture

TRAFFIC = frozenset({"comm_open", "comm_msg", "comm_close"})
"""The message types by which a kernel talks with its widgets' models."""

VIEW = "application/vnd.jupyter.widget-view+json"
"""The type of data that shows a model."""

MOST = 200
"""Changes of one model's state that are kept one by one; of more, the last ones as one. A page
(ZeroMQ, on the way to it) drops what comes in too large a burst."""

_TARGET = "jupyter.widget"


class Recording:
    """Tells the widgets' messages from others, and makes of them what is kept. ``as_sent`` gives
    content as the page receives it."""

    def __init__(self, as_sent: Callable[[Any], Any]) -> None:
        self._as_sent = as_sent
        self._models: set[str] = set()
        self._changes: dict[str, list[dict[str, Any]]] = {}

    def is_widgets(self, kind: str, content: dict[str, Any]) -> bool:
        """Whether a message is one of a widget's, duranb's own aside. To be asked about all."""
        comm = content.get("comm_id", "")
        if kind == "comm_open" and content.get("target_name") == _TARGET:
            made_by = content.get("data", {}).get("state", {}).get("_anywidget_id", "")
            if not str(made_by).startswith("duranb."):
                self._models.add(comm)
        return comm in self._models

    def begin(self) -> None:
        """Another step, or another attempt of it."""
        self._changes = {}

    def kept(self, kind: str, content: dict[str, Any], buffers: Any) -> dict[str, Any] | None:
        """What to keep of a message; None where it went into one kept before."""
        content = self._as_sent(content)
        data = content.get("data", {})
        if kind == "comm_msg" and data.get("method") == "update" and not buffers:
            changes = self._changes.setdefault(content["comm_id"], [])
            # An Output's msg_id says whose outputs are its own from here on.
            if len(changes) >= MOST and "msg_id" not in data["state"]:
                changes[-1]["content"]["data"]["state"].update(data["state"])
                return None
            message = {"type": kind, "content": content}
            changes.append(message)
            return message
        message = {"type": kind, "content": content}
        if buffers:
            message["buffers"] = [base64.b64encode(b).decode() for b in buffers]
        return message

    def missing(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Messages that open the models which these show and which other cells have opened."""
        opened = {m["content"]["comm_id"] for m in messages if m["type"] == "comm_open"}
        shown = [m["content"]["data"][VIEW]["model_id"] for m in messages if _is_view(m)]
        if opened.issuperset(shown):
            return []
        from ipywidgets.embed import dependency_state
        from ipywidgets.widgets.widget import _instances

        others = [_instances[each] for each in shown if each not in opened and each in _instances]
        try:
            found = dependency_state(others)
            return [
                self._as_sent(_opening(model_id, state))
                for model_id, state in found.items()
                if model_id not in opened
            ]
        except Exception as error:  # a widget's own code; its text is shown instead of a picture
            logging.getLogger(__name__).warning("no picture of a widget: %r", error)
            return []


def _opening(model_id: str, embedded: dict[str, Any]) -> dict[str, Any]:
    binary = embedded.get("buffers", [])
    data = {"state": embedded["state"], "buffer_paths": [each["path"] for each in binary]}
    content = {"comm_id": model_id, "target_name": _TARGET, "data": data}
    opening: dict[str, Any] = {"type": "comm_open", "content": content}
    if binary:
        opening["buffers"] = [each["data"] for each in binary]
    return opening


def _is_view(message: dict[str, Any]) -> bool:
    return VIEW in (message["content"].get("data") or {})


class Pictures:
    """Puts out again what widgets sent, where they are gone; what there still is, is left alone."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._pictures: dict[str, Picture] = {}
        self._capturing: set[str] = set()
        self.shown = False
        """Whether what was put out since :meth:`begin` shows a picture."""

    def begin(self) -> None:
        """Another step is restored."""
        self._capturing = set()
        self.shown = False

    def play(self, message: dict[str, Any], parent: str) -> None:
        """Do what a recorded message did; ``parent`` is the message that runs the cell."""
        kind, content = message["type"], message["content"]
        comm, data = content["comm_id"], content.get("data", {})
        if kind == "comm_msg" and "msg_id" in data.get("state", {}):
            self._captures(comm, data["state"])
            data = {**data, "state": {**data["state"]}}
            data["state"]["msg_id"] = parent if data["state"]["msg_id"] else ""
        buffers = [base64.b64decode(each) for each in message.get("buffers", ())]
        if kind == "comm_open" and not self._is_alive(comm) and comm not in self._pictures:
            from duranb.jupyter.picture import opened

            self._pictures[comm] = opened(comm, data, buffers)
        elif kind == "comm_msg" and comm in self._pictures:
            self._pictures[comm].update(data, buffers)
        elif kind == "comm_close" and comm in self._pictures:
            self._pictures.pop(comm).close()

    def _captures(self, comm: str, state: dict[str, Any]) -> None:
        if state["msg_id"] and self._is_alive(comm):
            self._capturing.add(comm)
        else:
            self._capturing.discard(comm)

    @property
    def captured(self) -> bool:
        """Whether what comes now is in an ``Output`` that is alive, and shows it already."""
        return bool(self._capturing)

    def _is_alive(self, comm: str) -> bool:
        return comm in self._kernel.comm_manager.comms and comm not in self._pictures

    def seen(self, content: dict[str, Any]) -> dict[str, Any]:
        """What is shown, without the view of a model that is nowhere any more."""
        model = (content.get("data") or {}).get(VIEW, {}).get("model_id", "")
        if not model or self._is_alive(model):
            return content
        self.shown = True
        if model in self._pictures:
            return content
        return {**content, "data": {k: v for k, v in content["data"].items() if k != VIEW}}

    def close(self) -> None:
        """Take all pictures off the page."""
        for picture in self._pictures.values():
            picture.close()
        self._pictures = {}
