"""Instances of the notebook's classes of which nothing but their class's code is to be known.

Most instances are such, and there may be a hundred thousand of them in a value: that none of the
special ways of pickling is theirs is found out once for their class.
"""

from __future__ import annotations

from typing import Any

from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, module_of, mro_of
from duranb.values import forwarding, newborn, undisturbed

_SAID = ("__reduce__", "__reduce_ex__")


def is_ordinary(kind: type) -> bool:
    """Whether a class and all its bases are the notebook's, and none says how its instances are
    pickled, made or asked."""
    return _is_ordinary(kind)  # type: ignore[arg-type, unused-ignore]


@once_a_class
def _is_ordinary(kind: Any) -> bool:
    bases = mro_of(kind)[:-1]
    if not bases or any(module_of(base) != "__main__" for base in bases):
        return False
    if any(name in dict_of(base) for base in bases for name in _SAID):
        return False
    return not (newborn.has_own(kind) or undisturbed.has_hooks(kind) or forwarding.forwards(kind))
