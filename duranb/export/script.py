"""``--target script``: a module that runs durably on its own, with ``python the_module.py``."""

from __future__ import annotations

import ast

from duranb.engine.options import Options
from duranb.engine.retry import Policy
from duranb.export import layout
from duranb.export.chunks import indented
from duranb.export.graph import Compensation, Graph, Unit
from duranb.export.statements import Statement
from duranb.plan import Node

_ABOUT = """
Exported by duranb from {source}.

Run it with ``python``. Killed at any point, it goes on where it stopped when it is run again: steps
that are done are restored, calls that were paid for are answered from the journal.
"""


def render(graph: Graph) -> str:
    """The module's text."""
    futures, blocks = _blocks(graph)
    parts = [_head(graph, futures), *blocks]
    for step in graph.steps:
        parts.append(_step(step))
        parts += [_compensation(c) for c in graph.compensations if c.step is step]
    parts.append(_main(graph))
    run = "asyncio.run(main())" if graph.is_async else "main()"
    parts.append(f'if __name__ == "__main__":\n    {run}')
    head = parts.pop(0)
    between = "\n\n" if head.endswith('"""') else "\n\n\n"
    return head + between + "\n\n\n".join(parts) + "\n"


def _head(graph: Graph, futures: list[str]) -> str:
    text = layout.docstring(graph.title or graph.source).removesuffix('"""')
    text += f'\n{_ABOUT.format(source=graph.source)}"""'
    bound = {n for b in graph.module for s in b.body if s.is_import for n in s.names.writes}
    own = []
    if graph.is_async and "asyncio" not in bound:
        own.append("import asyncio\n")
    if graph.shows:
        own.append("from IPython.display import display")
    if "duranb" not in bound:
        own.append("import duranb")
    return "\n\n".join(p for p in (text, "\n".join(futures), "\n".join(own)) if p)


def _blocks(graph: Graph) -> tuple[list[str], list[str]]:
    """The ``__future__`` imports, which have to come first, and the rest of the module. What was
    imported before is not imported again."""
    futures: list[str] = []
    found: list[str] = []
    imported: set[str] = set()
    for block in graph.module:
        kept: list[Statement] = []
        for statement in block.body:
            line = ast.unparse(statement.node) if statement.is_import else ""
            if line and line in imported:
                continue
            imported.add(line)
            if line.startswith("from __future__"):
                futures.append(line)
            else:
                kept.append(statement)
        if kept:
            found.append(layout.comment(block.heading) + layout.top_level(kept))
    return futures, found


def _step(step: Unit) -> str:
    node = step.node
    declared = [f"global {', '.join(step.globals)}"] if step.globals else []
    renamed = [(n, p) for n, p in zip(node.reads, node.parameters, strict=True) if n != p]
    declared += [f"{name} = {parameter}" for name, parameter in renamed]
    ending = []
    if node.validate:
        ending.append(_check(node.validate))
    if node.writes:
        ending.append(layout.sequence(node.writes, start="return ", end="", indent=4))
    body = layout.inner(layout.shown(step.body, surely=step.shows))
    return layout.function(
        node.function,
        node.parameters,
        ["\n".join(p for p in (*declared, body, *ending) if p)],
        decorator=layout.call("@duranb.step", _options(step)),
        is_async=node.is_async,
        doc=node.doc,
    )


def _check(validate: str) -> str:
    """``--validate`` asks the model again, as in the notebook."""
    return f"if not ({validate}):\n    raise duranb.Reject({_quoted(f'not valid: {validate}')})"


def _options(step: Unit) -> list[str]:
    node, options = step.node, step.options
    assert options is not None
    given = [f"name={_quoted(node.name)}"]
    policy, usual = options.policy, Policy()
    for option in ("retries", "backoff", "timeout", "retry_on", "no_retry_on"):
        value = getattr(policy, option)
        if value != getattr(usual, option):
            given.append(f"{option}={_literal(value)}")
    given_as = dict(zip(node.reads, node.parameters, strict=True))
    ignored = tuple(given_as.get(n, n) for n in _ignored(options, node.reads))
    if ignored:
        given.append(f"ignore={_literal(ignored)}")
    if options.budget is not None:
        given.append(f"budget={options.budget!r}")
    for option in ("always", "fresh"):
        if getattr(options, option):
            given.append(f"{option}=True")
    if options.on_failure:
        given.append(f"on_failure={_quoted(options.on_failure)}")
    return given


def _ignored(options: Options, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """What does not count: ``--ignore``, and with ``--inputs`` all the other inputs."""
    if not options.inputs:
        return options.ignore
    return options.ignore + tuple(n for n in inputs if n not in options.inputs)


def _literal(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_quoted, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _quoted(text: str) -> str:
    return repr(text) if '"' in text or "\\" in text else f'"{text}"'


def _compensation(undo: Compensation) -> str:
    node = undo.step.node
    plan = node.undo
    assert plan is not None
    renamed = [f"{n} = {p}" for n, p in zip(plan.reads, plan.parameters, strict=True) if p != n]
    unpacked = ""
    if plan.takes_result and node.writes != ("result",):
        names = [n if n in undo.outputs else "_" for n in node.writes]
        unpacked = layout.sequence(names, start="", end=" = result", indent=4)
    return layout.function(
        plan.function,
        [*plan.parameters, *(["result"] if plan.takes_result else [])],
        ["\n".join(p for p in (*renamed, unpacked, layout.inner(undo.body)) if p)],
        decorator=f"@duranb.compensation({_quoted(node.name)})",
        is_async=plan.is_async,
        doc=undo.heading or f"Undo step {node.name}",
    )


def _main(graph: Graph) -> str:
    pieces: list[str] = []
    lines: list[str] = []
    for index, node in enumerate(graph.flow):
        if node.node.is_step:
            later = {n for other in graph.flow[index + 1 :] for n in other.node.reads}
            wanted = bool({*later, *graph.shared} & {*node.node.writes})
            lines.append(_call(node.node, wanted=wanted))
            continue
        if lines:
            pieces.append("\n".join(lines))
            lines = []
        pieces.append(_plain(node))
    if lines:
        pieces.append("\n".join(lines))
    body = "with duranb.durable(__file__):\n" + indented("\n\n".join(pieces))
    shared = f"global {', '.join(graph.shared)}" if graph.shared else ""
    return layout.function(
        "main",
        (),
        [f"{shared}\n{body}".lstrip("\n")],
        is_async=graph.is_async,
        doc="Run the steps in order; those that are done are restored",
    )


def _call(step: Node, *, wanted: bool) -> str:
    start = layout.sequence(step.writes, start="", end=" = ", indent=8) if wanted else ""
    waiting = "await " if step.is_async else ""
    return layout.call(f"{start}{waiting}{step.function}", step.reads, indent=8)


def _plain(node: Unit) -> str:
    return layout.comment(node.node.doc) + layout.inner(layout.shown(node.body))
