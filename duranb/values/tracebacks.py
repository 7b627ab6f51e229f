"""Tracebacks of exceptions in a pickle: pickle leaves them out, without a word.

Frames cannot be stored. What a traceback shows can: the file, the line and the function of each of
its entries. It is made again of frames that have run nothing, as tblib does, so that it can be
printed and raised with; their variables are gone.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any

from duranb.values import leftover, untouched

Entry = tuple[str, str, str, int]
"""The file, the name and the qualified name of a function, and the line."""


def reduction(obj: Any, found: Any) -> Any:
    """The reduction of an object that was ``found`` to be reduced so (None: as its own class says),
    with its traceback if it has one."""
    if not issubclass(type(obj), BaseException):
        return found
    entries = told(BaseException.__getattribute__(obj, "__traceback__"))
    if not entries:
        return found
    found = untouched.reduced(obj) if found is None else found
    if type(found) is not tuple or not 2 <= len(found) <= 6:
        return found
    make, arguments, state, items, pairs, setter = (*found, None, None, None, None)[:6]
    return make, arguments, (state, setter, entries), items, pairs, complete


def told(traceback: types.TracebackType | None) -> tuple[Entry, ...]:
    """What a traceback shows."""
    entries = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        line = traceback.tb_lineno or 0
        entries.append((code.co_filename, code.co_name, code.co_qualname, line))
        traceback = traceback.tb_next
    return tuple(entries)


def complete(error: Any, state: tuple[Any, Any, tuple[Entry, ...]]) -> None:
    """Give an exception its state as pickle would, and then its traceback."""
    given, setter, entries = state
    if setter is not None:
        setter(error, given)
    elif given is not None:
        leftover.set_state(error, given)
    if issubclass(type(error), BaseException):
        BaseException.with_traceback(error, made(entries))


def made(entries: Iterable[Entry]) -> types.TracebackType | None:
    """A traceback that shows this."""
    found: types.TracebackType | None = None
    for file, name, qualname, line in reversed([*entries]):
        where = {"co_filename": file, "co_name": name, "co_qualname": qualname}
        code = _CODE.replace(co_firstlineno=line, **where)  # type: ignore[arg-type]
        found = types.TracebackType(found, _frame(code), _NOWHERE, line)
    return found


def _frame(code: types.CodeType) -> types.FrameType:
    """A frame of this code, that was left by what it raised."""
    traceback = None
    try:
        exec(code, {"__name__": "", "made": _Made})
    except _Made as error:
        traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code is not code:
        traceback = traceback.tb_next
    assert traceback is not None
    return traceback.tb_frame


class _Made(BaseException):
    """What is raised for a frame."""


_CODE = compile("raise made", "", "exec")
_NOWHERE = -1
"""The instruction: without one, no column of the line is marked."""
