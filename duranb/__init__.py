"""duranb: the durable kernel extension for Jupyter.

``%load_ext duranb`` in a notebook, then ``%%durable`` on a cell's first line makes it a step: its
result is stored, its LLM calls are journaled as they return, and nothing that was paid for or
done to the outside world is lost or silently done twice.

Names are loaded when first used, so that ``import duranb`` costs little.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duranb.engine.budgets import budget
    from duranb.engine.context import Context, context
    from duranb.engine.effects import call
    from duranb.engine.functions import step
    from duranb.engine.limits import limits
    from duranb.engine.maps import gather, map
    from duranb.engine.memory import memory
    from duranb.engine.questions import Approval, ask
    from duranb.engine.saga import compensation
    from duranb.engine.signals import wait_for
    from duranb.engine.timers import asleep, sleep
    from duranb.engine.tools import tool
    from duranb.engine.values import now, random, uuid4
    from duranb.errors import BudgetExceeded, Expired, Reject
    from duranb.scripts.command import command, options
    from duranb.scripts.durable import durable
    from duranb.scripts.flow import flow
    from duranb.session.session import current
    from duranb.session.signalling import signal
    from duranb.state.reconnect import reconnect
    from duranb.text.known import secret
    from duranb.values.unset import unset

__version__ = "0.1.0"

_HOMES = {
    "Approval": "duranb.engine.questions",
    "Expired": "duranb.errors",
    "Context": "duranb.engine.context",
    "Reject": "duranb.errors",
    "ask": "duranb.engine.questions",
    "asleep": "duranb.engine.timers",
    "call": "duranb.engine.effects",
    "command": "duranb.scripts.command",
    "compensation": "duranb.engine.saga",
    "context": "duranb.engine.context",
    "current": "duranb.session.session",
    "durable": "duranb.scripts.durable",
    "flow": "duranb.scripts.flow",
    "gather": "duranb.engine.maps",
    "budget": "duranb.engine.budgets",
    "BudgetExceeded": "duranb.errors",
    "limits": "duranb.engine.limits",
    "map": "duranb.engine.maps",
    "memory": "duranb.engine.memory",
    "now": "duranb.engine.values",
    "options": "duranb.scripts.command",
    "random": "duranb.engine.values",
    "secret": "duranb.text.known",
    "reconnect": "duranb.state.reconnect",
    "signal": "duranb.session.signalling",
    "sleep": "duranb.engine.timers",
    "step": "duranb.engine.functions",
    "tool": "duranb.engine.tools",
    "unset": "duranb.values.unset",
    "uuid4": "duranb.engine.values",
    "wait_for": "duranb.engine.signals",
}

__all__ = [
    "Approval",
    "BudgetExceeded",
    "Context",
    "Expired",
    "Reject",
    "ask",
    "asleep",
    "budget",
    "call",
    "command",
    "compensation",
    "context",
    "current",
    "durable",
    "flow",
    "gather",
    "limits",
    "map",
    "memory",
    "now",
    "options",
    "random",
    "reconnect",
    "secret",
    "signal",
    "sleep",
    "step",
    "timeline",
    "tool",
    "unset",
    "uuid4",
    "wait_for",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'duranb' has no attribute {name!r}")
    value = getattr(_imported(home), name)
    globals()[name] = value
    return value


def _imported(module: str) -> Any:
    """A module of ours, without what importing it does to the user's next random number: rich
    draws one when it is imported."""
    import random  # not at the top: duranb.random is another thing

    state = random.getstate()
    try:
        return importlib.import_module(module)
    finally:
        random.setstate(state)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])


def timeline() -> Any:
    """The live timeline of this notebook, as a widget; ``%duranb timeline`` shows the same."""
    from duranb.jupyter.extension import loaded

    return loaded().timeline()


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext duranb``."""
    _imported("duranb.jupyter.extension").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext duranb``."""
    from duranb.jupyter.extension import unload

    unload(shell)
