"""A question in the output of the cell that asks it, with the form that answers it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anywidget
import msgspec
import traitlets
from IPython.display import DisplayHandle, display

from duranb.errors import DuranbError
from duranb.terminal import tame
from duranb.timelines.asked import Asked
from duranb.timelines.bundle import bundled
from duranb.timelines.kernel import set_apart
from duranb.verbs.table import Answer
from duranb.views.lines import quiet

VIEW = "application/vnd.jupyter.widget-view+json"

OWN = {"duranb": True}
"""Metadata of what is no part of the step's own output."""

PATIENCE = 10.0
"""Seconds in which a page shows a question and says so. One that does not has no way to a kernel
that is busy: then the question is typed."""


class Question(anywidget.AnyWidget):
    """One question on the page. ``answer`` gives it its answer, and says what became of that."""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    asked = traitlets.Dict().tag(sync=True)

    def __init__(self, asked: Asked, answer: Callable[[Answer], str]) -> None:
        super().__init__(
            asked=msgspec.to_builtins(asked),
            _esm=bundled("question.js"),
            _css=bundled("question.css"),
        )
        set_apart(self.comm)
        self._answer = answer
        self._text = asked.text
        self._call = asked.call
        self._began = time.monotonic()
        self._is_heard = False
        self.on_msg(self._heard)
        self._place: DisplayHandle | None = display(
            self._bundle(), raw=True, metadata=OWN, display_id=True
        )

    def _bundle(self) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 1, "model_id": self.model_id}
        text = f"⏸ {self._text}  →  %duranb answer {self._call} VALUE"
        return {VIEW: view, "text/plain": tame(text)}

    def _heard(self, widget: Any, content: Any, buffers: Any) -> None:
        self._is_heard = True
        if not isinstance(content, dict) or "id" not in content:
            return
        given = Answer(
            number=self._call, value=content.get("value"), why=str(content.get("why", ""))
        )
        try:
            said = {"result": self._answer(given)}
        except DuranbError as error:
            said = {"error": error.message}
        self.send({"id": content["id"], **said})

    # -- what the engine calls (duranb.engine.runtime.Shown) --------------------------------

    @property
    def is_dead(self) -> bool:
        """Whether the page cannot reach a kernel that is busy."""
        return not self._is_heard and time.monotonic() - self._began > PATIENCE

    def problem(self, text: str) -> None:
        """Say why an answer was not taken."""
        self.send({"problem": text})

    def settle(self, text: str) -> None:
        """Leave a line in the form's place."""
        text = text or f"⏸ not answered: {self._text}"
        if self._place is not None:
            self._place.update(quiet(text), raw=True, metadata=OWN)
        self.close()
