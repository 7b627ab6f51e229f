"""A script's parameters as options of its command line."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def options(**defaults: Any) -> None:
    """Read the command line, so that ``--help`` and what is wrong with it end the script before it
    has done anything. Exits with 0 or 2 then; :func:`command` reads the options again."""
    _parse(defaults, "")


def command(main: Callable[..., Any]) -> None:
    """Call ``main`` with its parameters from the command line: ``--name VALUE`` for each.

    A value has the type of the parameter's default; what is neither a number, a text nor a truth
    value is given as JSON. Exits with 2 for what cannot be read.
    """
    parameters = inspect.signature(main).parameters.values()
    given = _parse({p.name: p.default for p in parameters}, inspect.getdoc(main) or "")
    result = main(**given)
    if inspect.iscoroutine(result):
        asyncio.run(result)


def _parse(defaults: Mapping[str, Any], about: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog=Path(sys.argv[0]).name, description=about)
    for name, default in defaults.items():
        flags = dict.fromkeys([f"--{name.lower().replace('_', '-')}", f"--{name}"])
        parser.add_argument(
            *flags,
            dest=name,
            type=_reader(default),
            default=default,
            metavar=type(default).__name__.upper(),
            help=f"default: {default!r}".replace("%", "%%"),
        )
    return vars(parser.parse_args())


def _reader(default: Any) -> Callable[[str], Any]:
    """How a value is read that is to be of the type of ``default``."""
    if isinstance(default, bool):
        return _truth
    if isinstance(default, (int, float, str)):
        return type(default)
    return _json


def _truth(text: str) -> bool:
    if text.lower() not in _WORDS:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return _WORDS[text.lower()]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON: {error}") from None
