"""A durable cell's text on its way to Python: what IPython would make of it without its first line.

Much of what IPython does to a cell hangs on where it begins, or on whether it is one line: the
indentation it takes away, the prompts of pasted examples, magics and aliases without a ``%``.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from IPython.core.inputtransformer2 import classic_prompt, ipython_prompt, leading_indent

from duranb.engine.options import first_line


def comment_out(cell: list[str]) -> list[str]:
    """Turn a first line ``%%durable …`` into a comment, or drop it before another cell magic.

    Pure, as IPython may call it twice for one cell.
    """
    if not cell or first_line(cell[0]) is None:
        return cell
    empty, body = _divided(cell[1:])
    for clean in (leading_indent, classic_prompt, ipython_prompt):
        body = clean(body)  # type: ignore[no-untyped-call, unused-ignore]
    if body and body[0].startswith("%%"):
        return body
    # Empty lines stay, so that every line keeps its number.
    return ["# " + cell[0].lstrip(), *empty, *body]


def _divided(lines: list[str]) -> tuple[list[str], list[str]]:
    empty = list(takewhile(str.isspace, lines))
    return empty, lines[len(empty) :]


class SingleLine:
    """Gives a durable cell of one line what a plain cell of one line gets: ``ls`` for ``%ls``,
    aliases, and calls without parentheses. Called with lines that IPython has transformed."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def __call__(self, lines: list[str]) -> list[str]:
        """The lines, the only one below ``%%durable`` as the prefilter makes it."""
        if not lines or not lines[0].startswith("# %%durable"):
            return lines
        empty, body = _divided(lines[1:])
        if len(body) != 1:
            return lines
        with self._shell.builtin_trap:
            line = self._shell.prefilter_manager.prefilter_lines(body[0])
        return [lines[0], *empty, *f"{line}\n".splitlines(keepends=True)]
