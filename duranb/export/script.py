"""``--target script``: a module that runs durably on its own, with ``python the_module.py``."""

from __future__ import annotations

import ast

from duranb.engine.options import Options
from duranb.engine.retry import Policy
from duranb.export import layout
from duranb.export.chunks import indented
from duranb.export.graph import Compensation, Graph, Plain, Step
from duranb.export.statements import Statement

_ABOUT = """
Exported by duranb from {source}.

Run it with ``python``. Killed at any point, it goes on where it stopped when it is run again: steps
that are done are restored, calls that were paid for are answered from the journal.
"""


def render(graph: Graph, source: str) -> str:
    """The module's text. ``source`` is the notebook's file name."""
    futures, blocks = _blocks(graph)
    parts = [_head(graph, source, futures), *blocks]
    for step in graph.steps:
        parts.append(_step(step))
        parts += [_compensation(c) for c in graph.compensations if c.step is step]
    parts.append(_main(graph))
    run = "asyncio.run(main())" if graph.is_async else "main()"
    parts.append(f'if __name__ == "__main__":\n    {run}')
    head = parts.pop(0)
    between = "\n\n" if head.endswith('"""') else "\n\n\n"
    return head + between + "\n\n\n".join(parts) + "\n"


def _head(graph: Graph, source: str, futures: list[str]) -> str:
    text = layout.docstring(graph.title or source).removesuffix('"""')
    text += f'\n{_ABOUT.format(source=source)}"""'
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


def _step(step: Step) -> str:
    declared = [f"global {', '.join(step.globals)}"] if step.globals else []
    renamed = [(n, p) for n, p in zip(step.inputs, step.parameters, strict=True) if n != p]
    declared += [f"{name} = {parameter}" for name, parameter in renamed]
    ending = []
    if step.options.validate:
        ending.append(_check(step.options.validate))
    if step.outputs:
        ending.append(layout.sequence(step.outputs, start="return ", end="", indent=4))
    body = layout.inner(layout.shown(step.body, surely=step.shows))
    return layout.function(
        step.function,
        step.parameters,
        ["\n".join(p for p in (*declared, body, *ending) if p)],
        decorator=layout.call("@duranb.step", _options(step)),
        is_async=step.is_async,
        doc=step.heading,
    )


def _check(validate: str) -> str:
    """``--validate`` asks the model again, as in the notebook."""
    return f"if not ({validate}):\n    raise duranb.Reject({_quoted(f'not valid: {validate}')})"


def _options(step: Step) -> list[str]:
    given = [f"name={_quoted(step.name)}"]
    policy, usual = step.options.policy, Policy()
    for option in ("retries", "backoff", "timeout", "retry_on", "no_retry_on"):
        value = getattr(policy, option)
        if value != getattr(usual, option):
            given.append(f"{option}={_literal(value)}")
    given_as = dict(zip(step.inputs, step.parameters, strict=True))
    ignored = tuple(given_as.get(n, n) for n in _ignored(step.options, step.inputs))
    if ignored:
        given.append(f"ignore={_literal(ignored)}")
    for option in ("always", "fresh"):
        if getattr(step.options, option):
            given.append(f"{option}=True")
    if step.options.on_failure:
        given.append(f"on_failure={_quoted(step.options.on_failure)}")
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
    given = dict(zip(undo.step.inputs, undo.step.parameters, strict=True))
    parameters = [*(given[n] for n in undo.inputs), *(["result"] if undo.outputs else [])]
    renamed = [f"{n} = {given[n]}" for n in undo.inputs if given[n] != n]
    unpacked = ""
    if undo.outputs and undo.step.outputs != ("result",):
        names = [n if n in undo.outputs else "_" for n in undo.step.outputs]
        unpacked = layout.sequence(names, start="", end=" = result", indent=4)
    return layout.function(
        undo.function,
        parameters,
        ["\n".join(p for p in (*renamed, unpacked, layout.inner(undo.body)) if p)],
        decorator=f"@duranb.compensation({_quoted(undo.step.name)})",
        is_async=undo.is_async,
        doc=undo.heading or f"Undo step {undo.step.name}",
    )


def _main(graph: Graph) -> str:
    pieces: list[str] = []
    lines: list[str] = []
    for index, node in enumerate(graph.flow):
        if isinstance(node, Step):
            later = {n for other in graph.flow[index + 1 :] for n in other.inputs}
            lines.append(_call(node, wanted=bool({*later, *graph.shared} & {*node.outputs})))
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


def _call(step: Step, *, wanted: bool) -> str:
    start = layout.sequence(step.outputs, start="", end=" = ", indent=8) if wanted else ""
    waiting = "await " if step.is_async else ""
    return layout.call(f"{start}{waiting}{step.function}", step.inputs, indent=8)


def _plain(node: Plain) -> str:
    return layout.comment(node.heading) + layout.inner(layout.shown(node.body))
