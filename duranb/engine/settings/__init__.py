"""Settings of libraries and of the shell: no variables, and yet what later cells depend on.

``plt.style.use``, ``pd.set_option``, ``warnings.filterwarnings``, ``%config``, ``%alias``, ``%cd``:
what a step changed is kept with its outputs, and set again where the step is restored. Only what it
changed, so that what other cells have set stays. What modules hold, and the environment, is in
:mod:`duranb.state.surroundings`.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

import blake3

from duranb.code.moving import steady
from duranb.engine.settings.settable import Group, Values, different
from duranb.engine.settings.told import TOLD

SETTINGS = "settings"
"""The type under which they are kept among a step's outputs."""


_EARLY = ("sys.path", "folder", "warnings")

_SHOWS = {
    "matplotlib": frozenset({"image/png", "image/svg+xml", "image/jpeg", "application/pdf"}),
    "pandas": frozenset({"text/html"}),
}
"""By library, the types of outputs on whose looks its settings decide."""

_WRITES = frozenset({"numpy", "pandas", "sklearn", "xarray"})
"""Libraries whose settings decide on the text that is made of their values."""

_SHAPES = sorted({*_SHOWS, *_WRITES})


class Standing(NamedTuple):
    """The settings as they were read at some time, by group, when so many ``modules`` were loaded:
    each of them may set some up."""

    values: Mapping[str, Values | None]
    modules: int


