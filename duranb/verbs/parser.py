"""A verb's words: one click command for the magic and the command line alike."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import click

from duranb.errors import UsageError
from duranb.text import given
from duranb.verbs.declaration import Argument, Changes, Option, Parameter, Verb, parameters

NOTEBOOK = "notebook"
"""The name under which a command's callback is given the notebook."""


def command(
    verb: type[Verb], call: Callable[..., Any], *, shell: bool, before: str = ""
) -> click.Command:
    """The click command of a verb.

    ``call`` gets the verb with its arguments, and by name: ``notebook`` (in a shell, where it is
    the first word) and, for verbs that change something, ``dry_run`` and ``yes``. ``before`` is
    what stands before the verb in the example.
    """
    said = parameters(verb)
    words: list[click.Parameter] = []
    if shell:
        words.append(click.Argument([NOTEBOOK], type=click.Path(path_type=Path)))
    words += [_word(each, shell) for each in said]
    extra = [NOTEBOOK] if shell else []
    if issubclass(verb, Changes):
        words += [
            click.Option(["--dry-run"], is_flag=True, help="Only say what it would do."),
            click.Option(["--yes", "-y"], is_flag=True, help="Do not ask."),
        ]
        extra += ["dry_run", "yes"]

    def callback(**values: Any) -> Any:
        arguments = {each.name: _meant(each, values[each.name]) for each in said}
        return call(verb(**arguments), **{name: values[name] for name in extra})

    example = " ".join(filter(None, [before, verb.word(), "agent.ipynb" * shell, verb.example]))
    return click.Command(
        verb.word(),
        params=words,
        callback=callback,
        help=f"{verb.help()}\n\nExample: {example}",
        context_settings={
            "help_option_names": ["-h", "--help"],
            # A value may begin with a dash: -3.
            "ignore_unknown_options": any(each.type is Any for each in said),
        },
    )


def _word(each: Parameter, shell: bool) -> click.Parameter:
    said, kind = each.said, _click_type(each)
    given_default = {} if each.required or each.default is None else {"default": each.default}
    if isinstance(said, Argument):
        metavar = said.metavar if each.required else f"[{said.metavar}]"
        more: dict[str, Any] = {"required": each.required, "metavar": metavar, **given_default}
        if each.type is Any and not shell:
            more["nargs"] = -1
        return click.Argument([each.name], type=kind, **more)
    more = {"help": said.help}
    if each.type is bool:
        more["is_flag"] = True
    elif each.type == bool | str:
        more |= {"is_flag": False, "flag_value": "", "metavar": f"[{said.metavar}]"}
    elif get_origin(each.type) is dict:
        more |= {"multiple": True, "metavar": said.metavar}
    else:
        more |= {"metavar": said.metavar or None, "required": said.required and shell}
        more |= given_default | {"show_default": bool(each.default)}
    return click.Option([said.flag, each.name], type=kind, **more)


def _click_type(each: Parameter) -> Any:
    kind = each.type
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(x for x in get_args(kind) if x not in (bool, type(None)))
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    if kind is Path:
        return _File(path_type=Path, dir_okay=False, writable=True)
    if kind is int:
        return click.IntRange(min=each.said.least if isinstance(each.said, Option) else None)
    if kind is float:
        return click.FloatRange(min=0, min_open=True)
    return bool if kind is bool else str


class _File(click.Path):
    """A file to write, refused before anything runs where it cannot be written."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        file = super().convert(value, param, ctx)
        if isinstance(file, Path) and not file.absolute().parent.is_dir():
            self.fail(f"there is no folder {file.parent}", param, ctx)
        return file


def _meant(each: Parameter, value: Any) -> Any:
    """The value that words stand for."""
    if each.type == bool | str:
        return value or value is not None
    if get_origin(each.type) is dict:
        as_json = get_args(each.type)[1] is Any
        return dict(_assignment(each.said, text, as_json) for text in value)
    if each.type is Any:
        return given.value(value if isinstance(value, str) else " ".join(value))
    return each.default if value is None else value


def _assignment(said: Argument | Option, text: str, as_json: bool) -> tuple[str, Any]:
    name, sign, value = (part.strip() for part in text.partition("="))
    if not (name.isidentifier() and sign and (value or as_json)):
        flag = said.flag if isinstance(said, Option) else said.metavar
        raise UsageError(f"{flag} takes {said.metavar}, not {text!r}")
    return name, given.value(value) if as_json else value


def parse(command: click.Command, name: str, words: list[str]) -> Any:
    """Parse words and call the command, without ever leaving the process.

    Asked for help it prints that and returns None. Raises :class:`UsageError`.
    """
    try:
        with command.make_context(name, [*words]) as context:
            return command.invoke(context)
    except click.exceptions.Exit:
        return None
    except click.UsageError as error:
        usage = error.ctx.get_usage().removeprefix("Usage: ") if error.ctx else name
        said = error.format_message().rstrip(".")
        raise UsageError(f"{name}: {said}. Usage: {usage}") from error
