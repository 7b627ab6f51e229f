"""``--target langgraph``: ``steps.py`` with a ``StateGraph`` over its functions."""

from __future__ import annotations

from duranb.export import layout, steps
from duranb.export.chunks import indented
from duranb.export.graph import Graph
from duranb.plan import Node, Plan

_ABOUT = """{about}

A graph for LangGraph: compile it and run it where its store, beside this file, is open::

    graph = {builder}.compile(checkpointer=...)
    with duranb.durable(THIS_FILE, headless=True):
        graph.invoke({{}}, {{"configurable": {{"thread_id": "1"}}}})

Steps are journaled; a question without a default interrupts. Give a checkpointer on disk
``serde=duranb.langgraph.Serializer()``: it keeps what LangGraph's own would change."""

_OURS = {
    "TypedDict": "typing",
    "START": "langgraph.graph",
    "node": "duranb.langgraph",
    "state_graph": "duranb.langgraph",
    "builder": "",
    "State": "",
}
"""Names of the module's own, and where they are imported from."""


def render(graph: Graph) -> str:
    """The module's text. A name of ours that the notebook has too gets a ``_``."""
    own = {n: f"{n}_" if n in graph.taken else n for n in _OURS}
    imports = ["from typing import Any"]
    for name, module in _OURS.items():
        alias = f" as {own[name]}" if own[name] != name else ""
        imports += [f"from {module} import {name}{alias}"] if module else []
    plan = graph.plan
    keys = _Keys(plan)
    state = [f"{key}: {graph.types.annotation(name)}" for key, name in keys.all.items()]
    fields = "\n".join(state) or "pass"
    ending = [
        f"class {own['State']}({own['TypedDict']}, total=False):\n"
        f'    """What nodes give each other."""\n\n{indented(fields)}',
        "\n".join(
            [
                f"{own['builder']} = {own['state_graph']}({own['State']})",
                *(_node(own, keys, n) for n in plan.nodes),
                *(_edge(own, plan, n) for n in plan.nodes),
            ]
        ),
    ]
    about = _ABOUT.format(about=steps.about(graph), builder=own["builder"])
    return steps.module(graph, about, ending=ending, imports=imports)


class _Keys:
    """Names in the graph's state. A name that several nodes give is another one for each of them
    but the last, so that whoever reads an earlier one gets that."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._parameters = {p.name for p in plan.parameters}
        last = {n: node.name for node in plan.nodes for n in node.writes}
        self._last = last
        self.all: dict[str, str] = {n: n for n in sorted(self._parameters)}
        for node in plan.nodes:
            self.all |= {self.of(n, node.name): n for n in node.writes}

    def of(self, name: str, source: str) -> str:
        """The key of a name that ``source`` gives, or is a parameter (then that is empty)."""
        if not source:
            return name
        if self._last[name] == source and name not in self._parameters:
            return name
        return f"{name}_of_{self._plan.by_name[source].function}"

    def read(self, node: Node, name: str) -> str:
        """The key of a name that a node reads."""
        return self.of(name, self._plan.sources[node.name][name])

    def named(self, name: str) -> list[str]:
        """All keys of a name: where it was changed in place they are one object."""
        return [key for key, each in self.all.items() if each == name]

    def is_module(self, node: Node, name: str) -> bool:
        """Whether a node reads a variable of the module."""
        return not self._plan.sources[node.name][name] and name not in self._parameters


def _node(own: dict[str, str], keys: _Keys, node: Node) -> str:
    given = [f'"{node.name}"']
    reads = [f'"{keys.read(node, n)}"' for n in node.reads]
    inner = [node.function]
    if reads:
        inner.append(f"reads=[{', '.join(reads)}]")
    uses = [f'"{n}": "{keys.read(node, n)}"' for n in node.uses]
    if uses:
        inner.append(f"uses={{{', '.join(uses)}}}")
    module = [n for n in (*node.reads, *node.uses) if keys.is_module(node, n)]
    if module:
        inner.append(f"module=[{', '.join(map(_quoted, dict.fromkeys(module)))}]")
    if node.writes:
        inner.append(f"writes=[{', '.join(_quoted(keys.of(n, node.name)) for n in node.writes)}]")
    if node.changes:
        changed = [key for n in node.changes for key in keys.named(n)]
        inner.append(f"changes=[{', '.join(map(_quoted, changed))}]")
    if node.draws or node.alone:
        inner.append("alone=True")
    given.append(layout.call(own["node"], inner))
    return layout.call(f"{own['builder']}.add_node", given)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _edge(own: dict[str, str], plan: Plan, node: Node) -> str:
    sources = plan.before_in_order(node.name)
    start = f"[{', '.join(map(_quoted, sources))}]"
    if len(sources) < 2:
        start = _quoted(sources[0]) if sources else own["START"]
    return f'{own["builder"]}.add_edge({start}, "{node.name}")'
