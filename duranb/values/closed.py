"""Files that are closed: ``with open(…) as file`` leaves one in the namespace.

Nothing can be read from one or written to it any more. What is left of it is what it was: its name,
its mode, its encoding. So it is made again of a file that there always is, closed at once.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

Reduction = tuple[Any, ...]

_BUFFERED = {
    kind.__name__: kind for kind in (io.BufferedReader, io.BufferedWriter, io.BufferedRandom)
}


def _in_memory(found: Any) -> Reduction | None:
    return (in_memory, (type(found) is io.StringIO,)) if found.closed else None


def in_memory(text: bool) -> io.StringIO | io.BytesIO:
    """A closed file of text, or of bytes, that was nowhere but in memory."""
    made: io.StringIO | io.BytesIO = io.StringIO() if text else io.BytesIO()
    made.close()
    return made


def _raw(found: Any) -> Reduction | None:
    return (file, (found.name, found.mode)) if found.closed else None


def _buffered(found: Any) -> Reduction | None:
    """None too for one over something else than a file, which is closed in its own way."""
    if not found.closed or type(found.raw) is not io.FileIO:
        return None
    return file, (found.name, found.raw.mode, type(found).__name__)


def _text(found: Any) -> Reduction | None:
    if not found.closed or type(found.buffer) not in _BUFFERED.values():
        return None
    below = _buffered(found.buffer)
    told = (found.encoding, found.errors, getattr(found, "mode", ""))
    return None if below is None else (file, (*below[1], told))


def file(
    name: str | bytes | int, mode: str, buffered: str = "", text: tuple[str, str, str] | None = None
) -> Any:
    """A closed file of this name, and of a mode as ``FileIO`` tells it; ``buffered`` is the class
    of what buffers it, ``text`` encoding, treatment of errors and mode of what decodes it."""
    raw = io.FileIO(os.devnull, mode.replace("x", "w"))
    raw.name = name
    made: Any = _BUFFERED[buffered](raw) if buffered else raw
    if text is not None:
        made = io.TextIOWrapper(made, encoding=text[0], errors=text[1])
        if text[2]:
            made.mode = text[2]
    made.close()
    return made


RECIPES: dict[type, Callable[[Any], Reduction | None]] = {
    io.StringIO: _in_memory,
    io.BytesIO: _in_memory,
    io.FileIO: _raw,
    io.TextIOWrapper: _text,
    **dict.fromkeys(_BUFFERED.values(), _buffered),
}
"""How those that are closed are pickled; None for those that are open."""
