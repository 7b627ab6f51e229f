"""A rich renderable as text and as HTML, for a shell and for a notebook."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment

from duranb.terminal import tame

WIDTH = 110
"""Columns in a notebook, whose own width is not known."""

_FRAME = (
    '<pre style="white-space: pre; overflow-x: auto; line-height: 1.25; '
    'font-family: var(--jp-code-font-family, monospace)">{code}</pre>'
)


class View:
    """Something to look at: prints in a shell, shows itself in a notebook.

    ``code`` is what the command ends with.
    """

    def __init__(self, *parts: RenderableType, code: int = 0) -> None:
        self.parts = parts
        self.code = code

    def text(self, width: int = WIDTH) -> str:
        """As plain text without colours."""
        return self._drawn(width).export_text().rstrip("\n")

    def html(self, width: int = WIDTH) -> str:
        """As HTML; whatever it says is escaped."""
        return _html(self._drawn(width))

    def _drawn(self, width: int) -> Console:
        """A console that has recorded all of it, and written it nowhere."""
        console = console_for(
            file=_Nowhere(),
            width=width,
            record=True,
            force_terminal=True,
            force_jupyter=False,  # else rich would display by itself in a kernel
            color_system="truecolor",
        )
        self.print(console)
        return console

    def print(self, console: Console) -> None:
        """On a terminal."""
        for part in self.parts:
            console.print(_Tame(part))

    def _repr_mimebundle_(self, **ignored: Any) -> dict[str, str]:
        console = self._drawn(WIDTH)
        text = console.export_text(clear=False).rstrip("\n")
        return {"text/plain": text, "text/html": _html(console)}

    def __repr__(self) -> str:
        return self.text()


class _Tame:
    """A renderable without what would be a command to a terminal (:mod:`duranb.terminal`)."""

    def __init__(self, part: RenderableType) -> None:
        self._part = part

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._part, options):
            yield Segment(tame(segment.text), segment.style, segment.control)


def console_for(**more: Any) -> Console:
    """A console that takes recorded text as text: names of steps, types and calls may look like
    rich's own markup."""
    return Console(markup=False, emoji=False, highlight=False, **more)


def _html(console: Console) -> str:
    return console.export_html(inline_styles=True, code_format=_FRAME)


class _Nowhere(io.StringIO):
    """A file that keeps nothing of what is written to it."""

    def write(self, text: str, /) -> int:
        return len(text)
