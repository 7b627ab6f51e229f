"""Names of a kernel's namespace that are not the user's."""

from __future__ import annotations

import re

_HISTORY = re.compile(r"_(\d+|i+|i\d+|__?|oh|dh|ih|exit_code|)?$")
_SHELL = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})


def is_hidden(name: str) -> bool:
    """Whether a name belongs to IPython or Python, and is never part of the state. What no code can
    spell (``globals()[5]``) is none."""
    if type(name) is not str or not name.isprintable():
        return True
    if name[:1] != "_":
        return name in _SHELL
    if name == "__main__":  # which ``import __main__`` binds
        return False
    return (name.startswith("__") and name.endswith("__")) or bool(_HISTORY.match(name))
