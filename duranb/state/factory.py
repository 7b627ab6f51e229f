"""A way to make a value again that cannot be stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def no(value: object) -> bool:
    """Whether the use of a value runs code of the notebook: never."""
    return False


@dataclass(frozen=True)
class Factory:
    """``describe`` gives the keyword arguments from which ``make`` makes the value again, or None
    where that cannot be. They are pickled, so they may hold anything that can be, or has a factory
    itself.

    ``calls`` says whether using a value could run code of the notebook that it was given. An
    ``open`` value holds state and other objects, as a list does; any other is a mere handle on
    something outside, a client or a lock. Where ``usable`` is given, a value is described without
    its secrets: the one that is alive and usable and has the same description stands for it, since
    that has them. ``derived`` types are described by it too. ``unversioned`` arguments are no part
    of the value's version: where its secrets are found again. ``file`` is the argument that names
    the file in which a value keeps its state, if it does.
    """

    describe: Callable[[Any], dict[str, Any] | None]
    make: Callable[..., Any]
    calls: Callable[[Any], bool] = no
    open: bool = False
    usable: Callable[[Any], bool] | None = None
    derived: bool = False
    unversioned: frozenset[str] = frozenset()
    file: str = ""
