"""Looking at values that answer for themselves.

``isinstance(x, …)``, ``x.__class__``, ``x.__dict__``, a class's ``__module__`` and its hash run the
value's own code: a dead weak proxy, a lazy object or a metaclass may raise there, lie, or do
something. What is here looks at the real types only. Where their own code has to run (pickling,
``repr``), whatever it raises is caught and said of that value: see :func:`own_failure`.
"""

from __future__ import annotations

import dis
import sys
import types
from collections.abc import Mapping
from typing import Any, TypeGuard

_MODULE = type.__dict__["__module__"].__get__
_NAME = type.__dict__["__name__"].__get__
_QUALNAME = type.__dict__["__qualname__"].__get__
_MRO = type.__dict__["__mro__"].__get__
_BASES = type.__dict__["__bases__"].__get__
_DICT = type.__dict__["__dict__"].__get__
_MODULE_DICT = vars(types.ModuleType)["__dict__"].__get__

_RAISE = dis.opmap["RAISE_VARARGS"]
_LONGEST = 200

which = object.__hash__
"""A number that tells an object from all others that are alive, as ``id`` does. Python tells the
audit hooks of each call of ``id``, which takes five times as long: where there are many, use this.
"""
_SLOTS = (types.GetSetDescriptorType, types.MemberDescriptorType)


def module_name(module: object) -> str:
    """The name of a module. (One that loads late is asked for nothing.)"""
    found = _MODULE_DICT(module).get("__name__")
    return found if type(found) is str else ""


def is_a(value: object, *kinds: type) -> bool:
    """Whether a value's real type is one of these, or a subclass of it."""
    return issubclass(type(value), kinds)


def is_class(value: object) -> TypeGuard[type]:
    """Whether a value is a class."""
    return issubclass(type(value), type)


def module_of(kind: type) -> str:
    """The module that a class says it is from; empty where it says nothing of use."""
    try:
        found = _MODULE(kind)
    except AttributeError:
        return ""
    return found if type(found) is str else ""


def name_of(kind: type) -> str:
    """A class's own name."""
    return str(_NAME(kind))


def qualname_of(kind: type) -> str:
    """A class's qualified name."""
    return str(_QUALNAME(kind))


def full_name(kind: type) -> str:
    """A class's module and qualified name."""
    return f"{module_of(kind)}.{qualname_of(kind)}"


def mro_of(kind: type) -> tuple[type, ...]:
    """A class and those it inherits from, in order."""
    found: tuple[type, ...] = _MRO(kind)
    return found


def bases_of(kind: type) -> tuple[type, ...]:
    """The classes that a class names as its bases."""
    found: tuple[type, ...] = _BASES(kind)
    return found


def dict_of(kind: type) -> Mapping[str, Any]:
    """What a class defines itself."""
    found: Mapping[str, Any] = _DICT(kind)
    return found


_NONE: Mapping[str, Any] = types.MappingProxyType({})


class _Plain: ...


_PLAIN_DICT = dict_of(_Plain)["__dict__"].__doc__
"""What Python says of the ``__dict__`` that it gives to a class by itself."""


def own(value: object) -> Mapping[str, Any]:
    """An object's own attributes, without asking the object. None where ``__dict__`` is something
    of its class's own: a property, or a proxy's, which hands out what it stands for."""
    for kind in mro_of(type(value)):
        there = dict_of(kind).get("__dict__")
        if there is not None:
            break
    else:
        return _NONE
    if type(there) not in _SLOTS or not (
        there.__doc__ == _PLAIN_DICT or module_of(kind) in sys.stdlib_module_names
    ):
        return _NONE
    found = there.__get__(value)
    return found if issubclass(type(found), dict) else _NONE


def said(error: BaseException) -> str:
    """An error as one line: its type, and its text if it has one. Its own code may raise too."""
    kind, lines = name_of(type(error)), text_of(error).strip().splitlines()
    return f"{kind}: {lines[0][:_LONGEST]}" if lines else kind


def asked(value: object, name: str) -> Any:
    """An attribute of a value that may answer for itself: None where it has none, or raises."""
    try:
        return getattr(value, name, None)
    except BaseException as error:
        if not own_failure(error):
            raise
        return None


def text_of(error: BaseException) -> str:
    """An error's own text, which it may fail to give."""
    try:
        return storable(str(error))
    except BaseException as another:
        if not own_failure(another):
            raise
        return f"(its text raised {name_of(type(another))})"


def own_failure(error: BaseException) -> bool:
    """Whether an error that came out of looking at a value is that value's own.

    All are but a real Ctrl-C, which must get through: it has no ``raise`` in any code. (A value can
    raise SystemExit or KeyboardInterrupt as well as any other error, and no cell may fail for it.)
    """
    if not issubclass(type(error), KeyboardInterrupt):
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_code[trace.tb_lasti] == _RAISE


def storable(text: str) -> str:
    """Text with a lone surrogate, which has no UTF-8, as its escape."""
    return text.encode(errors="backslashreplace").decode()


def written(value: Any) -> str:
    """The repr of an atom; of any size: Python refuses to write out an int of thousands of digits,
    which stands here in base 16."""
    kind = type(value)
    if kind is int and value.bit_length() > _BITS:
        return hex(value)
    if kind is range:
        return f"range({written(value.start)}, {written(value.stop)}, {written(value.step)})"
    return repr(value)


_BITS = 2000
"""No limit that ``sys.set_int_max_str_digits`` takes is below 640 digits."""
