"""What was recorded is text to a terminal, too: it commands nothing, and poses as nothing."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import duranb
from duranb.cli.main import refusal
from duranb.cli.saying import say
from duranb.errors import Untrusted
from duranb.session.change import Change
from duranb.terminal import one_line, tame
from duranb.views.lines import quiet

COMMANDS = {
    "title": "\x1b]0;title\x07",
    "clear": "\x1b[2J",
    "in one byte": "\x9b2J",
    "over what was shown": "\rgo on? [y/N] ",
    "back": "\b\b\b",
    "other order": "\u202eti tsurt\u202c",
    "isolated": "\u2066x\u2069",
    "separators": "\u2028x\u2029",
    "delete": "\x7f",
}


async def _done() -> str:
    return "done"


@click.command()
@click.argument("text")
def _said(text: str) -> None:
    say(text)


SAID: dict[str, Callable[[str], str]] = {
    "tame": tame,
    "one line": one_line,
    "a change": lambda text: str(Change("trust", text, (text,), _done, (text,))),
    "an error": lambda text: "".join(Untrusted(text)._render_traceback_()),
    "a line of a cell": lambda text: "".join(quiet(text).values()),
    "a command": lambda text: CliRunner().invoke(_said, [f"a{text}"], color=True).output,
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("how", SAID)
def test_nothing_recorded_commands_a_terminal(how: str, command: str) -> None:
    """Whatever says it."""
    said = SAID[how](COMMANDS[command])
    assert not {c for c in said if c in "".join(COMMANDS.values()) and not c.isprintable()} - {"\n"}


def test_letters_stay() -> None:
    """Of all languages, with the marks that they need."""
    text = "a\tb\n\u05d0\u200f \u0639\u0631\u0628\u064a \U0001f468\u200d\U0001f469 \u00e9"
    assert tame(text) == text


def test_a_name_poses_as_no_line() -> None:
    """A name with a new line in it stands within what it belongs to."""
    said = str(Change("trust", "trust a", ("3 steps: one\n  nothing will run", "more"), _done))
    assert [x for x in said.splitlines() if x.startswith("  nothing")] == []
    assert one_line("main\r\n  all is well") == "main all is well"


def test_every_command_speaks_this_way() -> None:
    """No module of the command line prints by itself."""
    folder = Path(duranb.__file__).parent / "cli"
    found = [
        f"{file.name}:{node.lineno}"
        for file in folder.glob("*.py")
        if file.name != "saying.py"
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("click.echo", "print")
    ]
    assert not found
    assert refusal(Untrusted("no")) == "duranb: no"
