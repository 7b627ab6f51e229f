"""The modules that a cell's own import statements load: ``import xml.dom.minidom``.

Such a cell binds no more than ``xml``, and loading that again does not load what is below it.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from duranb.code.looking import own_failure

_NOT_PYTHON = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)


@dataclass(frozen=True)
class Import:
    """A ``module`` that is imported, ``surely``: the cell has no other way where that fails."""

    module: str
    surely: bool


def of_cell(tree: ast.Module) -> tuple[Import, ...]:
    """Those of a cell below a package, in its order, without what only its functions or conditions
    import."""
    return tuple(dict.fromkeys(_below(tree.body, surely=True)))


def of_source(source: str) -> tuple[Import, ...]:
    """Those of a cell as it was written; none where it cannot be read without its magics."""
    if "import" not in source:
        return ()
    try:
        return of_cell(ast.parse(_NOT_PYTHON.sub("", source)))
    except (SyntaxError, ValueError, RecursionError):
        return ()


def again(imports: Iterable[Import]) -> list[str]:
    """Load those that are not loaded; what failed and should not have, with why."""
    failed = []
    for each in imports:
        if each.module not in sys.modules:
            try:
                importlib.import_module(each.module)
            except BaseException as error:  # of any kind: it is the module's own code
                if not own_failure(error):
                    raise
                if each.surely:
                    failed.append(f"the module {each.module} ({type(error).__name__}: {error})")
    return failed


def _below(statements: Iterable[ast.stmt], *, surely: bool) -> Iterator[Import]:
    for node in statements:
        match node:
            case ast.Import():
                names = [each.name for each in node.names]
            case ast.ImportFrom(module=str(module), level=0):
                names = [module]
            case ast.With():
                yield from _below(node.body, surely=surely)
                continue
            case ast.Try():
                handled = [s for handler in node.handlers for s in handler.body]
                yield from _below([*node.body, *handled], surely=False)
                yield from _below([*node.orelse, *node.finalbody], surely=surely)
                continue
            case _:
                continue
        yield from (Import(name, surely) for name in names if "." in name)
