"""The ``duranb`` command, and what it is made of."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

import duranb
from duranb.cli.saying import say
from duranb.errors import DuranbError, UsageError
from duranb.text import grammars
from duranb.verbs.declaration import Changes, Live, Looks, Verb
from duranb.verbs.parser import command
from duranb.verbs.table import VERBS

grammars.when_needed()

DEMO_FOLDER = Path(".duranb-demo")

_HANDLERS = {
    "run": "duranb.cli.running:run",
    "resume": "duranb.cli.running:resume",
    "test": "duranb.cli.running:test",
    "import": "duranb.cli.importing:take",
    "verify": "duranb.cli.files:verify",
    "timeline": "duranb.cli.files:timeline",
    "export": "duranb.cli.files:export",
    "export-traces": "duranb.cli.files:export_traces",
    "adopt": "duranb.cli.files:adopt",
    "encrypt": "duranb.cli.files:encrypt",
    "decrypt": "duranb.cli.files:encrypt",
    "answer": "duranb.cli.changing:answer",
    "signal": "duranb.cli.changing:signal",
    Looks: "duranb.cli.looking:look",
    Changes: "duranb.cli.changing:change",
}
"""What carries out a verb here, by its word or its kind. Imported when the verb is used, so that
every command begins at once."""


class Commands(click.Group):
    """The verbs as they are declared, each made into a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, then what is a command only."""
        return [*_offered(), *super().list_commands(ctx)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List every command, without making one of every verb."""
        rows = [(word, verb.summary()) for word, verb in _offered().items()]
        rows += [(word, own.get_short_help_str(90)) for word, own in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb, or one of the group's own."""
        verb = _offered().get(cmd_name)
        if verb is None:
            return super().get_command(ctx, cmd_name)
        return command(verb, _carry_out, shell=True, before="duranb")

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; what duranb refuses is one sentence and an exit code."""
        try:
            return super().main(*args, **kwargs)
        except (DuranbError, OSError) as error:
            said = refusal(error)
            if said is None:
                raise
            say(said, err=True)
            sys.exit(2 if isinstance(error, UsageError) else 1)


def refusal(error: DuranbError | OSError) -> str | None:
    """What a command says of an error, as a sentence; None for one that is a fault of duranb's."""
    if isinstance(error, DuranbError):
        return f"duranb: {error.message}"
    return None if error.filename is None else f"duranb: {error.filename}: {error.strerror}"


def _offered() -> dict[str, type[Verb]]:
    """The verbs that mean something outside of the notebook's own process."""
    return {word: verb for word, verb in VERBS.items() if not issubclass(verb, Live)}


def _carry_out(verb: Verb, **given: Any) -> None:
    kinds = [kind for kind in (Looks, Changes) if isinstance(verb, kind)]
    path = _HANDLERS.get(verb.word()) or _HANDLERS[kinds[0]]
    module, _, function = path.partition(":")
    getattr(importlib.import_module(module), function)(verb, **given)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
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
def install(sys_prefix: bool) -> None:
    """Install the kernel "Python 3 (durable)".

    Example: duranb kernel install --sys-prefix
    """
    from duranb.cli.kernels import install as write

    say(f"installed: {write(sys_prefix=sys_prefix)}")


@cli.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEMO_FOLDER,
    show_default=True,
    help="Where it plays; an earlier demo's is emptied.",
)
@click.option("--seed", type=int, help="Kill at the same random moments again.")
def demo(folder: Path, seed: int | None) -> None:
    """Kill a real agent twice, resume it, and count what was paid for.

    With OPENAI_API_KEY or OPENAI_BASE_URL that model is asked; else a stand-in on this machine.
    Exit code 1: an answer that had been acknowledged was paid for again.

    Example: duranb demo
    """
    from duranb.demo.run import play

    sys.exit(play(folder, seed))
