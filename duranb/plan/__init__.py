"""The plan of a notebook: its graph as data, which every target and runtime works from.

It imports nothing of the user's and little of ours, so that a workflow engine can read it where it
allows no side effects.
"""

from __future__ import annotations

from duranb.plan.edges import edges_of
from duranb.plan.model import (
    VERSION,
    Edge,
    Kind,
    Node,
    Parameter,
    Plan,
    Policy,
    Undo,
    Why,
    dump,
    load,
)

__all__ = [
    "VERSION",
    "Edge",
    "Kind",
    "Node",
    "Parameter",
    "Plan",
    "Policy",
    "Undo",
    "Why",
    "dump",
    "edges_of",
    "load",
]
