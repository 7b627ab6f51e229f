"""``--target script``: ``steps.py`` with a function that runs them, to be started with python."""

from __future__ import annotations

from duranb.export import layout, steps
from duranb.export.chunks import indented
from duranb.export.graph import Graph
from duranb.plan import Node, Plan

_ABOUT = """{about}
Run it with ``python``. Killed, it goes on where it stopped when it is run again."""


def render(graph: Graph) -> str:
    """The script's text."""
    defaults = [f"{p.name}={p.default}" for p in graph.parameters]
    return steps.module(
        graph,
        _ABOUT.format(about=steps.about(graph)),
        guard=_when_run(layout.call("duranb.options", defaults, indent=4)),
        ending=[_main(graph), _when_run(f"duranb.command({graph.main})")],
    )


def _when_run(statement: str) -> str:
    return f'if __name__ == "__main__":\n{indented(statement)}'


def _main(graph: Graph) -> str:
    plan = graph.plan
    lines = [_run(graph, node) for node in plan.nodes]
    body = f"with duranb.flow(__file__) as {graph.run}:\n" + indented("\n".join(lines))
    types = graph.types
    return layout.function(
        graph.main,
        [f"{types.parameter(p.name, p.name)}={p.name}" for p in plan.parameters],
        [body],
        doc="Run the notebook: what is done is restored, what is independent runs at once",
        returns=types.returns(()),
    )


def _run(graph: Graph, node: Node) -> str:
    """``a, b = run(step, x, gives=2, after=[other])``."""
    plan = graph.plan
    sources = plan.sources[node.name]
    local = {p.name for p in plan.parameters}

    def variable(name: str) -> str:
        return graph.renamed.get(name, name) if sources[name] else name

    given = [node.function, *map(variable, node.reads)]
    uses = [f'"{n}": {variable(n)}' for n in node.uses if sources[n] or n in local]
    if uses:
        given.append(f"uses={{{', '.join(uses)}}}")
    if len(node.writes) > 1:
        given.append(f"gives={len(node.writes)}")
    if after := _after(plan, node):
        given.append(f"after=[{', '.join(after)}]")
    taken = [graph.renamed.get(n, n) for n in node.writes]
    if not any((node.name, n) in plan.taken for n in node.writes):
        taken = []
    start = f"{', '.join(taken)} = " if taken else ""
    return layout.call(f"{start}{graph.run}", given, indent=8)


def _after(plan: Plan, node: Node) -> list[str]:
    """The functions of the nodes that it follows without being given a value by them."""
    giving = set(plan.sources[node.name].values())
    sources = dict.fromkeys(plan.before_in_order(node.name))
    return [plan.by_name[s].function for s in sources if s not in giving]
