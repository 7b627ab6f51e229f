"""Arguments and options that commands share, and how their errors are said."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from duranb.errors import DuranbError, UsageError
from duranb.runner import headless

P = ParamSpec("P")
R = TypeVar("R")

NOTEBOOK = click.argument("notebook", type=click.Path(path_type=Path))
SECONDS = click.FloatRange(min=0, min_open=True)


def _writable(context: click.Context, option: click.Parameter, file: Path | None) -> Path | None:
    """Refuse a place that cannot be written to before anything runs."""
    if file is not None and not file.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {file.parent}")
    return file


def out(about: str, *, required: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The option ``-o FILE``."""
    kind = click.Path(path_type=Path, dir_okay=False, writable=True)
    return click.option("-o", "out", type=kind, callback=_writable, required=required, help=about)


def running(command: Callable[P, R]) -> Callable[P, R]:
    """The options of commands that run a notebook."""
    for option in (
        click.option("--timeout", type=SECONDS, help="Seconds for each cell."),
        click.option(
            "--restarts",
            type=click.IntRange(min=0),
            default=headless.RESTARTS,
            show_default=True,
            help="Kernels in a row that may die without progress.",
        ),
        click.option(
            "--kernel", default="", help="The kernel to use instead of the notebook's own."
        ),
        out("Write the executed notebook."),
    ):
        command = option(command)
    return command


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Say duranb's own errors as one sentence: exit 2 for a wrong word, 1 for the rest."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except DuranbError as error:
            click.echo(f"duranb: {error.message}", err=True)
            sys.exit(2 if isinstance(error, UsageError) else 1)
        except OSError as error:
            if error.filename is None:
                raise
            click.echo(f"duranb: {error.filename}: {error.strerror}", err=True)
            sys.exit(1)

    return run
