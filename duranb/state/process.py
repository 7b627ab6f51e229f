"""Settings of the process that decide on what code does: the folder, the locale, decimal numbers,
and whether annotations are evaluated.

Each is told by what it is now, as far as that is the notebook's doing, and counts for code that
mentions what goes by it.
"""

from __future__ import annotations
import __future__

import decimal
import locale
import os
import re
import sys
from collections import deque
from collections.abc import Callable, Collection
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

FIRST = "as at first"
"""The version of one that is as it was when the notebook's process began."""

ANNOTATIONS = ":annotations"
"""What a cell mentions that has annotations, and does not itself say whether they are evaluated."""


class _Setting(NamedTuple):
    """``read`` tells what it is, ``used`` and ``sets`` what code mentions that goes by it, or that
    sets it itself."""

    read: Callable[[Path], str]
    used: re.Pattern[str]
    sets: re.Pattern[str]


def _folder(root: Path) -> str:
    try:
        return _within(root, os.getcwd())
    except OSError:
        return "gone"


@lru_cache(maxsize=64)  # it is looked at with each item of a map
def _within(root: Path, folder: str) -> str:
    # One outside of the project, as a temporary folder is, has another name in each process.
    now = Path(folder)
    return str(now.relative_to(root)) if now.is_relative_to(root) else "elsewhere"


def _locale(root: Path) -> str:
    return locale.setlocale(locale.LC_ALL)


def _decimal(root: Path) -> str:
    context = decimal.getcontext()
    told = f"{context.prec} {context.rounding} {context.Emin} {context.Emax} {context.clamp}"
    traps = sorted(signal.__name__ for signal, on in context.traps.items() if on)
    usual = traps == _TRAPS and context.capitals == 1
    return told if usual else f"{told} {' '.join(traps)} {context.capitals}"


_TRAPS = ["DivisionByZero", "InvalidOperation", "Overflow"]
"""What is an error until somebody says otherwise."""


def _annotations(root: Path) -> str:
    """Cells below one that has ``from __future__ import annotations`` are compiled with it."""
    shell = sys.modules.get("IPython.core.getipython")
    compiler = getattr(shell.get_ipython(), "compile", None) if shell is not None else None
    as_text = getattr(compiler, "flags", 0) & __future__.annotations.compiler_flag
    return "text" if as_text else "evaluated"


_SETTINGS = {
    "the folder": _Setting(
        _folder,
        re.compile(
            r"open|Path|i?glob|rglob|listdir|scandir|walk|exists|is_file|is_dir|getcwd|cwd|abspath"
            r"|resolve|load\w*|read\w*|imread|connect|system|getoutput|run|Popen|check_output"
        ),
        re.compile("f?chdir|cd|pushd|popd"),
    ),
    "the locale": _Setting(
        _locale,
        re.compile("locale|strftime|strptime|strcoll|strxfrm|currency|format_string"),
        re.compile("setlocale"),
    ),
    "the decimal context": _Setting(
        _decimal,
        re.compile("decimal|Decimal"),
        re.compile("getcontext|setcontext"),
    ),
    "whether annotations are evaluated": _Setting(
        _annotations, re.compile(ANNOTATIONS), re.compile(r"(?!)")
    ),
}

NAMES = frozenset(_SETTINGS)
"""How they are called."""


def used(mentioned: Collection[str]) -> set[str]:
    """Those that code goes by, and does not set itself, which mentions these names."""
    return {
        name
        for name, setting in _SETTINGS.items()
        if any(map(setting.used.fullmatch, mentioned))
        and not any(map(setting.sets.fullmatch, mentioned))
    }


_ANYWHERE = Path(Path(__file__).anchor)
"""The root within which all folders are told apart."""


def stands() -> dict[str, str]:
    """What those are now that code can set anywhere, to be compared in one process; with the
    options of libraries, where these are loaded."""
    found = {n: s.read(_ANYWHERE) for n, s in _SETTINGS.items() if s.read is not _annotations}
    read = ((name, options.read()) for name, options in _LIBRARIES.items())
    return found | {name: now for name, now in read if now}


class _Options:
    """The options of a library, told by which of the latest states of theirs that is: texts of
    hundreds of values would take long to make, and comparing the values does not."""

    def __init__(self, read: Callable[[], Any]) -> None:
        self._read = read
        self._known: deque[tuple[int, Any]] = deque(maxlen=8)
        self._count = 0

    def read(self) -> str:
        """Empty where the library is not loaded."""
        now = self._read()
        if now is None:
            return ""
        for number, was in list(self._known):
            if was == now:
                return str(number)
        self._count += 1
        self._known.append((self._count, now))
        return str(self._count)


def _numpy() -> Any:
    library = sys.modules.get("numpy")
    asked = [getattr(library, name, None) for name in ("get_printoptions", "geterr")]
    return None if None in asked else [dict(ask()) for ask in asked if ask is not None]


def _pandas() -> Any:
    config = getattr(sys.modules.get("pandas._config.config"), "_global_config", None)
    return None if config is None else _copied(config)


def _copied(config: dict[str, Any]) -> dict[str, Any]:
    return {k: _copied(v) if isinstance(v, dict) else v for k, v in config.items()}


def _matplotlib() -> Any:
    params = getattr(sys.modules.get("matplotlib"), "rcParams", None)
    # Past its own reading, which warns of old names; these two the notebook's backend sets.
    return params and {k: v for k, v in dict.items(params) if k not in ("backend", "interactive")}


def _asked(library: str, get: str) -> Callable[[], Any]:
    def read() -> Any:
        found = getattr(sys.modules.get(library), get, None)
        return None if found is None else dict(found())

    return read


_LIBRARIES = {
    "the options of matplotlib": _Options(_matplotlib),
    "the options of numpy": _Options(_numpy),
    "the options of pandas": _Options(_pandas),
    "the options of sklearn": _Options(_asked("sklearn", "get_config")),
    "the options of xarray": _Options(_asked("xarray", "get_options")),
}

GROUPS = {
    "the folder": "folder",
    "the locale": "Python",
    "the decimal context": "Python",
    **{name: name.removeprefix("the options of ") for name in _LIBRARIES},
    "pandas.options": "pandas",
    "matplotlib.rcParams": "matplotlib",
    "matplotlib.pyplot.rcParams": "matplotlib",
}
"""In which group of what can be set (:mod:`duranb.engine.settings`) each of them is, and what
modules hold them in."""


class Process:
    """The settings of this process since now. ``root`` is the project's folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._first = {name: setting.read(root) for name, setting in _SETTINGS.items()}

    def version(self, name: str) -> str:
        """What one of them is, or :data:`FIRST`."""
        now = _SETTINGS[name].read(self._root)
        return FIRST if now == self._first[name] else now
