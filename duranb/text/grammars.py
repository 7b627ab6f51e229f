"""jsonschema without a grammar that takes a second to be read, and is hardly ever needed.

Where JupyterLab is installed, ``rfc3987_syntax`` is too: jsonschema imports it for the format
``iri``, and it compiles its grammar when it is imported. nbformat imports jsonschema, so whatever
reads a notebook would wait for it: longer than for all else that ``duranb run`` imports.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from typing import Any

NAME = "rfc3987_syntax"


def when_needed() -> None:
    """Have the grammar read when something is first checked by it, rather than by the import of
    jsonschema that follows. What is found valid is the same."""
    if NAME in sys.modules or importlib.util.find_spec(NAME) is None:
        return
    standin = types.ModuleType(NAME, "Stands in until something of it is used.")

    def real() -> types.ModuleType:
        if sys.modules.get(NAME) is standin:
            del sys.modules[NAME]
        return importlib.import_module(NAME)

    def is_valid_syntax(*args: Any, **words: Any) -> Any:
        return real().is_valid_syntax(*args, **words)

    def lookup(name: str) -> Any:
        # Whoever looks at all modules asks for __file__ and the like.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(real(), name)

    vars(standin).update(is_valid_syntax=is_valid_syntax, __getattr__=lookup)
    sys.modules[NAME] = standin
