"""What a plan says, as frozen structs with one JSON form.

How a runtime carries a plan out, with nothing but the plan and the importable ``steps.py``:

1. Nodes run in any order that the edges allow; ``Plan.nodes`` is one such order, the notebook's.
2. A node is a function of ``steps.py``, called with the values of ``reads``, in order. Where each
   value comes from says :meth:`Plan.sources`: an earlier node, or ``""``: then it is a parameter of
   the plan, or else the variable of that name in ``steps.py``.
3. Before it runs, the variables ``uses`` of ``steps.py`` are given their values in the same way:
   functions that the node calls read them as globals.
4. It returns the values of ``writes``: None for none, the value itself for one, else a tuple.
5. What a node changed in place is among its ``writes``, if the plan knows. A runtime that finds
   another change has to hand it on to those that read it, or to fail by naming it.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterator
from functools import cached_property
from typing import Literal

import msgspec

from duranb.errors import UsageError

VERSION = 1
"""Of the JSON form: what a reader has to know to make sense of it."""

Kind = Literal["step", "cell", "map", "ask", "sleep"]
"""``cell`` is plain code between the steps, which is carried out in each run and journals nothing.
All the others are steps: ``map``, ``ask`` and ``sleep`` are steps in which such a call is made, so
that they may fan out, or wait for long."""

Why = Literal["data", "in place", "effect", "order"]
"""Why a node comes after another: it gets a value that the other one made (``data``) or changed
(``in place``), or changes in place what the other one reads; both change the outside world
(``effect``); or one could notice the other in another way, such as by a file that the other one
writes, by random numbers or by variables that functions read (``order``)."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How often a step is tried and what it may cost: ``backoff`` and ``timeout`` are seconds,
    ``budget`` is US dollars."""

    retries: int = 3
    backoff: float = 1.0
    timeout: float | None = None
    retry_on: tuple[str, ...] = ()
    no_retry_on: tuple[str, ...] = ()
    budget: float | None = None


class Undo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What undoes a step: a function of ``steps.py``, called with the recorded arguments ``reads``
    by the names that the step gives them (``parameters``), and with ``result=`` what the step
    returned, if it ``takes_result``."""

    function: str
    reads: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    takes_result: bool = False
    is_async: bool = False


