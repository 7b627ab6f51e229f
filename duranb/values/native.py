"""What of an object lies in memory that Python does not show: the state of types made in C, and
what the addresses of ``ctypes`` lead to.

The one cannot be looked at; the other means nothing in another process.
"""

from __future__ import annotations

import ctypes
import types
from collections import OrderedDict, defaultdict, deque
from typing import Any

from duranb.code.looking import module_of

_WORD = ctypes.sizeof(ctypes.c_void_p)

_SHOWN: tuple[type, ...] = (
    *(OrderedDict, defaultdict, deque, dict, list, tuple, set, frozenset, bytearray),
    *(str, bytes, int, float, complex, BaseException, type, object),
)
"""Types made in C of which all is shown, the most special ones first."""

_ADDRESSES = frozenset("zZPOX")
"""The codes of ``ctypes`` for simple types that are addresses."""


def hides_state(kind: type) -> bool:
    """Whether an object of a type has room for more than its attributes, its slots and what
    Python's own types show: a class that a library has made in C, or one derived from such."""
    base = next(each for each in _SHOWN if issubclass(kind, each))
    room = kind.__basicsize__ - base.__basicsize__
    room -= sum(_WORD * _slots(each) for each in kind.__mro__)
    for offset in ("__dictoffset__", "__weakrefoffset__"):
        at = getattr(kind, offset)  # below zero: before the object, or at its end if that varies
        if (at > 0 or at == -_WORD) and not getattr(base, offset):
            room -= _WORD
    return room > 0


def _slots(kind: type) -> int:
    return sum(type(each) is types.MemberDescriptorType for each in vars(kind).values())


def is_address(kind: Any) -> bool:
    """Whether objects of a type of ``ctypes`` are addresses, or have some among their parts. (Those
    of classes derived from ``c_void_p`` pickle as if they were numbers.)"""
    if module_of(type(kind)) != "_ctypes":
        return False
    if issubclass(kind, (ctypes._Pointer, ctypes._CFuncPtr)):  # type: ignore[attr-defined]
        return True
    if issubclass(kind, ctypes._SimpleCData):
        return kind._type_ in _ADDRESSES
    if issubclass(kind, ctypes.Array):
        return is_address(kind._type_)
    return any(is_address(field[1]) for field in getattr(kind, "_fields_", ()))
