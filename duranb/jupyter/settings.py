"""Settings of libraries and of the shell: no variables, and yet what later cells depend on.

``plt.style.use``, ``pd.set_option``, ``warnings.filterwarnings``, ``%config``, ``%alias``, ``%cd``:
what a step changed is kept with its outputs, and set again where the step is restored. Only what it
changed, so that what other cells have set stays. Of environment variables, which hold credentials,
only the names are kept.
"""

from __future__ import annotations

import functools
import importlib
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from traitlets.config import Config

SETTINGS = "settings"
"""The type under which they are kept among a step's outputs."""

Values = dict[str, Any]


def _different(was: Values, now: Values) -> Values:
    return {k: v for k, v in now.items() if k not in was or not _same(was[k], v)}


class Group(NamedTuple):
    """The settings of one library, or of one part of the shell. ``read`` gives them all, or None
    where it is not loaded; ``fresh`` what they are once it is, where one can know; ``write`` sets
    some of them. ``changed`` tells what one reading has that another had not."""

    read: Callable[[], Values | None]
    fresh: Callable[[], Values]
    write: Callable[[Values], None]
    changed: Callable[[Values, Values], Values] = _different


class Settings:
    """What a step changes of them."""

    def __init__(self, shell: Any) -> None:
        self._groups = {**_LIBRARIES, **_of_shell(shell)}
        self._before: dict[str, Values | None] | None = None
        self._environment = frozenset(os.environ)
        self._unread: dict[str, str] = {}

    def begin(self) -> None:
        """A step begins; another attempt of it begins where the first one did."""
        if self._before is None:
            self._before = {name: self._read(name) for name in self._groups}
            return
        for name, before in self._before.items():
            changed = self._changed(name, self._read(name), before)
            if changed and before is not None:
                self._groups[name].write(changed)

    def _read(self, name: str) -> Values | None:
        try:
            return self._groups[name].read()
        except Exception as error:  # another version of the library than those this knows
            self._unread[name] = type(error).__name__
            return None

    def _changed(self, name: str, was: Values | None, now: Values | None) -> Values:
        """What ``now`` has that ``was`` has not."""
        group = self._groups[name]
        try:
            if now is None or now == was:
                return {}
            return group.changed(group.fresh() if was is None else was, now)
        except Exception as error:
            self._unread[name] = type(error).__name__
            return {}

    def changes(self) -> list[dict[str, Any]]:
        """What differs now from :meth:`begin`, as a message to be kept, if anything does."""
        assert self._before is not None
        found, lost = {}, []
        for name, before in self._before.items():
            changed = self._changed(name, before, self._read(name))
            kept = {key: _as_json(value) for key, value in changed.items()}
            lost += [f"{name}: {key}" for key, value in kept.items() if value is _NO_JSON]
            if kept := {key: value for key, value in kept.items() if value is not _NO_JSON}:
                found[name] = kept
        lost += [f"{name} (it could not be read: {why})" for name, why in self._unread.items()]
        environment = sorted(os.environ.keys() - self._environment)
        if not (found or lost or environment):
            return []
        content = {"changes": found, "lost": lost, "environment": environment}
        return [{"type": SETTINGS, "content": content}]

    def apply(self, messages: list[dict[str, Any]]) -> list[str]:
        """Set again what a step had changed; phrases about what is not."""
        for message in messages:
            if message["type"] == SETTINGS:
                return self._apply(message["content"])
        return []

    def _apply(self, content: dict[str, Any]) -> list[str]:
        missing = [f"the setting {name}" for name in content["lost"]]
        missing += [f"${name}" for name in content["environment"] if name not in os.environ]
        for name, changed in content["changes"].items():
            values = {key: _from_json(value) for key, value in changed.items()}
            try:
                self._groups[name].write(values)
            except Exception as error:  # a library's own code, perhaps of another version
                missing.append(f"the settings of {name} ({type(error).__name__}: {error})")
        return missing


# -- values as JSON ----------------------------------------------------------------------------

_NO_JSON = object()


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and bool(one == other))


def _as_json(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_as_json(each) for each in value]
        return _NO_JSON if _NO_JSON in items else {type(value).__name__: items}
    if isinstance(value, dict):
        found = {key: _as_json(each) for key, each in value.items()}
        plain = all(isinstance(key, str) for key in found) and _NO_JSON not in found.values()
        return {"dict": found} if plain else _NO_JSON
    if type(value).__name__ == "Cycler":
        return repr(value)  # which matplotlib reads
    return _NO_JSON


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "float":
        return float(content)
    if kind == "dict":
        return {key: _from_json(each) for key, each in content.items()}
    return _SEQUENCES[kind](map(_from_json, content))


