"""Instances that are made again without their class's own ``__new__``, or errors' ``__init__``.

Pickle calls the class's ``__new__`` for an empty instance and then gives it all of its state. A
``__new__`` of the notebook's may note each instance in a list of the class, count them, or give out
the one there is: what it did is stored where it did it, and is not to be done again.

An error is made again by calling its class with the error's ``args``. A class whose ``__init__``
takes something else (``AppError(3)``, whose text is "code 3") would make another one of these, or
none. As all that such an error is lies in its ``args`` and attributes, it gets those.
"""

from __future__ import annotations

import copyreg
import types
from typing import Any

from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, module_of, mro_of
from duranb.values import untouched

NEW: Any = copyreg.__newobj__  # type: ignore[attr-defined]

SAYS = frozenset(
    {
        *("__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__"),
        *("__reduce__", "__reduce_ex__"),
    }
)
"""With one of these in Python a class says itself how its instances are made again."""


def reduction(obj: Any, found: Any) -> Any:
    """How an instance is pickled, where it is otherwise pickled as ``found`` says (None: as its own
    class does)."""
    kind: Any = type(obj)
    if issubclass(kind, BaseException) and has_own_init(kind):
        found = untouched.reduced(obj) if found is None else found
        told = type(found) is tuple and found[0] is kind
        return (called, (kind, *found[1]), *found[2:]) if told else found
    if not has_own(kind):
        return found
    if found is None:
        found = obj.__reduce_ex__(5)
    if type(found) is not tuple or found[0] is not NEW:
        return found
    return make, *found[1:]


def make(kind: Any, *arguments: Any) -> Any:
    """An instance as the built-in class makes it that this one is built upon."""
    return next(new for new in _all(kind, "__new__") if not in_python(new))(kind, *arguments)


def called(kind: Any, *args: Any) -> Any:
    """An instance as calling the built-in class with these arguments makes it that this one is
    built upon."""
    made = make(kind, *args)
    init = of_builtin(kind, "__init__")
    if init is not object.__init__:
        init(made, *args)
    return made


error = called  # older stores name it so


def of_builtin(kind: Any, name: str) -> Any:
    """A method as the first class of a class's bases has it that is not written in Python."""
    return next(method for method in _all(kind, name) if not in_python(method))


@once_a_class
def has_own_init(kind: Any) -> bool:
    """Whether making an error runs an ``__init__`` in Python, and the class leaves it to Python how
    that is done."""
    own = any(in_python(dict_of(base).get(name)) for base in mro_of(kind) for name in SAYS)
    return in_python(_all(kind, "__init__")[0]) and not own


@once_a_class
def has_own(kind: Any) -> bool:
    """Whether making an instance runs code of the notebook's, and no other code in Python, and the
    class leaves it to Python how that is done. Of tuples, whether it runs any code in Python: that
    makes the tuple of what it is given, which need not be what is in the tuple."""
    if not in_python(_all(kind, "__new__")[0]) or any(
        in_python(dict_of(base).get(name)) for base in mro_of(kind) for name in SAYS
    ):
        return False
    return issubclass(kind, tuple) or all(
        module_of(base) == "__main__"
        for base in mro_of(kind)
        if in_python(dict_of(base).get("__new__"))
    )


def _all(kind: Any, name: str) -> list[Any]:
    """A method as each of a class's bases has it that has one of its own."""
    return [dict_of(base)[name] for base in mro_of(kind) if name in dict_of(base)]


def in_python(method: Any) -> bool:
    """Whether a method is written in Python."""
    return type(method) in (types.FunctionType, staticmethod, classmethod)
