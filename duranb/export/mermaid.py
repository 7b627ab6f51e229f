"""``--target mermaid``: the graph as a flowchart, to look at."""

from __future__ import annotations

from duranb.export.graph import Graph, Plain, Step


def render(graph: Graph, source: str) -> str:
    """The flowchart's text. Steps are boxes, plain cells between them are rounded, undos dashed."""
    lines = [f"%% {graph.title or source}", "flowchart TD"]
    numbers = {id(node): f"n{i}" for i, node in enumerate(graph.flow)}
    for node in graph.flow:
        shape = "[{}]" if isinstance(node, Step) else "({})"
        lines.append(f"    {numbers[id(node)]}{shape.format(_quoted(_label(node)))}")
    for edge in graph.edges():
        names = _quoted(", ".join(edge.names))
        lines.append(f"    n{edge.source} -->|{names}| n{edge.target}")
    for undo in graph.compensations:
        number = numbers[id(undo.step)]
        lines.append(f"    {number} -.-> u{number}[{_quoted(undo.function)}]")
    if graph.compensations:
        undone = ",".join(f"u{numbers[id(u.step)]}" for u in graph.compensations)
        lines += ["    classDef undo stroke-dasharray: 5 5", f"    class {undone} undo"]
    return "\n".join(lines) + "\n"


def _label(node: Step | Plain) -> str:
    if isinstance(node, Plain):
        return node.heading or node.label
    policy = node.options.policy
    notes = [f"retries {policy.retries}"] if policy.retries != 3 else []
    if policy.timeout is not None:
        notes.append(f"timeout {policy.timeout:g} s")
    return "<br/>".join([node.name, *([", ".join(notes)] if notes else [])])


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "#quot;") + '"'
