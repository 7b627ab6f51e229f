"""What is in a container, taken out and put in as the built-in class does it.

Pickle makes a set, a queue, a counter or a date by calling its class, and puts what is in a dict or
list there by its ``__setitem__`` or ``append``, before it has its attributes. A class of the
user's that notes what is put in, keeps the last ten, or takes other arguments, would fail then, or
do twice what it does. None of its code runs here.
"""

from __future__ import annotations

import collections
import datetime
import decimal
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, module_of, mro_of
from duranb.code.moving import in_one_go
from duranb.values import leftover, untouched
from duranb.values.held import installed
from duranb.values.newborn import NEW, SAYS, called, in_python, make, of_builtin

_BUILT_UPON = (
    *(dict, list, set, frozenset, tuple, collections.deque),
    *(datetime.date, datetime.time, datetime.timedelta, decimal.Decimal),
)

_ITEMS = ("__setitem__", "append", "extend")
_CODE = ("__new__", "__init__", *_ITEMS)
"""What pickle calls to make an instance, or to put its content there."""


def reduction(obj: Any, found: Any) -> Any:
    """How an instance is pickled, where it is otherwise pickled as ``found`` says (None: as its own
    class does)."""
    kind: Any = type(obj)
    if not issubclass(kind, _BUILT_UPON) or not runs_code(kind):
        return found
    if found is None:
        found = untouched.reduced(obj)
    if type(found) is not tuple:
        return found
    how, arguments, state, items, pairs, give = (*found, None, None, None, None)[:6]
    if issubclass(kind, tuple) and how is NEW:  # with a __getnewargs__, as named tuples have
        made = make, (kind, tuple(of(obj)))
    elif how is kind:
        made = called, (kind, *arguments)
    elif how is NEW or how is make:
        made = make, arguments
    else:
        return found
    content = Content(give, state, tuple(items or ()), tuple(pairs or ()))
    return (*made, tuple(content), None, None, fill)


class Content(NamedTuple):
    """What an instance that is made holds: the ``state`` that ``give`` (None: pickle) gives it, the
    ``items`` of a list, the ``pairs`` of a dict."""

    give: Any
    state: Any
    items: tuple[Any, ...]
    pairs: tuple[tuple[Any, Any], ...]


@once_a_class
def runs_code(kind: Any) -> bool:
    """Whether making an instance of a container's, or a date's, class and putting its content there
    runs code of the user's, or code of a library's that tells its owners of each new item
    (bokeh's), which it does not have yet; not where the class says itself how that is done."""
    runs = False
    for base in mro_of(kind):
        names = dict_of(base)
        if module_of(base) == "collections" or ("_fields" in names and "_make" in names):
            continue  # Python's own, and a named tuple's, which are known
        if any(in_python(names.get(name)) for name in SAYS):
            return False
        code = _ITEMS if installed(module_of(base)) else _CODE
        runs = runs or any(in_python(names.get(name)) for name in code)
    return runs


def fill(obj: Any, content: tuple[Any, Any, tuple[Any, ...], tuple[tuple[Any, Any], ...]]) -> None:
    """Put its content into an instance, then its state."""
    give, state, items, pairs = content
    kind = type(obj)
    if pairs:
        _one_by_one(of_builtin(kind, "__setitem__"), obj, pairs)
    if items:
        of_builtin(kind, "extend")(obj, items)
    if state is not None:
        (give or leftover.set_state)(obj, state)


def of(container: Any) -> list[Any]:
    """What is in a container, as :func:`refill` takes it."""
    name = "items" if issubclass(type(container), dict) else "__iter__"
    return list(of_builtin(type(container), name)(container))


def refill(container: Any, content: Iterable[Any]) -> None:
    """Give a container another content: the pairs of a dict, the items of any other one. Nobody
    finds it empty meanwhile, but for an ordered dict with a ``__setitem__`` of its own."""
    kind = type(container)
    if issubclass(kind, collections.OrderedDict):  # which dict's own methods would break
        put = of_builtin(kind, "__setitem__")
        is_own = kind.__setitem__ is not put
        fill_it = (
            partial(_one_by_one, put, container, content)
            if is_own
            else partial(of_builtin(kind, "update"), container, content)
        )
    elif issubclass(kind, dict):
        fill_it = partial(dict.update, container, content)
    else:
        by = "update" if issubclass(kind, set) else "extend"
        fill_it = partial(of_builtin(kind, by), container, content)
    kept = of(container)  # what goes with the last reference to it may run code of its own
    in_one_go(partial(of_builtin(kind, "clear"), container), fill_it)
    del kept


def _one_by_one(put: Any, container: Any, content: Iterable[Any]) -> None:
    for key, value in content:
        put(container, key, value)
