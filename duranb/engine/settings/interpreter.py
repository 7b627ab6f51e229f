"""Settings of the interpreter and of modules of Python's own that keep them where nobody looks."""

from __future__ import annotations

import calendar
import csv
import decimal
import gc
import locale
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Values = dict[str, Any]


class _Setting(NamedTuple):
    read: Callable[[], Any]
    write: Callable[[Any], object]


def _switch_collection(on: bool) -> None:
    (gc.enable if on else gc.disable)()


def _set_thresholds(thresholds: tuple[int, ...]) -> None:
    gc.set_threshold(*thresholds)


_SETTINGS = {
    "recursion limit": _Setting(sys.getrecursionlimit, sys.setrecursionlimit),
    "switch interval": _Setting(sys.getswitchinterval, sys.setswitchinterval),
    "most digits of a number": _Setting(sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    "locale": _Setting(
        lambda: locale.setlocale(locale.LC_ALL),
        lambda told: locale.setlocale(locale.LC_ALL, told),
    ),
    "garbage collection": _Setting(gc.isenabled, _switch_collection),
    "thresholds of garbage collection": _Setting(gc.get_threshold, _set_thresholds),
    "timeout of sockets": _Setting(socket.getdefaulttimeout, socket.setdefaulttimeout),
    "first day of the week": _Setting(calendar.firstweekday, calendar.setfirstweekday),
    "longest field of CSV": _Setting(csv.field_size_limit, csv.field_size_limit),
}

_NUMBERS = {
    "precision": "prec",
    "rounding": "rounding",
    "least exponent": "Emin",
    "largest exponent": "Emax",
    "capitals": "capitals",
    "clamp": "clamp",
}
_SIGNALS = {"traps": "traps", "flags": "flags"}
_FRESH = "of new contexts: "


def read() -> Values:
    """All of them."""
    found = {name: setting.read() for name, setting in _SETTINGS.items()}
    fresh = _of_context(decimal.DefaultContext)
    del fresh["flags"]  # of no account in a new one
    return {
        **found,
        **_of_context(decimal.getcontext()),
        **{_FRESH + name: value for name, value in fresh.items()},
    }


def _of_context(context: decimal.Context) -> Values:
    """How a context reckons with decimal numbers."""
    found = {name: getattr(context, own) for name, own in _NUMBERS.items()}
    for name, own in _SIGNALS.items():
        is_set = getattr(context, own)
        found[name] = sorted(signal.__name__ for signal, on in is_set.items() if on)
    return found


def write(values: Mapping[str, Any]) -> None:
    """Set some again."""
    for name, value in values.items():
        if name in _SETTINGS:
            _SETTINGS[name].write(value)
        elif name.startswith(_FRESH):
            _give(decimal.DefaultContext, name.removeprefix(_FRESH), value)
        else:
            _give(decimal.getcontext(), name, value)


def _give(context: decimal.Context, name: str, value: Any) -> None:
    if name in _NUMBERS:
        setattr(context, _NUMBERS[name], value)
        return
    signals = getattr(context, _SIGNALS[name])
    for signal in signals:
        signals[signal] = signal.__name__ in value
