"""``duranb export --check``: the exported steps run offline beside the recorded run, and compared.

``steps.py`` is loaded in a fresh kernel on a copy of the store, with no way out; then each node of
the plan runs as its function, its calls answered from what was recorded of the step. Where the plan
leaves the order open, that is another one than the notebook's: a missing edge shows.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from duranb.code.looking import full_name
from duranb.errors import UsageError
from duranb.export import ExportError, Graph, graph_of, steps
from duranb.plan import Node, Plan
from duranb.record.events import Binding
from duranb.record.history import History
from duranb.record.model import Execution, Status
from duranb.record.staleness import latest
from duranb.runner.headless import Hooks, told
from duranb.runner.offline import copied, run_offline
from duranb.session.comparing import COMPARED
from duranb.session.places import find_store
from duranb.state.randomness import UNSEEDED
from duranb.state.unstorable import is_unstorable
from duranb.store import StoreView
from duranb.values.unset import Unset

_OFFLINE = "__import__('duranb.jupyter.offline', fromlist=['compare'])"


@dataclass
class Checked:
    """What came of it: how many ``nodes`` ran, in sentences what ``differs`` of which node, what
    is ``aside`` (ids and times that libraries draw), and which nodes are ``untold``: nothing of
    them is recorded that could be compared. What is ``behind`` came out different where an effect
    had changed something in the notebook: it is answered from the journal, and not done again."""

    nodes: int = 0
    differs: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)


def check(notebook: Path, *, hooks: Hooks | None = None, timeout: float | None = None) -> Checked:
    """Run the nodes of a notebook's export, and compare what they make with what is recorded.

    Raises :class:`UsageError` when there is no store, or no completed step in it, and
    :class:`ExportError` for what cannot be exported at all.
    """
    hooks, folder = hooks or Hooks(), find_store(notebook)
    graph = graph_of(notebook)
    checked = Checked()
    with copied(folder) as (store, before):
        recorded = {n: x for n, x in latest(before).items() if x.status is Status.COMPLETED}
        if not recorded:
            raise UsageError(f"{notebook} has no completed step to compare with: run it first")
        try:
            source = steps.render(graph)
        except ExportError as error:  # it could not be stored when the notebook ran
            checked.differs.append(str(error))
            return checked
        nodes = _that_can_run(graph.plan, recorded, checked)
        document = _document(graph, source, nodes, before, recorded)
        failed = ""
        try:
            run_offline(notebook, document, store, before, hooks, timeout=timeout)
        except CellExecutionError as error:
            failed = told(error)
        except DeadKernelError:
            failed = "the kernel died"
        except CellTimeoutError:
            failed = f"it took longer than the {timeout:g} seconds of --timeout"
        with StoreView.open(store) as view:
            after = view.history()
        _Comparing(checked, graph.plan, before, after, recorded).all(nodes, document, failed)
    return checked


def _that_can_run(plan: Plan, recorded: dict[str, Execution], checked: Checked) -> list[Node]:
    """The nodes in order, without steps that were never completed, whose calls nobody can answer,
    and without what comes after one."""
    left: set[str] = set()
    found = []
    for node in order(plan):
        above = plan.before[node.name] & left
        if above:
            left.add(node.name)
        elif node.is_step and node.name not in recorded:
            left.add(node.name)
            checked.differs.append(f"{_called(node)} has no completed execution to compare with")
        else:
            found.append(node)
    if after := [_called(n) for n in plan.nodes if n.name in left and plan.before[n.name] & left]:
        checked.differs.append(f"not run, because they come after it: {', '.join(after)}")
    return found


def order(plan: Plan) -> list[Node]:
    """The nodes in an order that the edges allow, as unlike the notebook's as can be. Where a name
    is given twice, and not by changing it, there is one variable for both: then the notebook's. A
    parameter, and what nodes take from the module, is given once by that."""
    given = [n for node in plan.nodes for n in node.writes if n not in node.changes]
    taken = (found for node in plan.nodes for found in plan.sources[node.name].items())
    given += {n for n, source in taken if not source}
    if len(given) > len(set(given)):
        return list(plan.nodes)
    left = {name: set(sources) for name, sources in plan.before.items()}
    found: list[Node] = []
    while left:
        ready = [node for node in plan.nodes if node.name in left and not left[node.name]]
        node = ready[-1]
        del left[node.name]
        for sources in left.values():
            sources.discard(node.name)
        found.append(node)
    return found


def _document(
    graph: Graph, source: str, nodes: list[Node], before: History, recorded: dict[str, Execution]
) -> nbformat.NotebookNode:
    """A notebook that loads the module and calls one function after the other."""
    names = {p.name for p in graph.plan.parameters}
    given = [f"{n} = {v!r}" for n, v in before.parameters.items() if n in names]
    cells = ["\n".join([source, *given])]
    for node in nodes:
        call = f"{_OFFLINE}.as_in_a_cell({node.function})({', '.join(node.reads)})"
        call = f"await {call}" if node.is_async else call
        if node.writes:
            call = f"{', '.join(node.writes)} = {call}"
        if node.is_step:
            call = f"%%durable {shlex.quote(node.name)} --retries 0\n{call}"
        cells.append(call)
    # All variables are captured before a plan of a rewind is made.
    cells.append("__import__('duranb').current().rewind()")
    for node in nodes:
        if node.name in recorded:
            cells.append(f"{_OFFLINE}.compare({recorded[node.name].id}, {node.name!r})")
    document: nbformat.NotebookNode = nbformat.v4.new_notebook()
    document.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    return document


class _Comparing:
    def __init__(
        self,
        checked: Checked,
        plan: Plan,
        before: History,
        after: History,
        recorded: dict[str, Execution],
    ) -> None:
        self._checked = checked
        self._plan = plan
        self._before = before
        self._after = after
        self._recorded = recorded
        self._now = {
            x.step: x
            for x in after.executions.values()
            if x.id > before.last_execution and x.kind == "cell"
        }
        self._alike: dict[str, list[str]] = {}
        self._behind: set[str] = set()
        """The names whose values would be others if the effects were done again."""

    def all(self, nodes: list[Node], document: nbformat.NotebookNode, failed: str) -> None:
        """Fill in what was found."""
        checked = self._checked
        ran = [c.get("execution_count") is not None for c in document.cells]
        done = nodes[: max(0, sum(ran) - 1)]
        if failed and len(done) <= len(nodes):
            where = _called(done.pop()) if done else "what stands before the first step"
            checked.differs.append(f"{where} failed: {failed}")
        for cell in document.cells[len(nodes) + 2 :]:
            self._note_alike(cell)
        checked.nodes = len(done)
        compared: set[str] = set()
        for node in done:
            if node.is_step:
                compared |= self._step(node)
        checked.untold += [_called(n) for n in done if not n.is_step and n.name not in compared]
        left = [_called(n) for n in nodes if n not in done][1 if failed else 0 :]
        if left:
            checked.differs.append(f"not run because of that: {', '.join(left)}")

    def _note_alike(self, cell: nbformat.NotebookNode) -> None:
        for output in cell.get("outputs", ()):
            for name, aside in output.get("data", {}).get(COMPARED, {}).items():
                self._alike[name] = aside

    def _step(self, node: Node) -> set[str]:
        """Compare a step; the nodes of which something was compared with it."""
        was, now = self._recorded[node.name], self._now[node.name]
        compared: set[str] = set()
        start, started = self._before.namespace(was.before), self._after.namespace(now.before)
        for name, source in self._plan.sources[node.name].items():
            giver = self._plan.by_name.get(source)
            if (giver is None or not giver.is_step) and name in start and name not in self._behind:
                compared.add(source)
                at = _called(giver) if giver is not None else "the module"
                self._compare(f"{at}, read by {_called(node)}", name, start, started)
        end, ended = self._before.namespace(was.snapshot), self._after.namespace(now.snapshot)
        alike = self._alike.get(node.name, ())
        is_behind = self._is_behind(node, was)
        for name in node.writes:
            differs = _version(end, name) != _version(ended, name)
            if name in alike:
                self._checked.aside.append(f"{node.name}.{name}")
            elif is_behind and differs:
                self._behind.add(name)
                self._checked.behind.append(f"{node.name}.{name}")
            else:
                self._compare(_called(node), name, end, ended)
        for name in sorted(self._lost(node, was)):
            self._say(
                f"{_called(node)}: it gave {name} another value, and the exported one does not"
            )
        for generator, at in was.drawn.items():
            if at != UNSEEDED and now.drawn.get(generator) != at:
                self._say(
                    f"{_called(node)}: the random generator of {generator} stood somewhere else"
                )
        return compared

    def _is_behind(self, node: Node, was: Execution) -> bool:
        """Whether the effects of a step had changed something in the notebook, or those of one
        whose values it takes."""
        changed = {n for call in self._before.calls_of(was.id) for n in call.beside}
        self._behind |= changed
        taken = {*node.reads, *node.uses, *node.changes}
        return bool(changed or taken & self._behind)

    def _lost(self, node: Node, was: Execution) -> Iterator[str]:
        """What the step changed, somebody takes from it or from one before it, and is not given."""
        later = False
        for other in self._plan.nodes:
            if later:
                for name, source in self._plan.sources[other.name].items():
                    named = name in was.outputs and name not in node.writes
                    first = not source or self._place(source) < self._place(node.name)
                    if named and first:
                        yield name
            later = later or other.name == node.name

    def _place(self, name: str) -> int:
        return next(i for i, node in enumerate(self._plan.nodes) if node.name == name)

    def _compare(
        self, where: str, name: str, then: dict[str, Binding], now: dict[str, Binding]
    ) -> None:
        one, other = then.get(name), now.get(name)
        if _version(then, name) == _version(now, name):
            return
        if one is None and other is not None and other.type == full_name(Unset):
            return  # it had no value, and has none
        if one and other and is_unstorable(one.version) and is_unstorable(other.version):
            return  # nobody can tell the content of either
        if one is not None and not one.artifact and one.why and other is not None:
            self._say(f"{where}: {name} could not be stored when the notebook ran ({one.why})")
            return
        self._say(f"{where}: {name} was {_told(one)} and is now {_told(other)}")

    def _say(self, sentence: str) -> None:
        if sentence not in self._checked.differs:
            self._checked.differs.append(sentence)


def _version(bindings: dict[str, Binding], name: str) -> str | None:
    found = bindings.get(name)
    return found.version if found is not None else None


def _told(binding: Binding | None) -> str:
    return f"{binding.preview} (version {binding.version[:8]})" if binding else "not there"


def _called(node: Node) -> str:
    return f"step {node.name!r}" if node.is_step else node.label
