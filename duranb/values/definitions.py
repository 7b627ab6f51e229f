"""What cloudpickle leaves out when it takes a class or a function apart."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any

from duranb.code import identity
from duranb.errors import OtherPython


def whole(cls: type, reduced: Any) -> Any:
    """The reduction of a class, as cloudpickle has it, with what it defines to be what a base
    defines: the base may be given something else later."""
    if not isinstance(reduced, tuple) or len(reduced) < 3:
        return reduced
    make, arguments, (attributes, *rest), *others = reduced
    inherited = {n: v for base in cls.__mro__[:0:-1] for n, v in vars(base).items()}
    own = identity.attributes(cls)
    same = {n: v for n, v in own.items() if n in inherited and inherited[n] is v}
    return make, arguments, ({**same, **attributes}, *rest), *others


def keep(cls: type, before: Mapping[str, Any]) -> None:
    """Give a live class, which was put back to what it was, the functions that it had ``before``
    where they are the same code: bound methods hold them. With them a dataclass gets its fields,
    whose factories its ``__init__`` holds."""
    for name, had in before.items():
        has = vars(cls).get(name)
        if has is had or type(has) is not type(had):
            continue
        if (type(had) in _FUNCTIONS and identity.of_callable(has) == identity.of_callable(had)) or (
            name == _FIELDS and identity.of_attribute(cls, has) == identity.of_attribute(cls, had)
        ):
            type.__setattr__(cls, name, had)


_FIELDS = "__dataclass_fields__"


_FUNCTIONS = (types.FunctionType, staticmethod, classmethod, property)


def content(variable: types.CellType) -> tuple[Any, ...]:
    """What a variable of a closure holds, if anything."""
    try:
        return (variable.cell_contents,)
    except ValueError:
        return ()


GENERATED = "<string>"
"""The file name of code that was made of a text, as a dataclass's ``__init__`` is."""


PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The Python that compiles here. Each minor version has instructions of its own: what another one
compiled is not slower or older here, it makes the process crash."""


def code(compiled: types.CodeType, reduced: tuple[Any, Any]) -> tuple[Any, Any]:
    """The reduction of code, as cloudpickle has it, with the Python that compiled it. cloudpickle
    gives all code one file name; that it was generated has to be seen of it still, or a class would
    not be what it was."""
    arguments = reduced[1]
    if compiled.co_filename == GENERATED:
        arguments = tuple(GENERATED if a == "<dynamic-code>" else a for a in arguments)
    return compiled_by, (PYTHON, *arguments)


def compiled_by(python: str, *arguments: Any) -> types.CodeType:
    """Code that is loaded. Raises :class:`duranb.errors.OtherPython` for what another one
    compiled."""
    if python != PYTHON:
        raise OtherPython(f"it {other_python(python)}")
    return types.CodeType(*arguments)


def other_python(python: str) -> str:
    """What is said of a value with code that another Python compiled."""
    return f"holds code of Python {python}, which Python {PYTHON} cannot run"
