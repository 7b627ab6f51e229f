"""One function for code that awaits and code that does not: in the first it gives something to
await, in the second it waits.

Nobody can tell by the event loop, since a kernel's runs around every cell: it is told by whether
the code that calls is a coroutine's.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Coroutine, Generator
from types import FrameType, TracebackType
from typing import Any, NoReturn

from duranb.engine.context import StepContext
from duranb.engine.flows import Flow, arun, run
from duranb.errors import UsageError

_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


def or_run(here: StepContext, flow: Flow[Any], call: str) -> Any:
    """What a flow returns, or where the caller of our caller awaits, something to await. ``call``
    is what the user wrote."""
    if _can_await(sys._getframe(2)):
        return Awaited(here, flow, call)
    return run(flow)


def _can_await(frame: FrameType | None) -> bool:
    """A comprehension is part of the code around it."""
    while frame is not None and frame.f_code.co_name in _COMPREHENSIONS:
        frame = frame.f_back
    return frame is not None and bool(frame.f_code.co_flags & inspect.CO_COROUTINE)


class Awaited(Coroutine[Any, Any, Any]):
    """What there is to await, and nothing is begun before.

    It is no result: whoever takes it for one is told so, and a step that never awaits it fails.
    """

    def __init__(self, here: StepContext, flow: Flow[Any], call: str) -> None:
        self._call = call
        self._made = arun(flow)
        self._is_begun = False
        self._unawaited = here.journal.unawaited
        self._unawaited[id(self)] = f"await {call}"

    def _begin(self) -> Coroutine[Any, Any, Any]:
        self._unawaited.pop(id(self), None)
        self._is_begun = True
        return self._made

    def __await__(self) -> Generator[Any, None, Any]:
        return self._begin().__await__()

    def send(self, value: Any) -> Any:
        """Go on, as a coroutine does."""
        return self._begin().send(value)

    def throw(
        self, typ: Any, val: BaseException | object = None, tb: TracebackType | None = None
    ) -> Any:
        """Raise an error in it, as in a coroutine."""
        error = typ if val is None else val
        return self._begin().throw(error)  # type: ignore[arg-type]

    def close(self) -> None:
        """End it, as a coroutine."""
        self._begin().close()

    def __del__(self) -> None:
        if not self._is_begun:
            self._made.close()

    def _refuse(self, *_: object) -> NoReturn:
        raise UsageError(f"this is not there yet: the code awaits, so write await {self._call}")

    __bool__ = __eq__ = __iter__ = __len__ = __int__ = __float__ = __reduce__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __add__ = __str__ = __format__ = __getitem__ = _refuse
    __hash__ = object.__hash__
