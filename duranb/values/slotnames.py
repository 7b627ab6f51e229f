"""The names of slots, told without noting them in the class.

Python's own pickling asks ``copyreg`` for them where it meets an instance, and that notes them in
the class, as ``__slotnames__``: it would show in ``dir(…)`` of objects that nobody has pickled but
duranb, and runs the ``__setattr__`` of a metaclass. So ``copyreg`` is given what tells the same.
"""

from __future__ import annotations

import copyreg
from typing import Any

from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, mro_of, name_of


@once_a_class
def slot_names(kind: Any) -> list[str]:
    """The names of the slots of a class and its bases, as their attributes are called."""
    return [
        _mangled(name, base)
        for base in mro_of(kind)
        for name in _as_tuple(dict_of(base).get("__slots__", ()))
        if name not in ("__dict__", "__weakref__")
    ]


def _as_tuple(slots: Any) -> tuple[str, ...]:
    return (slots,) if type(slots) is str else tuple(slots)


def _mangled(name: str, cls: type) -> str:
    private = name.startswith("__") and not name.endswith("__")
    stripped = name_of(cls).lstrip("_")
    return f"_{stripped}{name}" if private and stripped else name


copyreg._slotnames = slot_names  # type: ignore[attr-defined]
