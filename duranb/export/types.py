"""Annotations for the functions of the exported module, where the notebook is typed."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from duranb.export.statements import Statement
from duranb.plan import Parameter

ANY = "Any"


@dataclass
class Types:
    """What is known of the types of names; nothing is annotated in a notebook that is not typed."""

    typed: bool
    known: dict[str, str] = field(default_factory=dict)
    uses_any: bool = False
    """Whether ``Any`` was asked for."""

    def of(self, name: str) -> str:
        """The annotation for a variable."""
        if self.typed and name not in self.known:
            self.uses_any = True
        return self.known.get(name, ANY)

    def annotation(self, name: str) -> str:
        """The same where there has to be one, also in a notebook that is not typed."""
        return self.known.get(name, ANY) if self.typed else ANY

    def result(self, names: Sequence[str]) -> str:
        """The annotation for what a function returns that gives these names."""
        if not names:
            return "None"
        if len(names) == 1:
            return self.of(names[0])
        return f"tuple[{', '.join(map(self.of, names))}]"

    def parameter(self, parameter: str, name: str) -> str:
        """A parameter that takes the value of a variable."""
        return self.annotated(parameter, self.of(name))

    def annotated(self, name: str, annotation: str) -> str:
        """A name with its annotation, if there are any."""
        return f"{name}: {annotation}" if self.typed else name

    def returns(self, names: Sequence[str]) -> str:
        """The arrow behind a function's parameters."""
        return f" -> {self.result(names)}" if self.typed else ""


def types_of(code: Sequence[Statement], parameters: Sequence[Parameter]) -> Types:
    """The types of a notebook: it is typed if each of its functions is, and there is one, or if it
    has annotated variables and no functions."""
    functions = [
        n
        for s in code
        for n in ast.walk(s.node)
        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    annotated = [s.node for s in code if isinstance(s.node, ast.AnnAssign)]
    typed = all(map(_is_typed, functions)) and bool(functions or annotated)
    if not typed:
        return Types(False)
    known = {p.name: p.type for p in parameters if p.type != "json"}
    returned = {
        s.node.name: s.node
        for s in code
        if isinstance(s.node, (ast.FunctionDef, ast.AsyncFunctionDef)) and s.node.returns
    }
    classes = {s.node.name for s in code if isinstance(s.node, ast.ClassDef)}
    given: dict[str, set[str]] = {}
    for statement in code:
        for name in statement.names.writes:
            found = known.get(name) or _assigned(statement, returned, classes)
            given.setdefault(name, set()).add(found)
    declared = {ast.unparse(a.target): ast.unparse(a.annotation) for a in reversed(annotated)}
    plain = {n: found.pop() for n, found in given.items() if len(found) == 1 and "" not in found}
    known |= plain | declared
    return Types(True, known)


_LITERALS = {int: "int", float: "float", str: "str", bool: "bool", bytes: "bytes"}


def _assigned(
    statement: Statement,
    returned: dict[str, ast.FunctionDef | ast.AsyncFunctionDef],
    classes: set[str],
) -> str:
    """The type of what a statement gives a name, where that is plain to see; else nothing."""
    value = statement.value
    if value is None:
        return ""
    awaited = isinstance(value, ast.Await)
    if isinstance(value, ast.Await):
        value = value.value
    match value:
        case ast.Constant(value=constant) if type(constant) in _LITERALS:
            return _LITERALS[type(constant)]
        case ast.JoinedStr():
            return "str"
        case ast.Call(func=ast.Name(id=called)) if called in returned:
            function = returned[called]
            if function.returns and isinstance(function, ast.AsyncFunctionDef) == awaited:
                return ast.unparse(function.returns)
        case ast.Call(func=ast.Name(id=called)) if called in classes or called in ("int", "str"):
            return called
        case ast.Call(func=ast.Name(id="len")):
            return "int"
    return ""


def _is_typed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = function.args
    all_of_them = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    all_of_them += [a for a in (given.vararg, given.kwarg) if a is not None]
    named = [a for a in all_of_them if a.arg not in ("self", "cls")]
    return function.returns is not None and all(a.annotation is not None for a in named)
