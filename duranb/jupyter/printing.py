"""How SymPy shows its expressions: what ``init_printing(…)`` has told the shell.

It gives the shell functions of its own, which are made of the arguments. So these are kept, where
the cell writes them out, and it is called again with them where the step is restored.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Collection
from typing import Any

from duranb.engine.settings.settable import Group, Values
from duranb.engine.settings.told import TOLD

_CALL = "init_printing"
_HOME = "sympy.interactive.printing"


def group(shell: Any, body: Collection[ast.stmt] = ()) -> Group:
    """What SymPy has told this shell, as it is kept of a step with this code."""
    printers = shell.display_formatter.formatters["text/plain"].type_printers

    def read() -> Values:
        if _HOME not in sys.modules:
            return {}
        shown = [f for f in list(printers.values()) if getattr(f, "__module__", "") == _HOME]
        return {_CALL: shown} if shown else {}

    def changed(was: Values, now: Values) -> Values:
        if was == now:
            return {}
        arguments = _arguments(body)
        return {_CALL: TOLD if arguments is None else arguments}

    def write(values: Values) -> None:
        for given in values.values():
            if isinstance(given, dict):
                importlib.import_module("sympy").init_printing(*given["args"], **given["options"])

    return Group(read, dict, write, changed, there=lambda name: bool(read()))


def _arguments(body: Collection[ast.stmt]) -> Values | None:
    """What the code gives the last call at its top; None where it does not write that out."""
    for statement in reversed(list(body)):
        if isinstance(statement, ast.Expr) and isinstance(call := statement.value, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if _CALL in (name, getattr(call.func, "id", "")):
                return _written(call)
    return None


def _written(call: ast.Call) -> Values | None:
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    if not all(isinstance(each, ast.Constant) for each in (*call.args, *options.values())):
        return None
    args = [ast.literal_eval(each) for each in call.args]
    return {"args": args, "options": {n: ast.literal_eval(each) for n, each in options.items()}}
