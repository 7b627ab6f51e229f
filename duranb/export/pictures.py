"""``--target mermaid`` and ``--target dot``: the plan as a picture.

Steps are boxes, plain cells between them are rounded, questions and timers are hexagons, undos are
dashed. What gives no value but keeps an order is a dotted line.
"""

from __future__ import annotations

from collections.abc import Iterable

from duranb.export.layout import line
from duranb.plan import Edge, Node, Plan, Undo

_MERMAID = {
    "step": "[{}]",
    "cell": "({})",
    "map": "[[{}]]",
    "ask": "{{{{{}}}}}",
    "sleep": "{{{{{}}}}}",
}
_DOT = {"step": "box", "cell": "oval", "map": "box3d", "ask": "hexagon", "sleep": "hexagon"}


def mermaid(plan: Plan) -> str:
    """A mermaid flowchart's text."""
    numbers = {node.name: f"n{i}" for i, node in enumerate(plan.nodes)}
    lines = [f"%% {line(plan.title or plan.notebook)}", "flowchart TD"]
    for node in plan.nodes:
        label = _escaped("<br/>".join(_label(node)))
        lines.append(f"    {numbers[node.name]}{_MERMAID[node.kind].format(label)}")
    for edge in plan.edges:
        arrow = "-->" if _gives(edge) else "-.->"
        said = f"|{_escaped(_said(edge))}|" if _said(edge) else ""
        lines.append(f"    {numbers[edge.source]} {arrow}{said} {numbers[edge.target]}")
    undos = list(_undos(plan))
    for node, undo in undos:
        number = numbers[node.name]
        lines.append(f"    {number} -.-> u{number}[{_escaped(undo.function)}]")
    if undos:
        undone = ",".join(f"u{numbers[node.name]}" for node, _ in undos)
        lines += ["    classDef undo stroke-dasharray: 5 5", f"    class {undone} undo"]
    return "\n".join(lines) + "\n"


def dot(plan: Plan) -> str:
    """A graph in Graphviz's language."""
    lines = [f"digraph {_quoted(plan.title or plan.notebook)} {{", "    rankdir=TB;"]
    for node in plan.nodes:
        label = _quoted("\n".join(_label(node)))
        lines.append(f"    {_quoted(node.name)} [shape={_DOT[node.kind]}, label={label}];")
    for edge in plan.edges:
        style = "" if _gives(edge) else ", style=dotted"
        ends = f"{_quoted(edge.source)} -> {_quoted(edge.target)}"
        lines.append(f"    {ends} [label={_quoted(_said(edge))}{style}];")
    for node, undo in _undos(plan):
        lines.append(f"    {_quoted(undo.function)} [shape=box, style=dashed];")
        ends = f"{_quoted(node.name)} -> {_quoted(undo.function)}"
        lines.append(f"    {ends} [style=dashed];")
    return "\n".join([*lines, "}"]) + "\n"


def _undos(plan: Plan) -> Iterable[tuple[Node, Undo]]:
    return ((node, node.undo) for node in plan.nodes if node.undo is not None)


def _gives(edge: Edge) -> bool:
    return edge.why in ("data", "in place") and bool(edge.names)


def _said(edge: Edge) -> str:
    names = ", ".join(edge.names)
    if edge.why == "data":
        return names
    return f"{edge.why}: {names}" if names else edge.why


def _label(node: Node) -> list[str]:
    if node.policy is None:
        return [node.doc or node.label]
    policy = node.policy
    notes = [f"retries {policy.retries}"] if policy.retries != 3 else []
    if policy.timeout is not None:
        notes.append(f"timeout {policy.timeout:g} s")
    if policy.budget is not None:
        notes.append(f"budget ${policy.budget:g}")
    return [node.name, *([", ".join(notes)] if notes else [])]


def _escaped(text: str) -> str:
    return '"' + line(text).replace('"', "#quot;") + '"'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
