"""The settings of Python's ``logging``: levels, handlers, filters, what is switched off.

Handlers that print, and filters by name, are made again; of others, and of filters in the
notebook's own code, only is said that they are missing.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from duranb.values import held

Values = dict[str, Any]

_LEVEL = "level of "
_HANDLERS = "handlers of "
_FILTERS = "filters of "
_QUIET = "no propagation of "
_OFF = "disabled: "
_ROOTS_HANDLERS = "handlers"
_UP_TO = "disabled up to"
_WARNINGS = "captures warnings"
_RAISES = "raises errors of handlers"


def read() -> Values:
    """What is not as Python begins with it, by what it is. What a library's loggers have, which it
    sets up when it is imported, are not the notebook's handlers and filters."""
    found = {_LEVEL: logging.root.level, **_of_all()}
    for name, logger in _loggers():
        level, off, quiet = logger.level, logger.disabled, not logger.propagate
        found |= {_LEVEL + name: level} if level else {}
        found |= {_OFF + name: True} if off else {}
        found |= {_QUIET + name: True} if quiet else {}
        if (logger.handlers or logger.filters) and not _is_librarys(name):
            found |= _held(logger, name)
    return found | _held(logging.root, "")


def _of_all() -> Values:
    up_to = logging.root.manager.disable
    warnings = logging._warnings_showwarning is not None  # type: ignore[attr-defined]
    found = {_UP_TO: up_to} if up_to else {}
    found |= {_WARNINGS: True} if warnings else {}
    return found if logging.raiseExceptions else {**found, _RAISES: False}


def _loggers() -> Iterator[tuple[str, logging.Logger]]:
    for name, each in logging.Logger.manager.loggerDict.items():
        if isinstance(each, logging.Logger):
            yield name, each


def _held(logger: logging.Logger, name: str) -> Values:
    handlers = [_handler(h) for h in logger.handlers if type(h) is not logging.NullHandler]
    filters = list(map(_filter, logger.filters))
    found = {_HANDLERS + name if name else _ROOTS_HANDLERS: handlers} if handlers else {}
    return found | ({_FILTERS + name: filters} if filters else {})


def _is_librarys(name: str) -> bool:
    top = name.partition(".")[0]
    return top in sys.modules and held.installed(top)


def _default(key: str) -> Any:
    """What a setting is that no reading has."""
    if key in (_WARNINGS, _RAISES) or key.startswith((_QUIET, _OFF)):
        return key == _RAISES
    return [] if key == _ROOTS_HANDLERS or key.startswith((_HANDLERS, _FILTERS)) else 0


def changed(was: Mapping[str, Any], now: Mapping[str, Any]) -> Values:
    """What one reading tells otherwise than another."""
    pairs = ((k, was.get(k, _default(k)), now.get(k, _default(k))) for k in {**was, **now})
    return {key: new for key, old, new in pairs if old != new}


def there(key: str) -> bool:
    """Whether something that could not be kept is there: a handler or filter of that logger."""
    found: Any = read().get(key, ())
    return any(not isinstance(each, dict) for each in found)


# -- handlers and filters ----------------------------------------------------------------------


def _handler(handler: logging.Handler) -> Any:
    """What a handler is made of again, or itself where it does more than print."""
    if type(handler) is not logging.StreamHandler:
        return handler
    form, filters = _format(handler.formatter), list(map(_filter, handler.filters))
    if form is None or not all(isinstance(each, dict) for each in filters):
        return handler
    for stream in ("stdout", "stderr"):
        if handler.stream is getattr(sys, stream):
            told = {"stream": stream, "level": handler.level, "filters": filters, **form}
            return {**told, "name": handler.name} if handler.name else told
    return handler


_STYLES = {logging.PercentStyle: "%", logging.StrFormatStyle: "{", logging.StringTemplateStyle: "$"}


def _format(formatter: logging.Formatter | None) -> Values | None:
    """What a formatter is made of again; None for one with code of its own."""
    if formatter is None:
        return {}
    style: Any = formatter._style
    as_class = type(formatter) is logging.Formatter and vars(formatter).keys() <= _OF_FORMATTERS
    if not as_class or type(style) not in _STYLES or style._defaults:
        return None
    return {"format": formatter._fmt, "date": formatter.datefmt, "style": _STYLES[type(style)]}


_OF_FORMATTERS = vars(logging.Formatter()).keys()


def _filter(each: Any) -> Any:
    """What a filter is made of again, or itself where it has code of its own."""
    return {"name": each.name} if type(each) is logging.Filter else each


def _made_handler(told: Any) -> logging.Handler:
    if not isinstance(told, dict):
        return told  # type: ignore[no-any-return]
    handler = logging.StreamHandler(getattr(sys, told["stream"]))
    handler.setLevel(told["level"])
    if "format" in told:
        form = logging.Formatter(told["format"], told["date"], told["style"])
        handler.setFormatter(form)
    if "name" in told:
        handler.set_name(told["name"])
    for each in told["filters"]:
        handler.addFilter(_made_filter(each))
    return handler


def _made_filter(told: Any) -> Any:
    return logging.Filter(told["name"]) if isinstance(told, dict) else told


# -- setting again -----------------------------------------------------------------------------


def write(values: Mapping[str, Any]) -> None:
    """Set some again."""
    for key, value in values.items():
        if key == _UP_TO:
            logging.disable(value)
        elif key == _WARNINGS:
            logging.captureWarnings(value)
        elif key == _RAISES:
            logging.raiseExceptions = value
        elif key == _ROOTS_HANDLERS:
            _give_handlers(logging.root, value)
        else:
            _write_one(key, value)


def _write_one(key: str, value: Any) -> None:
    kind = next(kind for kind in _WRITES if key.startswith(kind))
    _WRITES[kind](logging.getLogger(key.removeprefix(kind)), value)


def _silence(logger: logging.Logger, quiet: bool) -> None:
    logger.propagate = not quiet


def _switch(logger: logging.Logger, off: bool) -> None:
    logger.disabled = off


def _give_handlers(logger: logging.Logger, told: Iterable[Any]) -> None:
    """Have a logger print by these handlers and no others; those that it has stay themselves."""
    told = list(told)
    if any(isinstance(each, tuple) for each in told):  # of an older store, which were added
        told = [*map(_handler, logger.handlers), *map(_of_older, told)]
    has = [h for h in logger.handlers if type(h) is not logging.NullHandler]
    wanted: list[logging.Handler] = []
    for each in told:
        same = next((h for h in has if h is each or _handler(h) == each), None)
        if same is not None:
            has.remove(same)
        elif each in map(_handler, wanted):
            continue
        wanted.append(_made_handler(each) if same is None else same)
    for handler in has:
        logger.removeHandler(handler)
    for handler in wanted:
        logger.addHandler(handler)


def _of_older(told: tuple[str, int, str | None, str | None]) -> Values:
    stream, level, form, date = told
    return {"stream": stream, "level": level, "filters": []} | (
        {"format": form, "date": date, "style": "%"}
    )


def _give_filters(logger: logging.Logger, told: Iterable[Any]) -> None:
    logger.filters[:] = map(_made_filter, told)


_WRITES: dict[str, Callable[[logging.Logger, Any], None]] = {
    _LEVEL: logging.Logger.setLevel,
    _HANDLERS: _give_handlers,
    _FILTERS: _give_filters,
    _QUIET: _silence,
    _OFF: _switch,
}
