"""What can be set of libraries and of Python that is no variable, and how it is read and set."""

from __future__ import annotations

import functools
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from duranb.engine.settings import interpreter, logs, told

Values = dict[str, Any]


def different(was: Values, now: Values) -> Values:
    """What one reading has that another had not."""
    return {k: v for k, v in now.items() if k not in was or not _same(was[k], v)}


def _as_it_is(values: Values) -> Values:
    return values


class Group(NamedTuple):
    """The settings of one library, or of one part of the shell. ``read`` gives them all, or None
    where it is not loaded; ``fresh`` what they are once it is, where one can know; ``write`` sets
    some of them. ``changed`` tells what one reading has that another had not; ``there`` whether
    something is so now that could not be kept (None: the reading tells). ``again`` makes of what
    the last step read at its end what this one would read at its beginning, where nothing has run
    in between."""

    read: Callable[[], Values | None]
    fresh: Callable[[], Values]
    write: Callable[[Values], None]
    changed: Callable[[Values, Values], Values] = different
    there: Callable[[str], bool] | None = None
    again: Callable[[Values], Values] = _as_it_is


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and bool(one == other))


def if_another(raw: Callable[[], Any], read: Callable[[], Values]) -> Callable[[], Values]:
    """Read only where what ``raw`` gives, to be compared at C speed, is not what it was."""
    last: list[Any] = [None, {}]

    def found() -> Values:
        now = raw()
        if last[0] != now:
            last[:] = now, read()
        return cast(Values, last[1])

    return found


# -- libraries ---------------------------------------------------------------------------------


def _matplotlib() -> Values | None:
    library = sys.modules.get("matplotlib")
    found = getattr(library, "rcParams", None)
    return None if found is None else _without_backend(found)


def _without_backend(found: Any) -> Values:
    # Past RcParams' own reading, which warns of old names and resolves the backend.
    values = dict(dict.items(found))
    values.pop("backend", None)
    return values


def _write_matplotlib(values: Values) -> None:
    importlib.import_module("matplotlib").rcParams.update(values)


def _numpy() -> Values | None:
    library = sys.modules.get("numpy")
    read = getattr(library, "get_printoptions", None)
    return None if read is None else {**read(), **getattr(library, "geterr", dict)()}


_FRESH_NUMPY: Values = {
    "divide": "warn",
    "over": "warn",
    "under": "ignore",
    "invalid": "warn",
    "precision": 8,
    "threshold": 1000,
    "edgeitems": 3,
    "linewidth": 75,
    "suppress": False,
    "nanstr": "nan",
    "infstr": "inf",
    "sign": "-",
    "formatter": None,
    "floatmode": "maxprec",
    "legacy": False,
    "override_repr": None,
}
"""What NumPy documents as its defaults."""


def _write_numpy(values: Values) -> None:
    library = importlib.import_module("numpy")
    library.seterr(**{n: v for n, v in values.items() if n in library.geterr()})
    library.set_printoptions(**{n: v for n, v in values.items() if n not in library.geterr()})


def _pandas() -> Values | None:
    config = getattr(sys.modules.get("pandas._config.config"), "_global_config", None)
    return None if config is None else copied(config)


def _fresh_pandas() -> Values:
    options = sys.modules["pandas._config.config"]._registered_options
    return {key: option.defval for key, option in options.items()}


def copied(config: Values) -> Values:
    """Nested options, as they are now."""
    return {k: copied(v) if isinstance(v, dict) else v for k, v in config.items()}


def changed_leaf(was: Values, now: Values) -> Values:
    """What one reading of nested options has that another had not, by its dotted name."""
    return different(dict(_leaves(was)), dict(_leaves(now)))


def _leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _write_pandas(values: Values) -> None:
    set_option = importlib.import_module("pandas").set_option
    for key, value in values.items():
        set_option(key, value)


def _asked(library: str, get: str, write: str) -> Group:
    """The settings of a library that gives and takes them all by a function."""

    def read() -> Values | None:
        found = getattr(sys.modules.get(library), get, None)
        return None if found is None else dict(found())

    def fresh() -> Values:
        return dict(getattr(sys.modules.get(f"{library}._config"), "_global_config", {}))

    def set_again(values: Values) -> None:
        getattr(importlib.import_module(library), write)(**values)

    return Group(read, fresh, set_again)


def _warnings() -> Values:
    return {"filters": [*map(_as_told, warnings.filters)]}


def _as_told(found: Any) -> tuple[Any, ...]:
    action, message, category, module, line = found
    kind = f"{category.__module__}:{category.__qualname__}"
    return action, getattr(message, "pattern", ""), kind, getattr(module, "pattern", ""), line


def _changed_warnings(was: Values, now: Values) -> Values:
    """The filters that were put before the others, where that is all; else all of them."""
    before, filters = was["filters"], now["filters"]
    for count in range(len(filters) + 1):
        first, rest = filters[:count], filters[count:]
        if rest == [each for each in before if each not in first]:
            return {"first": first} if first else {}
    return {"filters": filters}


def _write_warnings(values: Values) -> None:
    if "filters" in values:
        warnings.resetwarnings()
    filters = values["filters"] if "filters" in values else values["first"]
    for action, message, kind, module, line in reversed(filters):
        warnings.filterwarnings(action, message, _at_place(kind), module, line)


def _at_place(place: str) -> Any:
    """The class in a place, as ``module:name``."""
    module, _, name = place.partition(":")
    return functools.reduce(getattr, name.split("."), importlib.import_module(module))


def _folder() -> Values | None:
    try:
        return {"folder": os.getcwd()}
    except OSError:  # it is gone
        return None


def _write_folder(values: Values) -> None:
    os.chdir(values["folder"])


def _path() -> Values:
    return {"entries": list(sys.path)}


def _added_to_path(was: Values, now: Values) -> Values:
    added = [(n, each) for n, each in enumerate(now["entries"]) if each not in was["entries"]]
    return {"added": added} if added else {}


def _write_path(values: Values) -> None:
    for place, entry in values.get("added", ()):
        if entry not in sys.path:
            sys.path.insert(place, entry)


LIBRARIES = {
    "sys.path": Group(_path, dict, _write_path, _added_to_path),
    "logging": Group(logs.read, dict, logs.write, logs.changed, logs.there),
    "matplotlib": Group(
        _matplotlib,
        lambda: _without_backend(sys.modules["matplotlib"].rcParamsOrig),
        _write_matplotlib,
    ),
    "numpy": Group(_numpy, lambda: _FRESH_NUMPY, _write_numpy),
    "sklearn": _asked("sklearn", "get_config", "set_config"),
    "xarray": _asked("xarray", "get_options", "set_options"),
    "pandas": Group(_pandas, _fresh_pandas, _write_pandas, changed_leaf),
    "warnings": Group(
        if_another(lambda: list(warnings.filters), _warnings),
        dict,
        _write_warnings,
        _changed_warnings,
    ),
    "folder": Group(_folder, dict, _write_folder),
}


def nothing(values: Values) -> None:
    """What is only told of cannot be set."""


LIBRARIES["Python"] = Group(interpreter.read, dict, interpreter.write)
LIBRARIES["registrations"] = Group(if_another(told.registered, told.registrations), dict, nothing)
