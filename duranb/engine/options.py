"""The first line of a durable cell: ``%%durable [NAME] [options]``."""

from __future__ import annotations

import ast
import difflib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from duranb.code.dataflow import CellNames
from duranb.engine.retry import Policy
from duranb.errors import UsageError
from duranb.text import given

_FIRST_LINE = re.compile(r"\s*%%durable(?P<rest>[ \t][^\n]*|)(?:\n|$)")

_BELOW_SOMETHING = re.compile(
    r"\s*(?:(?:#|%%(?:durable|time|timeit|prun|debug)\b)[^\n]*\n\s*)+%%durable\b"
)

_VALUES = {
    "--retries": "N",
    "--backoff": "S",
    "--timeout": "S",
    "--budget": "USD",
    "--validate": "EXPR",
    "--retry-on": "T,…",
    "--no-retry-on": "T,…",
    "--inputs": "a,b",
    "--outputs": "x,y",
    "--ignore": "z",
    "--on-failure": "compensate",
}
COMPENSATE = "compensate"
"""What ``--on-failure`` may ask for."""

_FLAGS = ("--fresh", "--always")


@dataclass(frozen=True)
class Options:
    """A durable cell's options; ``name`` is empty when the cell's first output names it."""

    name: str = ""
    policy: Policy = field(default_factory=Policy)
    validate: str = ""
    budget: float | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fresh: bool = False
    always: bool = False
    on_failure: str = ""


def first_line(cell: str) -> str | None:
    """What follows ``%%durable`` in a cell that begins with it, else None."""
    found = _FIRST_LINE.match(cell)
    return found["rest"].strip() if found else None


def is_misplaced(cell: str) -> bool:
    """Whether a ``%%durable`` stands below a comment or another magic, which would run the cell
    as if it were not there."""
    return _BELOW_SOMETHING.match(cell) is not None


def parse(line: str) -> Options:
    """The options of a ``%%durable`` line (what follows the magic's name).

    Raises :class:`UsageError` that names the word it does not understand.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%%durable {line}: {error}") from error
    name = ""
    values: dict[str, str] = {}
    flags: set[str] = set()
    index = 0
    while index < len(words):
        word, _, attached = words[index].partition("=")
        if word in _FLAGS:
            if "=" in words[index]:
                raise UsageError(f"%%durable: {word} takes no value; leave it out for no")
            flags.add(word)
        elif word in _VALUES:
            if not attached:
                index += 1
                if index >= len(words):
                    raise UsageError(
                        f"%%durable: {word} needs a value, as in {word} {_VALUES[word]}"
                    )
                attached = words[index]
            values[word] = attached
        elif word.startswith("-"):
            raise UsageError(f"%%durable: unknown option {word}{_hint(word)}")
        elif name:
            raise UsageError(f"%%durable: two names, {name!r} and {words[index]!r}; a step has one")
        else:
            name = words[index]
        index += 1
    return Options(
        name=_checked_name(name),
        policy=Policy(
            retries=_whole(values, "--retries", 3),
            backoff=_seconds(values, "--backoff", 1.0) or 0.0,
            timeout=_seconds(values, "--timeout", None),
            retry_on=_names(values, "--retry-on"),
            no_retry_on=_names(values, "--no-retry-on"),
        ),
        budget=_dollars(values.get("--budget")),
        validate=_expression(values.get("--validate", "")),
        inputs=_names(values, "--inputs"),
        outputs=_names(values, "--outputs"),
        ignore=_names(values, "--ignore"),
        fresh="--fresh" in flags,
        always="--always" in flags,
        on_failure=_on_failure(values.get("--on-failure", "")),
    )


def _hint(word: str) -> str:
    known = [*_VALUES, *_FLAGS]
    close = [k for k in known if k.startswith(word)] or difflib.get_close_matches(word, known, 1)
    return f"; did you mean {close[0]}?" if close else f"; the options are {' '.join(known)}"


def _checked_name(name: str) -> str:
    if name and not re.fullmatch(r"[^\W\d][\w.-]*", name):
        raise UsageError(
            f"%%durable: {name!r} is no step name: letters, digits, '_', '-' and '.', "
            "beginning with a letter"
        )
    return name


def _whole(values: dict[str, str], option: str, default: int) -> int:
    text = values.get(option)
    if text is None:
        return default
    found = given.number(text)
    if found is None:
        raise UsageError(f"%%durable: {option} takes a whole number from 0, not {text!r}")
    return found


def _seconds(values: dict[str, str], option: str, default: float | None) -> float | None:
    text = values.get(option)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf") or (option == "--timeout" and not number):
        raise UsageError(f"%%durable: {option} takes a number of seconds, not {text!r}")
    return number


def _dollars(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text.removeprefix("$"))
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise UsageError(f"%%durable: --budget takes US dollars, not {text!r}")
    return number


def _names(values: dict[str, str], option: str) -> tuple[str, ...]:
    names = tuple(n.strip() for n in values.get(option, "").split(",") if n.strip())
    for name in names:
        # What a module or the environment holds can be ignored: helper.COUNT, $MODE.
        parts = name.removeprefix("$").split(".") if option == "--ignore" else [name]
        if not all(part.isidentifier() for part in parts):
            raise UsageError(f"%%durable: {option}: {name!r} is no name")
    return names


def _on_failure(text: str) -> str:
    if text not in ("", COMPENSATE):
        raise UsageError(f"%%durable: --on-failure takes {COMPENSATE}, not {text!r}")
    return text


def _expression(text: str) -> str:
    try:
        if text:
            ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise UsageError(
            f"%%durable: --validate {text!r} is no expression: {error.msg}. "
            "Quote it if it has spaces"
        ) from error
    return text


def check_names(options: Options, names: CellNames, live: Mapping[str, object]) -> None:
    """Refuse names that the cell or the namespace does not have: a misspelt one would let the step
    be restored when it must run, or without its values. Raises :class:`UsageError`."""
    touched = names.loads | set(names.writes)
    unmade = [] if names.opaque else [n for n in options.outputs if n not in touched]
    if unmade:
        raise UsageError(f"%%durable: --outputs: nothing in this cell makes {unmade[0]!r}")
    unknown = [n for n in options.inputs if n not in live]
    if unknown:
        raise UsageError(
            f"%%durable: --inputs: there is no variable {unknown[0]!r} (yet): mend the name, or "
            "run the cell that makes it first"
        )
