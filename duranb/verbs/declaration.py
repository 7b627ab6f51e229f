"""What a verb's declaration says, and how to read it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, get_args, get_type_hints

import msgspec


@dataclass(frozen=True)
class Argument:
    """A word given by its place. ``metavar`` is how the help calls it."""

    metavar: str
    help: str = ""


@dataclass(frozen=True)
class Option:
    """A word given by its flag, such as ``--from``; ``metavar`` is how the help calls its value.

    ``runs_code`` says that with it the verb runs code of the user's. With ``required`` the command
    line insists on it. ``least`` is the smallest whole number it takes.
    """

    flag: str
    help: str
    metavar: str = ""
    runs_code: bool = False
    required: bool = False
    least: int = 0


class Verb(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A verb with its arguments. Each verb is a subclass of one of the kinds below.

    The docstring is its help. Each field is annotated with an :class:`Argument` or an
    :class:`Option`. ``example`` is what follows the notebook's name in an example. ``handler``
    names the function that carries it out, as ``module:function``; the kinds say what it is given.
    ``runs_code`` says that the verb runs code of the user's, so that any variable may change.
    """

    example: ClassVar[str] = ""
    handler: ClassVar[str] = ""
    runs_code: ClassVar[bool] = False

    @classmethod
    def word(cls) -> str:
        """How users write the verb."""
        return cls.__name__.lower()

    @classmethod
    def help(cls) -> str:
        """The docstring, without its indentation."""
        return inspect.cleandoc(cls.__doc__ or "")

    @classmethod
    def summary(cls) -> str:
        """The first paragraph of the help, on one line."""
        return cls.help().partition("\n\n")[0].replace("\n", " ")

    @classmethod
    def resolve_handler(cls) -> Callable[..., Any]:
        """The function that carries it out, imported now."""
        module, _, function = cls.handler.partition(":")
        found: Callable[..., Any] = getattr(importlib.import_module(module), function)
        return found


class Looks(Verb, frozen=True):
    """Only looks: works on any store, also one that another process holds.

    Its handler takes a :class:`duranb.session.reader.Reader` and the verb, and returns a view.
    ``refused`` is the code that the command ends with where it could not look.
    """

    refused: ClassVar[int] = 1


class Changes(Verb, frozen=True):
    """Changes the notebook: first says what it would do, then does it when confirmed.

    Its handler takes a :class:`duranb.session.session.Session` and the verb, and returns a
    :class:`duranb.session.change.Change`. It takes ``--dry-run`` and ``--yes`` everywhere. The
    timeline has a request for it, which waits for a running cell. One that ``always_asks`` does so
    even with ``--yes``.
    """

    always_asks: ClassVar[bool] = False


def unchanged(verb: Changes, *, yes: bool) -> str:
    """What is said where a change was not confirmed."""
    if not verb.always_asks:
        return "nothing was changed; --yes does it without asking"
    if not yes:
        return "nothing was changed"
    word = verb.word()
    return (
        f"nothing was changed: {word} always asks, and here nobody said yes. In a terminal: duranb "
        f"{word} NOTEBOOK; in Python: await duranb.current().{word}().apply()"
    )


class Acts(Verb, frozen=True):
    """Changes something at once. Its handler takes a session and the verb, and says what it did."""


class OnFiles(Verb, frozen=True):
    """Works on the notebook's files, as they are saved; the surfaces carry it out themselves."""


class Headless(Verb, frozen=True):
    """Runs the notebook in a kernel of its own: only the command line has it."""


class Live(Verb, frozen=True):
    """About the process that runs the notebook: only ``%duranb`` has it. Its handler takes the
    verb, and returns a view."""


@dataclass(frozen=True)
class Parameter:
    """One argument or option of a verb. ``type`` is without its annotations; ``default`` is
    :data:`inspect.Parameter.empty` where one must be given."""

    name: str
    type: Any
    default: Any
    said: Argument | Option

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is inspect.Parameter.empty


def parameters(verb: type[Verb]) -> list[Parameter]:
    """The arguments and options of a verb, in the order in which they are declared.

    Raises :class:`TypeError` for a field that is neither.
    """
    hints = get_type_hints(verb, include_extras=True)
    found = []
    for field in msgspec.structs.fields(verb):
        kind, *said = get_args(hints[field.name]) or (None,)
        if len(said) != 1 or not isinstance(said[0], (Argument, Option)):
            raise TypeError(f"{verb.__name__}.{field.name} is neither an Argument nor an Option")
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        if default is msgspec.NODEFAULT:
            default = inspect.Parameter.empty
        found.append(Parameter(field.name, kind, default, said[0]))
    return found


def signature(verb: type[Verb]) -> inspect.Signature:
    """The signature of the verb as a method."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [
            inspect.Parameter(each.name, kind, default=each.default, annotation=each.type)
            for each in parameters(verb)
        ]
    )