class Settings:
    """What a step changes of them; ``groups`` are those there are, by name."""

    def __init__(
        self, groups: Mapping[str, Group], stood: Callable[[], Standing | None] = lambda: None
    ) -> None:
        """``stood`` gives where they stand as a step begins, where that is known."""
        self._groups = dict(groups)
        self._stood = stood
        self._before: dict[str, Values | None] | None = None
        self._unread: dict[str, str] = {}
        self.kept: frozenset[str] = frozenset()
        """The groups of which all that has changed is kept, as far as :meth:`changes` said."""
        self.standing = Standing({}, 0)
        """Where they stood when :meth:`changes` looked."""

    def also(self, groups: Mapping[str, Group]) -> None:
        """These are there too, or in the place of others."""
        self._groups |= groups

    def begin(self) -> None:
        """A step begins; another attempt of it begins where the first one did."""
        if self._before is None:
            stood = self._stood()
            known = {} if stood is None or stood.modules != len(sys.modules) else stood.values
            self._before = {name: self._read(name, known.get(name)) for name in self._groups}
            return
        for name, before in self._before.items():
            changed = self._changed(name, self._read(name), before)
            if changed and before is not None:
                self._groups[name].write(changed)

    def _read(self, name: str, known: Values | None = None) -> Values | None:
        """What a group holds; as it was read before, where that is ``known``."""
        group = self._groups[name]
        try:
            return steady(group.read) if known is None else group.again(known)
        except Exception as error:  # another version of the library than those this knows
            self._unread[name] = type(error).__name__
            return None

    def _changed(self, name: str, was: Values | None, now: Values | None) -> Values:
        """What ``now`` has that ``was`` has not."""
        group = self._groups[name]
        try:
            if now is None or now is was or now == was:
                return {}
            return group.changed(group.fresh() if was is None else was, now)
        except Exception as error:
            self._unread[name] = type(error).__name__
            return {}

    def changes(
        self, shown: list[dict[str, Any]], written: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """What differs now from :meth:`begin`, and under which settings the step's outputs were
        ``shown``, as a message to be kept, if there is anything to say. ``written``: libraries of
        whose values the step may have made text."""
        assert self._before is not None
        found, lost = {}, []
        loaded = len(sys.modules)
        now = {name: self._read(name) for name in self._before}
        self.standing = Standing(now, loaded)
        for name, before in self._before.items():
            changed = self._changed(name, before, now[name])
            kept = {key: _as_json(value) for key, value in changed.items()}
            lost += [f"{name}: {key}" for key, value in kept.items() if value is _NO_JSON]
            if kept := {key: value for key, value in kept.items() if value is not _NO_JSON}:
                found[name] = kept
        lost += [f"{name} (it could not be read: {why})" for name, why in self._unread.items()]
        under = {n: told for n in _SHAPES if (told := self._told(n, shown, written))}
        if not (found or lost or under):
            return []
        content = {"changes": found, "lost": lost, "under": under}
        self.kept = frozenset(found) - {each.partition(":")[0].partition(" (")[0] for each in lost}
        return [{"type": SETTINGS, "content": content}]

    def _told(self, name: str, shown: list[dict[str, Any]], written: Collection[str]) -> str:
        """The settings of a library that decide on how something is shown that is among what was:
        a digest of those that are not as at first."""
        data = (message["content"].get("data", {}).keys() for message in shown)
        looks = _SHOWS.get(name, frozenset())
        in_text = name in _WRITES and name in written
        if not in_text and all(looks.isdisjoint(each) for each in data):
            return ""
        found = self._read(name)
        if found is None:
            return ""
        group = self._groups[name]
        changed = {k: _as_json(v) for k, v in group.changed(group.fresh(), found).items()}
        plain = {k: v for k, v in sorted(changed.items()) if v is not _NO_JSON}
        plain.pop("interactive", None)  # which the kernel sets when it is first asked for a figure
        return blake3.blake3(repr(plain).encode()).hexdigest(8) if plain else ""

    def shown_otherwise(
        self, messages: list[dict[str, Any]], written: Collection[str] = ()
    ) -> list[str]:
        """The libraries whose settings are others than when outputs were shown that they made, or
        text was ``written`` of their values."""
        kept = [m["content"] for m in messages if m["type"] == SETTINGS]
        under: dict[str, str] = kept[0].get("under", {}) if kept else {}
        here = [name for name in _SHAPES if self._read(name) is not None]
        return [n for n in here if self._told(n, messages, written) != under.get(n, "")]

    def prepare(self, messages: list[dict[str, Any]]) -> None:
        """Set again what the modules are found by that a step's values need, and what these may
        warn of when they are imported."""
        for message in messages:
            if message["type"] == SETTINGS:
                changes = message["content"]["changes"]
                early = {name: changes[name] for name in _EARLY if name in changes}
                self._apply({"changes": early, "lost": []})

    def apply(self, messages: list[dict[str, Any]]) -> list[str]:
        """Set again what a step had changed, once its modules are loaded, each of which sets up
        its own then; phrases about what is not."""
        for message in messages:
            if message["type"] == SETTINGS:
                return self._apply(message["content"])
        return []

    def _is_there(self, lost: str) -> bool:
        """Whether what could not be kept of a setting is so here: no other kernel was started."""
        name, _, key = lost.partition(": ")
        if name in self._groups and (there := self._groups[name].there) is not None:
            return there(key)
        now = self._read(name) if name in self._groups else None
        return now is not None and now.get(key) is TOLD

    def _apply(self, content: dict[str, Any]) -> list[str]:
        missing = [_named(lost) for lost in content["lost"] if not self._is_there(lost)]
        # Older stores have the names of variables of the environment here.
        missing += [f"${n}" for n in content.get("environment", ()) if n not in os.environ]
        for name, changed in content["changes"].items():
            values = {key: _from_json(value) for key, value in changed.items()}
            try:
                now = self._read(name) or {}
                if different(now, values):
                    self._groups[name].write(values)
            except Exception as error:  # a library's own code, perhaps of another version
                missing.append(f"the settings of {name} ({type(error).__name__}: {error})")
        return missing


def _named(lost: str) -> str:
    """What could not be kept of a setting, in a user's words."""
    group, _, key = lost.partition(": ")
    return f"{_SAID[group]} {key}" if group in _SAID else f"the setting {lost}"


_SAID = {"caches": "the cache of"}
"""How what is no setting to a user is named, by its group."""


# -- values as JSON ----------------------------------------------------------------------------

_NO_JSON = object()


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
