"""Numbers that are none (NaN), in a pickle: each stays the one object that it was.

A NaN equals nothing, itself included, but Python looks for a key or an element by ``is`` first:
``np.nan in values`` and ``names[np.nan]`` find the very object. Pickle makes another one each time.
Here the ones of ``numpy`` and ``math`` come back as these, and one that is in several places of a
value as one.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from duranb.record.artifacts import Buffer

_TAG = "duranb.nan"
_PICKLED = (b"G\x7f\xf8", b"G\xff\xf8")
"""How the pickle of one begins, with either sign."""

_MOST = 1 << 20
"""Bytes of a pickle up to which they are told apart: it means to look at each object in Python."""


def may_be_in(pieces: Sequence[Buffer]) -> bool:
    """Whether a pickle may have one, and is not too long to be gone through for it."""
    if sum(map(len, pieces)) > _MOST:
        return False
    return any(start in bytes(piece) for piece in pieces for start in _PICKLED)


def is_nan(obj: object) -> bool:
    """Whether this is one."""
    return type(obj) is float and obj != obj


class Numbering:
    """Those that one pickle meets."""

    def __init__(self) -> None:
        self._met: dict[int, tuple[object, int]] = {}

    def reference(self, obj: object) -> Any:
        """What stands for one in the pickle; None for anything else."""
        if not is_nan(obj):
            return None
        for module in _MODULES:
            if module in sys.modules and getattr(sys.modules[module], "nan", None) is obj:
                return (_TAG, module, 0)
        _, number = self._met.setdefault(id(obj), (obj, len(self._met)))
        negative = math.copysign(1, obj) < 0  # type: ignore[arg-type]
        return (_TAG, "-" if negative else "", number)


_MODULES = ("numpy", "math")


class Known:
    """Those that one pickle has given so far, while it is loaded."""

    def __init__(self) -> None:
        self._made: dict[int, float] = {}

    def load(self, reference: Any) -> float | None:
        """The one that a reference stands for; None for a reference to something else."""
        if type(reference) is not tuple or reference[0] != _TAG:
            return None
        _, where, number = reference
        if where in _MODULES:
            found: float = __import__(where).nan
            return found
        return self._made.setdefault(number, -float("nan") if where == "-" else float("nan"))
