"""The code that pickling a value meets."""

from __future__ import annotations

import types
from dataclasses import dataclass, field

from duranb.values.enclosed import Place


@dataclass
class Met:
    """What pickling met that can run code: functions and classes, and values that were described by
    a reducer, of which nobody knows what they hold. Where it ``is_compiled``, code itself is in the
    pickle, which no other Python can run."""

    code: list[types.FunctionType | type] = field(default_factory=list)
    described: list[object] = field(default_factory=list)
    is_compiled: bool = False


@dataclass(frozen=True)
class Defined:
    """A class with its pickled definition, the identity of its code, what was met in it, and
    the variables of closures that its functions have."""

    cls: type
    pickle: bytes
    identity: str
    met: Met
    variables: dict[Place, types.CellType]


Definitions = dict[int, Defined]
"""By its id, what is known of a class, for as long as no code runs that could change it."""
