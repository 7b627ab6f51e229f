"""What libraries and the shell were told of the notebook's classes and functions.

A class that ``collections.abc.Sized.register`` was given, an accessor of pandas' frames, a magic:
they come from the code of a step alone, and nothing that is kept brings them back. So a restored
step names them. What libraries keep in containers is in :mod:`duranb.jupyter.registries`.
"""

from __future__ import annotations

import abc
import collections.abc
import numbers
import signal
import sys
import types
from typing import Any

from duranb.code import identity
from duranb.code.looking import full_name, is_class, module_of, name_of


class _Told:
    """Stands for what is only told of."""


TOLD = _Told()
"""The value of what is there, and comes from nothing that could be kept."""

_ABSTRACT = [
    *(getattr(collections.abc, name) for name in collections.abc.__all__),
    *(getattr(numbers, name) for name in numbers.__all__),
]
_ACCESSORS = ("DataFrame", "Series", "Index")


def registered() -> Any:
    """What is another where any was added: to be compared at C speed."""
    pandas = sys.modules.get("pandas")
    return (
        abc.get_cache_token(),
        [len(getattr(getattr(pandas, kind, None), "_accessors", ())) for kind in _ACCESSORS],
        _signals(),
    )


_SIGNALS = {
    name: getattr(signal, name)
    for name in ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGHUP", "SIGTERM", "SIGINT")
    if hasattr(signal, name)
}


def _signals() -> dict[str, Any]:
    """What handles each signal that is handled by a function."""
    found = {name: signal.getsignal(number) for name, number in _SIGNALS.items()}
    return {name: f for name, f in found.items() if type(f) is types.FunctionType}


def registrations() -> dict[str, Any]:
    """The notebook's classes that libraries were told of."""
    found = {
        f"{full_name(cls)}.register({name_of(each)})"
        for cls in _ABSTRACT
        for each in identity.virtual(cls)
        if module_of(each) == "__main__"
    }
    for kind in _ACCESSORS:
        of = getattr(sys.modules.get("pandas"), kind, object)
        for name in getattr(of, "_accessors", ()):
            if module_of(getattr(vars(of).get(name), "_accessor", object)) == "__main__":
                found.add(f"pandas.{kind}.{name}")
    handlers = _signals().items()
    found |= {f"handler of {name}" for name, f in handlers if f.__module__ == "__main__"}
    return dict.fromkeys(sorted(found), TOLD)


def given(shell: Any) -> Any:
    """What is another where the shell was given any: to be compared at C speed."""
    return (
        {kind: dict(each) for kind, each in shell.magics_manager.magics.items()},
        {event: list(each) for event, each in shell.events.callbacks.items()},
        shell.custom_exceptions,
        [dict(kind) for each in _formatters(shell).values() for kind in _printers(each)],
    )


def _formatters(shell: Any) -> dict[str, Any]:
    return shell.display_formatter.formatters  # type: ignore[no-any-return]


def _printers(formatter: Any) -> tuple[dict[Any, Any], ...]:
    """By class, and by the place of a class that is not loaded yet, what shows an object of it."""
    return formatter.type_printers, formatter.deferred_printers


def _class(kind: Any) -> str:
    return name_of(kind) if is_class(kind) else ".".join(kind)


def hooks(shell: Any) -> dict[str, Any]:
    """The notebook's functions that the shell was given: magics, callbacks, views of errors,
    and what shows the objects of a class."""
    magics, callbacks, errors, _ = given(shell)
    called = [(event, f) for event, functions in callbacks.items() for f in functions]
    called += [(f"%{name}", f) for name, f in magics["line"].items()]
    called += [(f"%%{name}", f) for name, f in magics["cell"].items()]
    for shown, formatter in _formatters(shell).items():
        for printers in _printers(formatter):
            called += [(f"{shown} of {_class(kind)}", f) for kind, f in printers.items()]
    # A function's globals are only asked for where it is one: a magic may load itself then.
    found = {
        name
        for name, f in called
        if type(f) is types.FunctionType and f.__globals__ is shell.user_ns
    }
    found |= {f"errors of {full_name(error)}" for error in errors}
    return dict.fromkeys(sorted(found), TOLD)