class Node(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A unit that runs as a whole.

    ``name`` is unique; for a step it is the step's. ``function`` is what carries it out, and
    ``parameters`` is how it calls its ``reads``. ``uses`` are variables of ``steps.py`` that it
    reads through functions. ``changes`` are those of ``reads`` and ``uses`` that it changes in
    place; ``observed`` says that this was recorded in a run, and not only read from the code.
    ``after`` are nodes that it does not run beside, since one of the two may change in place what
    the other reads. ``effects`` are the ways in which it changes the outside world, as far as
    known; ``looks`` says that it looks at what lies there (files, databases, the web), ``draws``
    that it draws from the process's random generators or seeds them, ``alone`` that it changes
    something else of the process, such as a setting: nothing runs beside it. ``unstorable``
    are outputs that a recorded run could not store, and why. ``label`` and ``doc`` are for people:
    which cell it was, and the heading above it.
    """

    kind: Kind
    name: str
    function: str
    is_async: bool = False
    reads: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    observed: bool = False
    after: tuple[str, ...] = ()
    looks: bool = False
    draws: bool = False
    alone: bool = False
    policy: Policy | None = None
    validate: str = ""
    effects: tuple[str, ...] = ()
    undo: Undo | None = None
    unstorable: dict[str, str] = {}
    label: str = ""
    doc: str = ""

    @property
    def storable(self) -> bool:
        """Whether all that it gives can be stored, as far as known."""
        return not self.unstorable

    @property
    def is_step(self) -> bool:
        """Whether it is durable: journaled, and restored when it is done."""
        return self.kind != "cell"


class Edge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``target`` comes after ``source`` (names of nodes) because of ``names``."""

    source: str
    target: str
    names: tuple[str, ...] = ()
    why: Why = "data"


class Parameter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A variable that each run may be given another value. ``default`` is the Python literal of the
    notebook, ``type`` one of ``int``, ``float``, ``str``, ``bool`` and ``json``, and ``doc`` the
    comment beside it."""

    name: str
    default: str
    type: str = "json"
    doc: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """A notebook as a graph. ``module`` is what ``steps.py`` is imported as. ``shared`` are
    parameters and outputs of nodes that functions of it read as variables of the module."""

    version: int = VERSION
    title: str = ""
    notebook: str = ""
    module: str = "steps"
    parameters: tuple[Parameter, ...] = ()
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    shared: tuple[str, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """The nodes by their name, in the notebook's order."""
        return {n.name: n for n in self.nodes}

    @cached_property
    def before(self) -> dict[str, frozenset[str]]:
        """For each node, those that have to be done before it begins."""
        found: dict[str, set[str]] = {n.name: set() for n in self.nodes}
        for edge in self.edges:
            found[edge.target].add(edge.source)
        return {name: frozenset(sources) for name, sources in found.items()}

    def before_in_order(self, name: str) -> list[str]:
        """The nodes directly before one, in the notebook's order."""
        return sorted(self.before[name], key=self._places.__getitem__)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {node.name: place for place, node in enumerate(self.nodes)}

    @cached_property
    def taken(self) -> frozenset[tuple[str, str]]:
        """The nodes and names that somebody takes from them."""
        return frozenset((s, n) for names in self.sources.values() for n, s in names.items() if s)

    @cached_property
    def sources(self) -> dict[str, dict[str, str]]:
        """For each node, where it takes the values of ``reads`` and ``uses`` from: the name of a
        node, or ``""`` for a parameter of the plan or a variable of ``steps.py``."""
        found: dict[str, dict[str, str]] = {}
        given: dict[str, str] = {}
        for node in self.nodes:
            found[node.name] = {n: given.get(n, "") for n in (*node.reads, *node.uses)}
            given.update(dict.fromkeys(node.writes, node.name))
        return found


def dump(plan: Plan) -> bytes:
    """The plan as JSON, to be read by people too. The version is always there."""
    data = {"version": plan.version, **msgspec.to_builtins(plan)}
    return msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n"


def load(data: bytes | str) -> Plan:
    """A plan from its JSON. Raises :class:`UsageError` if it is none, or of a later version, or if
    it does not hold together: anybody may have edited it."""
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version > VERSION:
            raise UsageError(
                f"the plan has version {version}, this duranb reads {VERSION}: export the notebook "
                "again, or install the duranb that it was exported with"
            )
        found = msgspec.json.decode(data, type=Plan)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(f"this is no plan of a notebook: {error}") from error
    wrong = next(_wrong(found), "")
    if wrong:
        raise UsageError(f"this is no plan of a notebook: {wrong}. Export the notebook again")
    return found


def _wrong(plan: Plan) -> Iterator[str]:
    """What does not hold together in a plan."""
    places = {node.name: place for place, node in enumerate(plan.nodes)}
    undone = [node.undo.function for node in plan.nodes if node.undo is not None]
    names = [plan.module, *undone, *(x.function for x in plan.nodes)]
    yield from (f"{x!r} is no name" for x in names if not _is_name(x))
    if len(places) < len(plan.nodes):
        yield "two nodes have one name"
    for edge in plan.edges:
        if not places.get(edge.source, len(places)) < places.get(edge.target, -1):
            yield f"no node {edge.target!r} comes after a node {edge.source!r}"
    for each in plan.parameters:
        if not _is_name(each.name) or not _is_literal(each.default):
            yield f"{each.name!r} is no parameter with a literal as its default"


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return True


class _Version(msgspec.Struct):
    version: int
