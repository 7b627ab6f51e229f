"""A session for the timeline over a made-up history, in a test or in a notebook's kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from duranb.record import events as e
from duranb.record.events import Event
from duranb.record.fold import Fold
from duranb.session.change import Change
from duranb.verbs.declaration import Acts, Changes
from duranb.verbs.table import Answer
from tests.browser.story import Story


class Host:
    """What the timeline asks of a session; its verbs do nothing but say that they were used."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.story = story
        self.notebook = folder / "licences.ipynb"
        self.store_path = folder / ".duranb" / "licences"
        self._folding = Fold(story.events)
        self.history = self._folding.history
        self.artifacts = story
        self.lock = threading.RLock()
        self.done: list[tuple[str, dict[str, Any]]] = []
        self.answered: dict[int, Any] = {}
        self.warnings: tuple[str, ...] = ()
        self._subscribers: list[Callable[[int], None]] = []

    def tell(self, *bodies: e.EventBody, after: float = 1.0) -> None:
        """Record events, as a step that runs does."""
        with self.lock:
            for body in bodies:
                self.story.tell(body, after)
                seq = self.history.seq + 1
                self._folding.apply(Event(seq=seq, ts=self.story.now, body=body))
        for callback in list(self._subscribers):
            callback(self.history.seq)

    def change(self, verb: Changes) -> Change:
        arguments = msgspec.structs.asdict(verb)

        async def apply() -> str:
            self.done.append((verb.word(), arguments))
            return f"{verb.word()} was done"

        lines = (f"with {arguments}",)
        return Change(verb.word(), f"{verb.word()} it", lines, apply, self.warnings)

    def act(self, verb: Acts) -> str:
        assert isinstance(verb, Answer)
        self.answered[verb.number] = verb.value
        return f"answered question {verb.number}"

    def subscribe(self, callback: Callable[[int], None]) -> Callable[[], None]:
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)