_SEQUENCES: dict[str, Callable[[Iterator[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}


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
    return None if read is None else dict(read())


_FRESH_NUMPY: Values = {
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
    importlib.import_module("numpy").set_printoptions(**values)


def _pandas() -> Values | None:
    config = getattr(sys.modules.get("pandas._config.config"), "_global_config", None)
    return None if config is None else _copied(config)


def _fresh_pandas() -> Values:
    options = sys.modules["pandas._config.config"]._registered_options
    return {key: option.defval for key, option in options.items()}


def _copied(config: Values) -> Values:
    return {k: _copied(v) if isinstance(v, dict) else v for k, v in config.items()}


def _changed_leaf(was: Values, now: Values) -> Values:
    return _different(dict(_leaves(was)), dict(_leaves(now)))


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


def _warnings() -> Values:
    return {"filters": [*map(_told, warnings.filters)]}


def _told(found: Any) -> tuple[Any, ...]:
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
        place, _, name = kind.partition(":")
        category = functools.reduce(getattr, name.split("."), importlib.import_module(place))
        warnings.filterwarnings(action, message, category, module, line)  # type: ignore[arg-type]


def _folder() -> Values | None:
    try:
        return {"folder": os.getcwd()}
    except OSError:  # it is gone
        return None


def _write_folder(values: Values) -> None:
    os.chdir(values["folder"])


_LIBRARIES = {
    "matplotlib": Group(
        _matplotlib,
        lambda: _without_backend(sys.modules["matplotlib"].rcParamsOrig),
        _write_matplotlib,
    ),
    "numpy": Group(_numpy, lambda: _FRESH_NUMPY, _write_numpy),
    "pandas": Group(_pandas, _fresh_pandas, _write_pandas, _changed_leaf),
    "warnings": Group(_warnings, dict, _write_warnings, _changed_warnings),
    "folder": Group(_folder, dict, _write_folder),
}


# -- the shell ---------------------------------------------------------------------------------


def _of_shell(shell: Any) -> dict[str, Group]:
    def aliases() -> Values:
        return dict(shell.alias_manager.aliases)

    def define(values: Values) -> None:
        for name, command in values.items():
            shell.alias_manager.define_alias(name, command)

    def extensions() -> Values:
        return {"loaded": sorted(shell.extension_manager.loaded)}

    def load(values: Values) -> None:
        for name in set(values["loaded"]) - shell.extension_manager.loaded:
            shell.extension_manager.load_extension(name)

    def configuration() -> Values:
        return _copied(shell.config)

    def configure(values: Values) -> None:
        config = Config()
        for name, value in values.items():
            owner, _, trait = name.rpartition(".")
            config[owner][trait] = value
        for configurable in shell.configurables:
            configurable.update_config(config)

    def inline(*, make: bool) -> Any:
        name = "matplotlib_inline.config"
        module: Any = importlib.import_module(name) if make else sys.modules.get(name)
        made = module is not None and (make or module.InlineBackend.initialized())
        return module.InlineBackend.instance(parent=shell) if made else None

    def text(*, make: bool) -> Any:
        return shell.display_formatter.formatters["text/plain"]

    return {
        "aliases": Group(aliases, dict, define),
        "extensions": Group(extensions, dict, load),
        # Also for what is not there yet, as is the inline backend before the first figure.
        "configuration": Group(configuration, dict, configure, _changed_leaf),
        "shell": _traits(
            lambda *, make: shell, ("ast_node_interactivity", "autocall", "automagic")
        ),
        "inline figures": _traits(
            inline, ("close_figures", "figure_formats", "print_figure_kwargs")
        ),
        "text": _traits(text, ("float_precision", "max_seq_length", "max_width", "pprint")),
    }


def _traits(owner: Callable[..., Any], names: tuple[str, ...]) -> Group:
    """Some traits of an object of the shell's, which may have to be made first."""

    def read() -> Values | None:
        found = owner(make=False)
        return None if found is None else {n: getattr(found, n) for n in names}

    def fresh() -> Values:
        traits = owner(make=True).traits()
        return {n: traits[n].default_value for n in names}

    def write(values: Values) -> None:
        found = owner(make=True)
        for name, value in values.items():
            setattr(found, name, value)

    return Group(read, fresh, write)
