"""What can be set in a kernel with a shell, and how it is read and set."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from traitlets.config import Config

from duranb.engine.settings import told
from duranb.engine.settings.settable import (
    LIBRARIES,
    Group,
    Values,
    changed_leaf,
    copied,
    if_another,
    nothing,
)


def all_of(shell: Any) -> dict[str, Group]:
    """All settings that a kernel with this shell has."""
    return {**LIBRARIES, **_of_shell(shell)}


def _of_shell(shell: Any) -> dict[str, Group]:
    def aliases() -> Values:
        return dict(shell.alias_manager.aliases)

    def line_magics() -> Values:
        return dict(shell.magics_manager.magics["line"])  # aliases are among them

    def define(values: Values) -> None:
        for name, command in values.items():
            shell.alias_manager.define_alias(name, command)

    def extensions() -> Values:
        return {"loaded": sorted(shell.extension_manager.loaded)}

    def load(values: Values) -> None:
        for name in set(values["loaded"]) - shell.extension_manager.loaded:
            shell.extension_manager.load_extension(name)

    def configuration() -> Values:
        return copied(shell.config)

    def configure(values: Values) -> None:
        config = Config()
        for name, value in values.items():
            owner, _, trait = name.rpartition(".")
            config[owner][trait] = value
        for configurable in shell.configurables:
            configurable.update_config(config)

    def inline(*, make: bool) -> Any:
        name = "matplotlib_inline.config"
        module: Any = importlib.import_module(name) if make else sys.modules.get(name)
        made = module is not None and (make or module.InlineBackend.initialized())
        return module.InlineBackend.instance(parent=shell) if made else None

    def text(*, make: bool) -> Any:
        return shell.display_formatter.formatters["text/plain"]

    def code() -> Values:
        found = shell.user_ns.get("_exit_code")
        return {} if found is None else {"_exit_code": found}

    return {
        "hooks": Group(
            if_another(partial(told.given, shell), partial(told.hooks, shell)), dict, nothing
        ),
        "exit code": Group(code, dict, shell.user_ns.update),
        "aliases": Group(if_another(line_magics, aliases), dict, define),
        "extensions": Group(extensions, dict, load),
        # Also for what is not there yet, as is the inline backend before the first figure.
        "configuration": Group(configuration, dict, configure, changed_leaf),
        "shell": _traits(
            lambda *, make: shell, ("ast_node_interactivity", "autocall", "automagic")
        ),
        "inline figures": _traits(
            inline, ("close_figures", "figure_formats", "print_figure_kwargs")
        ),
        "text": _traits(text, ("float_precision", "max_seq_length", "max_width", "pprint")),
    }


def _traits(owner: Callable[..., Any], names: tuple[str, ...]) -> Group:
    """Some traits of an object of the shell's, which may have to be made first."""

    def read() -> Values | None:
        found = owner(make=False)
        return None if found is None else {n: getattr(found, n) for n in names}

    def fresh() -> Values:
        traits = owner(make=True).traits()
        return {n: traits[n].default_value for n in names}

    def write(values: Values) -> None:
        found = owner(make=True)
        for name, value in values.items():
            setattr(found, name, value)

    return Group(read, fresh, write)
