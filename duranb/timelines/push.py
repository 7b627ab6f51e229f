"""Sends what is new to the front end from a thread of its own, as often as that is cheap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from duranb.timelines.model import Model, Update

LEAST_PAUSE = 0.1
"""Seconds between two updates."""

SHARE = 0.05
"""The part of one thread's time that updates may take, however long the history is."""


class Pusher:
    """Pushes updates from when it is first asked to, until it is closed.

    ``send`` is called on the pusher's thread. ``settled`` is called after an update that left no
    step running.
    """

    def __init__(
        self,
        model: Model,
        send: Callable[[Update], None],
        settled: Callable[[], None],
    ) -> None:
        self._model = model
        self._send = send
        self._settled = settled
        self._news = threading.Event()
        self._closed = False
        self._seq = -1
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def start(self, seq: int) -> None:
        """Push what comes after event ``seq``; starting again does nothing."""
        with self._starting:  # each request may come on a thread of its own
            if self._thread is None:
                self._seq = seq
                self._thread = threading.Thread(
                    target=self._run, name="duranb-timeline", daemon=True
                )
                self._thread.start()

    def notify(self, seq: int) -> None:
        """Something was recorded. Cheap: called on the store's thread for each commit."""
        self._news.set()

    def close(self) -> None:
        """Push nothing any more."""
        self._closed = True
        self._news.set()

    def _run(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            if self._closed:
                return
            began = time.perf_counter()
            update = self._model.since(self._seq)
            if update.seq != self._seq:
                self._seq = update.seq
                self._send(update)
                if not update.totals.running:
                    self._settled()
            cost = time.perf_counter() - began
            time.sleep(max(LEAST_PAUSE, cost / SHARE))
