"""A rich renderable as text and as HTML, for a shell and for a notebook."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console, RenderableType

WIDTH = 110
"""Columns in a notebook, whose own width is not known."""

_FRAME = (
    '<pre style="white-space: pre; overflow-x: auto; line-height: 1.25; '
    'font-family: var(--jp-code-font-family, monospace)">{code}</pre>'
)


class View:
    """Something to look at: prints in a shell, shows itself in a notebook."""

    def __init__(self, *parts: RenderableType) -> None:
        self.parts = parts

    def text(self, width: int = WIDTH) -> str:
        """As plain text without colours."""
        sink = io.StringIO()
        self._print(_console(sink, width, terminal=False))
        return sink.getvalue().rstrip("\n")

    def html(self, width: int = WIDTH) -> str:
        """As HTML; whatever it says is escaped."""
        console = _console(io.StringIO(), width, terminal=True)
        self._print(console)
        return console.export_html(inline_styles=True, code_format=_FRAME)

    def print(self, console: Console) -> None:
        """On a terminal."""
        self._print(console)

    def _print(self, console: Console) -> None:
        for part in self.parts:
            console.print(part)

    def _repr_mimebundle_(self, **ignored: Any) -> dict[str, str]:
        return {"text/plain": self.text(), "text/html": self.html()}

    def __repr__(self) -> str:
        return self.text()


def _console(sink: io.StringIO, width: int, *, terminal: bool) -> Console:
    """A console that writes only to ``sink``; rich would display by itself in a kernel."""
    return Console(
        file=sink,
        width=width,
        record=terminal,
        highlight=False,
        force_terminal=terminal,
        force_jupyter=False,
        color_system="truecolor" if terminal else None,
    )
