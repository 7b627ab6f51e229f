"""Folders are layers, and imports only go down."""

from __future__ import annotations

import ast
import functools
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import duranb

PACKAGE = Path(duranb.__file__).parent
LAYERS = (
    "terminal",
    "errors",
    "text",
    "verbs",
    "plan",
    "record",
    "code",
    "values",
    "store",
    "state",
    "engine",
    "llm",
    "session",
    "views",
    "timelines",
    "export",
    "runner",
    "scripts",
    "langgraph",
    "temporal",
    "jupyter",
    "demo",
    "cli",
    "testing",
)
"""Lowest first. Modules at the top of the package stand above all of them."""

SURFACES = ("timelines", "export", "jupyter", "demo", "cli", "testing")
"""What users touch: it calls a session or a Reader, never the storage."""

STORAGE = ("store", "state")

MODULES = sorted(p.relative_to(PACKAGE) for p in PACKAGE.rglob("*.py"))


def layer_of(module: Path) -> str:
    found = module.with_suffix("").parts[0]
    return found if found in LAYERS or len(module.parts) > 1 else "duranb"


@functools.cache
def parsed(module: Path) -> ast.Module:
    return ast.parse((PACKAGE / module).read_bytes())


def imported(module: Path) -> Iterator[tuple[int, str]]:
    """Line and layer of each import of duranb, those inside functions and for types included."""
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} imports relatively"
            parent = node.module or ""
            names = [parent] if parent != "duranb" else [f"duranb.{a.name}" for a in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "duranb":
                yield node.lineno, parts[1] if len(parts) > 1 else "duranb"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_go_down(module: Path) -> None:
    """A module imports its own layer and those below it, and nothing above."""
    here = layer_of(module)
    if here == "duranb":
        return
    below = {*LAYERS[: LAYERS.index(here) + 1], "duranb", "__version__"}
    wrong = [
        f"duranb/{module}:{line}: {here} -> {layer} points up"
        for line, layer in imported(module)
        if layer not in below
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", [m for m in MODULES if layer_of(m) in SURFACES], ids=str)
def test_surfaces_leave_the_storage_alone(module: Path) -> None:
    """No surface imports the store or the state of the namespace."""
    wrong = [
        f"duranb/{module}:{line}: {layer_of(module)} -> {layer}"
        for line, layer in imported(module)
        if layer in STORAGE
    ]
    assert not wrong, "\n".join(wrong)


def needed_at_import(module: Path) -> Iterator[str]:
    """The modules that importing one runs first; not those that are only there for types."""

    def found(body: list[ast.stmt]) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                continue
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield full if full in NAMES else str(node.module)
            elif isinstance(node, ast.If | ast.Try | ast.With):
                yield from found(node.body)

    yield from found(parsed(module).body)


NAMES = {
    ".".join(["duranb", *m.with_suffix("").parts]).removesuffix(".__init__"): m for m in MODULES
}


def test_no_imports_go_in_a_circle() -> None:
    """Every module can be imported after those that it needs."""
    graph = {
        name: {*needed_at_import(module)} & {*NAMES} - {name} for name, module in NAMES.items()
    }
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_every_folder_is_a_layer() -> None:
    """A new folder has to be given its place in the order."""
    folders = {layer_of(module) for module in MODULES} - {"duranb"}
    assert folders <= set(LAYERS), f"not in the order: {sorted(folders - set(LAYERS))}"
