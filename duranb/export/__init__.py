"""A notebook as a graph that runs, or that can be looked at, without Jupyter.

Cells become a graph (:mod:`duranb.export.build`): the plan (:mod:`duranb.plan`), with the code of
each of its nodes. A target makes text of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from duranb.export import langgraph, pictures, script, steps
from duranb.export.build import build
from duranb.export.errors import ExportError
from duranb.export.graph import Graph
from duranb.export.notebook import read
from duranb.plan import dump
from duranb.record.history import History
from duranb.session.places import has_store
from duranb.session.reader import open_reader
from duranb.text.known import KNOWN

__all__ = ["TARGETS", "ExportError", "Graph", "build", "export", "graph_of", "rendered"]

TARGETS: dict[str, Callable[[Graph], str]] = {
    "dot": lambda graph: pictures.dot(graph.plan),
    "json": lambda graph: dump(graph.plan).decode(),
    "langgraph": langgraph.render,
    "mermaid": lambda graph: pictures.mermaid(graph.plan),
    "script": script.render,
    "steps": steps.render,
}


def export(notebook: Path, target: str) -> str:
    """The text of a notebook exported to one of :data:`TARGETS`.

    What was recorded of its runs is used where there is a store. Raises :class:`ExportError` that
    names the cell when there is something that cannot leave the notebook.
    """
    return rendered(graph_of(notebook), target)


def rendered(graph: Graph, target: str) -> str:
    """The text of a graph for one of :data:`TARGETS`. Raises :class:`ExportError`."""
    if target not in TARGETS:
        raise ExportError(f"there is no target {target!r}; there are: {', '.join(TARGETS)}")
    KNOWN.look_around()
    return TARGETS[target](graph)


def graph_of(notebook: Path) -> Graph:
    """The graph of a notebook file, corrected by what its store has recorded."""
    title, cells = read(notebook)
    graph = build(title, cells, _history(notebook), notebook.name, notebook.parent)
    if not graph.steps:
        raise ExportError(f"{notebook} has no durable cell: there is no step to export")
    return graph


def _history(notebook: Path) -> History | None:
    if not has_store(notebook):
        return None
    with open_reader(notebook) as reader:
        return reader.history
