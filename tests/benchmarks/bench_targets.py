"""What exporting costs, and a node of an export beside the same graph written by hand.

``python -m tests.benchmarks.bench_targets``: CPU seconds for the export of a notebook of 1,000
steps; CPU and wall time a node, exported and by hand in turns, for a script (``@duranb.step``
functions called by hand) and for LangGraph with its SQLite checkpointer (a ``StateGraph`` by hand,
once of plain functions, once of ``@duranb.step`` functions).
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import nbformat
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph

import duranb
from duranb.export import graph_of, rendered
from duranb.langgraph import Serializer

STEPS = 1000
NODES = 60
ROUNDS = 5


def notebook(folder: Path, *cells: str) -> Path:
    """A notebook of these cells."""
    path = folder / "notebook.ipynb"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(made, path)
    return path


def cpu() -> float:
    """Seconds of this process and of those it waited for."""
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def exporting(folder: Path) -> None:
    """A notebook of 1,000 steps, as a script and as a graph."""
    cells = ["import math\nk = 2\ndef f(x): return x + k"]
    for i in range(STEPS):
        given = f"x{i - 1}" if i % 4 else str(i)
        cells.append(f"%%durable s{i}\nx{i} = f({given})\ny{i} = math.sqrt(x{i})")
    path = notebook(folder, *cells)
    for target in ("script", "langgraph"):
        start = cpu()
        rendered(graph_of(path), target)
        print(f"export of {STEPS} steps to {target}: {cpu() - start:.2f} s of CPU")


def loaded(path: Path) -> Any:
    """A module of a file, by a name of its own."""
    name = f"bench_{time.monotonic_ns()}"
    file = path.with_name(f"{name}.py")
    file.write_text(path.read_text())
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def chain() -> list[str]:
    """Cells of a chain of steps; each makes a new list."""
    first = ["%%durable s0\nx0 = [0]"]
    return first + [f"%%durable s{i}\nx{i} = [*x{i - 1}, {i}]" for i in range(1, NODES)]


BY_HAND = "import duranb\n" + "".join(
    f"@duranb.step\ndef s{i}({'x' if i else ''}):\n    return {f'[*x, {i}]' if i else '[0]'}\n"
    for i in range(NODES)
)
CALLED = "\n".join(f"        x = s{i}({'x' if i else ''})" for i in range(NODES))
BY_HAND += f"def main():\n    with duranb.durable(__file__):\n{CALLED}\n"


def state_graph(functions: list[Callable[..., Any]]) -> Any:
    """The chain as one would write it for LangGraph."""
    state = TypedDict("state", {f"x{i}": list[int] for i in range(NODES)}, total=False)  # type: ignore[misc]
    builder: Any = StateGraph(state)

    def node(i: int, fn: Callable[..., Any]) -> Callable[[Any], Any]:
        if not i:
            return lambda state: {"x0": fn()}
        return lambda state: {f"x{i}": fn(state[f"x{i - 1}"])}

    for i, fn in enumerate(functions):
        builder.add_node(f"s{i}", node(i, fn))
        builder.add_edge(f"s{i - 1}" if i else START, f"s{i}")
    return builder


def invoked(builder: Any, folder: Path, serde: Any = None) -> None:
    """Run it on a thread of its own, each checkpoint on disk."""
    connection = sqlite3.connect(folder / f"{time.monotonic_ns()}.db", check_same_thread=False)
    graph = builder.compile(checkpointer=SqliteSaver(connection, serde=serde))
    config: Any = {"configurable": {"thread_id": "1"}, "recursion_limit": NODES + 10}
    graph.invoke({}, config, durability="sync")
    connection.close()


def in_turns(ways: dict[str, Callable[[], None]]) -> None:
    """The least CPU and wall time a node of each way, taken in turns."""
    best = dict.fromkeys(ways, (1e9, 1e9))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start, wall = cpu(), time.perf_counter()
            with (
                contextlib.redirect_stderr(io.StringIO()),
                contextlib.redirect_stdout(io.StringIO()),
            ):
                way()
            took = (cpu() - start, time.perf_counter() - wall)
            best[name] = (min(best[name][0], took[0]), min(best[name][1], took[1]))
    for name, (used, took) in best.items():
        print(f"{name}: {used / NODES * 1e3:.2f} ms of CPU a node, {took / NODES * 1e3:.2f} ms")


def main() -> None:
    """All of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["DURANB_HOME"] = str(folder / "home")
        exporting(folder)
        path = notebook(folder, *chain())
        for target in ("script", "langgraph"):
            (folder / f"{target}_.py").write_text(rendered(graph_of(path), target))
        (folder / "by_hand.py").write_text(BY_HAND)

        def script() -> None:
            loaded(folder / "script_.py").main()

        def by_hand() -> None:
            loaded(folder / "by_hand.py").main()

        def exported() -> None:
            module = loaded(folder / "langgraph_.py")
            with duranb.durable(module.__file__, headless=True):
                invoked(module.builder, folder, Serializer())

        def of_steps() -> None:
            module = loaded(folder / "by_hand.py")
            with duranb.durable(module.__file__, headless=True):
                invoked(state_graph([getattr(module, f"s{i}") for i in range(NODES)]), folder)

        def of_functions() -> None:
            module = loaded(folder / "by_hand.py")
            invoked(
                state_graph([getattr(module, f"s{i}").__wrapped__ for i in range(NODES)]), folder
            )

        in_turns({"script, exported": script, "script, by hand": by_hand})
        in_turns(
            {
                "langgraph, exported": exported,
                "langgraph, by hand, of steps": of_steps,
                "langgraph, by hand, plain": of_functions,
            }
        )


if __name__ == "__main__":
    main()
