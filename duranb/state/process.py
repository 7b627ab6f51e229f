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
from collections.abc import Callable, Collection
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

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


def stands() -> dict[str, str]:
    """What those are now that code can set anywhere, to be compared in one process."""
    root = Path(Path(__file__).anchor)  # all folders are told apart
    return {n: s.read(root) for n, s in _SETTINGS.items() if s.read is not _annotations}


class Process:
    """The settings of this process since now. ``root`` is the project's folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._first = {name: setting.read(root) for name, setting in _SETTINGS.items()}

    def version(self, name: str) -> str:
        """What one of them is, or :data:`FIRST`."""
        now = _SETTINGS[name].read(self._root)
        return FIRST if now == self._first[name] else now
