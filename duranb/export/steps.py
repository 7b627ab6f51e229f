"""``steps.py``, which every target shares: the notebook's code as one importable module.

Imports and definitions come first, then one function for each node of the plan, in the notebook's
order. What a user wrote is moved, not written anew; only its layout is that of ``ruff format``.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from duranb.engine.options import Options
from duranb.engine.retry import Policy
from duranb.export import layout
from duranb.export.graph import Compensation, Graph, Unit
from duranb.export.lint import tidy
from duranb.export.statements import Statement


def about(graph: Graph) -> str:
    """What every target's docstring says."""
    return f"Exported by duranb from {layout.inside(graph.source)}."


def render(graph: Graph) -> str:
    """The module's text, as it is imported."""
    return module(graph, about(graph))


def module(
    graph: Graph,
    told: str,
    guard: str = "",
    ending: Sequence[str] = (),
    imports: Sequence[str] = (),
) -> str:
    """The module with ``told`` in its docstring, and with ``imports`` of the target's. ``guard``
    stands before the first statement that does anything, and ``ending`` after the functions.

    Raises :class:`ExportError` for what cannot be kept when it runs."""
    graph.check_storable()
    futures, first, blocks = _blocks(graph, guard)
    functions: list[str] = []
    for unit in graph.flow:
        functions.append(function(graph, unit))
        functions += [_compensation(graph, c) for c in graph.compensations if c.step is unit]
    unbound = _unbound(graph)
    text = layout.docstring(graph.title or graph.source).removesuffix('"""')
    head = [
        f'{text}\n\n{told}\n"""',
        "\n".join(futures),
        "\n".join([*first, *_own(graph), *imports]),
    ]
    parts = ["\n\n".join(p for p in head if p), *unbound, *blocks, *functions, *ending]
    return tidy("\n\n\n".join(parts) + "\n", graph.source)


def _unbound(graph: Graph) -> list[str]:
    """Variables of the module that nodes give a value: without one, reading them raises."""
    lines = [
        f"{graph.types.annotated(n, graph.types.of(n))} = duranb.unset({_quoted(n)})"
        for n in graph.unbound
    ]
    about = "# Variables that functions read, and that get their values below."
    return ["\n".join([about, *lines])] if lines else []


def _own(graph: Graph) -> list[str]:
    bound = {n for b in graph.module for s in b.body if s.is_import for n in s.names.writes}
    own = []
    if graph.shows:
        own.append("from duranb.scripts.showing import display")
    if graph.types.uses_any and "Any" not in bound:
        own.append("from typing import Any")
    if "duranb" not in bound:
        own.append("import duranb")
    return own


def _blocks(graph: Graph, guard: str) -> tuple[list[str], list[str], list[str]]:
    """The ``__future__`` imports, which have to come first, the imports that can, and the rest of
    the module. What was imported before is not imported again."""
    futures: list[str] = []
    first: list[str] = []
    found: list[str] = []
    imported: set[str] = set()
    settled = True
    for block in graph.module:
        kept: list[Statement] = []
        for statement in block.body:
            line = ast.unparse(statement.node) if statement.is_import else ""
            if line and line in imported:
                continue
            imported.add(line)
            if line.startswith("from __future__"):
                futures.append(line)
            elif line and settled:
                first.append(statement.chunk.text)
            else:
                # What comes after `sys.path.append(x)` may depend on it.
                settled = settled and not _acts(statement)
                if guard and not _declares(statement):
                    if kept:
                        found.append(layout.comment(block.heading) + layout.top_level(kept))
                        kept = []
                    found.append(guard)
                    guard = ""
                kept.append(statement)
        if kept:
            found.append(layout.comment(block.heading) + layout.top_level(kept))
        if block.closing:
            found.append(block.closing)
    return futures, first, found


def _declares(statement: Statement) -> bool:
    return statement.is_definition or statement.is_import or statement.is_literal


def _acts(statement: Statement) -> bool:
    """Whether a statement is there for what it does, not for a name that it gives a value."""
    match statement.node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            return False
    return not _declares(statement) and (statement.value is None or bool(statement.mutates))


def function(graph: Graph, unit: Unit) -> str:
    """The function that carries a node out, not tidied yet."""
    node = unit.node
    declared = [f"global {', '.join(unit.globals)}"] if unit.globals else []
    renamed = [(n, p) for n, p in zip(node.reads, node.parameters, strict=True) if n != p]
    declared += [f"{name} = {parameter}" for name, parameter in renamed]
    declared += [f"{name} = duranb.unset({_quoted(name)})" for name in unit.unset]
    ending = [unit.closing] if unit.closing else []
    if node.validate:
        ending.append(_check(node.validate))
    if node.writes:
        ending.append(layout.sequence(node.writes, start="return ", end="", indent=4))
    kept = [layout.without_deleting(s, unit.dropped) for s in unit.body]
    shown = layout.shown(kept, surely=unit.shows) if unit.ends else kept
    body = layout.inner(shown)
    types = graph.types
    given = zip(node.parameters, node.reads, strict=True)
    return layout.function(
        node.function,
        [types.parameter(p, n) for p, n in given],
        ["\n".join(p for p in (*declared, body, *ending) if p)],
        decorator=layout.call("@duranb.step", _options(unit)) if node.is_step else "",
        is_async=node.is_async,
        doc=node.doc,
        returns=types.returns(node.writes),
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


def _compensation(graph: Graph, undo: Compensation) -> str:
    node = undo.step.node
    plan = node.undo
    assert plan is not None
    types = graph.types
    renamed = [f"{n} = {p}" for n, p in zip(plan.reads, plan.parameters, strict=True) if p != n]
    unpacked = ""
    if plan.takes_result and node.writes != ("result",):
        names = [n if n in undo.outputs else "_" for n in node.writes]
        unpacked = layout.sequence(names, start="", end=" = result", indent=4)
    return layout.function(
        plan.function,
        [
            *(types.parameter(p, n) for p, n in zip(plan.parameters, plan.reads, strict=True)),
            *([types.annotated("result", types.result(node.writes))] if plan.takes_result else []),
        ],
        ["\n".join(p for p in (*renamed, unpacked, layout.inner(undo.body)) if p)],
        decorator=f"@duranb.compensation({_quoted(node.name)})",
        is_async=plan.is_async,
        doc=undo.heading or f"Undo step {node.name}",
        returns=types.returns(()),
    )
