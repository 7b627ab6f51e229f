"""The ``duranb`` command, and what it is made of."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import duranb
from duranb.cli import changing, looking, running
from duranb.cli.options import plainly

DEMO_FOLDER = Path(".duranb-demo")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(duranb.__version__)
def cli() -> None:
    """Durable notebooks: run them, resume them, look at what they did.

    NOTEBOOK is an .ipynb file; where it is only looked at, also the folder of its store.
    """


def main() -> None:
    """Entry point of the ``duranb`` command."""
    cli(prog_name="duranb")


@cli.group()
def kernel() -> None:
    """The kernel "Python 3 (durable)", which loads duranb by itself."""


@kernel.command()
@click.option("--sys-prefix", is_flag=True, help="Into this environment, not for the user.")
@plainly
def install(sys_prefix: bool) -> None:
    """Install the kernel "Python 3 (durable)".

    Example: duranb kernel install --sys-prefix
    """
    from duranb.cli.kernels import install as write

    click.echo(f"installed: {write(sys_prefix=sys_prefix)}")


@cli.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEMO_FOLDER,
    show_default=True,
    help="Where it plays; an earlier demo's is emptied.",
)
@click.option("--seed", type=int, help="Kill at the same random moments again.")
@plainly
def demo(folder: Path, seed: int | None) -> None:
    """Kill a real agent twice, resume it, and count what was paid for.

    With OPENAI_API_KEY or OPENAI_BASE_URL that model is asked; else a stand-in on this machine.
    Exit code 1: an answer that had been acknowledged was paid for again.

    Example: duranb demo
    """
    from duranb.demo.run import play

    sys.exit(play(folder, seed))


for command in (
    running.run,
    running.resume,
    looking.status,
    looking.log,
    looking.show,
    looking.diff,
    looking.timeline,
    running.verify,
    running.run_test,
    looking.export,
    changing.answer,
    changing.trust,
    changing.adopt,
):
    cli.add_command(command)
