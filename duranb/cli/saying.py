"""What commands say."""

from __future__ import annotations

import sys

import click

from duranb.terminal import tame


def say(text: str, *, err: bool = False) -> None:
    """Print a sentence; what it quotes from a history commands nothing in a terminal."""
    click.echo(tame(text), err=err)


def put_out(text: str) -> None:
    """Write what was asked for to the standard output: as it is for a file or another program, and
    on a terminal without what would be a command to it."""
    click.echo(tame(text) if sys.stdout.isatty() else text, nl=False)
