"""Secrets go through a notebook by every route; none of them is found in what it leaves behind."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable

import nbformat
import pytest

from tests.kernel import routes
from tests.kernel.harness import Kernel
from tests.servers import forks, mcp_tools
from tests.servers.process import CountingServer

TARGETS = ("script", "steps", "langgraph", "json", "dot", "mermaid")


def run(kernel: Kernel, server: CountingServer, values: list[str], names: list[str]) -> list[str]:
    """Run a cell for each canary, by the routes with these names; the cells' sources."""
    folder = kernel.notebook.parent
    (folder / "canaries.json").write_text(json.dumps(values))
    cells = [f"%load_ext duranb\nURL, MCP = {server.url!r}, {mcp_tools.__file__!r}\n{routes.SETUP}"]
    for number, name in enumerate(names):
        cells.append(f"%%durable step_{number}\n" + routes.body(name, number, values[number]))
    unexpected = []
    for name, cell in zip(["", *names], cells, strict=True):
        error = kernel.run(cell).error
        if (error is not None) != (name in routes.FAIL):
            unexpected.append((cell, error))
    assert not unexpected, unexpected
    return cells


def left_behind(kernel: Kernel, cells: list[str]) -> bytes:
    """All that a notebook leaves: its store, its timeline, its log and its export. Whether the
    store verifies is looked at on the way."""
    notebook = kernel.notebook
    found = kernel.run("%duranb log -n 5000\n%duranb status").text
    found += kernel.run("%%duranb_sql\nSELECT * FROM events").text
    kernel.stop()
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])  # type: ignore[no-untyped-call]
    nbformat.write(document, notebook)  # type: ignore[no-untyped-call]
    for words in (
        ["verify", str(notebook)],
        ["timeline", str(notebook), "-o", str(notebook.with_name("timeline.html"))],
        *(["export", str(notebook), "--target", target] for target in TARGETS),
        ["export", str(notebook), "--target", "temporal", "-o", str(notebook.with_name("there"))],
        ["export-traces", str(notebook)],
        ["log", str(notebook), "-n", "5000"],
        ["status", str(notebook)],
        ["show", str(notebook), "step_0"],
    ):
        done = forks.run(
            [sys.executable, "-m", "duranb", *words],
            capture_output=True,
            text=True,
            cwd=notebook.parent,
        )
        assert done.returncode == 0, (words, done.stderr)
        found += done.stdout + done.stderr
    notebook.unlink()
    (notebook.parent / "canaries.json").unlink()
    (notebook.parent / "seen.txt").unlink(missing_ok=True)  # the MCP server's own
    files = [p for p in notebook.parent.rglob("*") if p.is_file()]
    return b"\0".join([found.encode(), *(p.read_bytes() for p in files)])


@pytest.fixture(scope="module")
def server() -> CountingServer:
    """An HTTP server that is a model, too."""
    with CountingServer() as running:
        yield running


def test_no_secret_is_left_behind(kernels: Callable[..., Kernel], server: CountingServer) -> None:
    """One canary by each route."""
    names = list(routes.ROUTES)
    values = routes.canaries(len(names))
    kernel = kernels(**routes.environment(values, names)).start()
    found = left_behind(kernel, run(kernel, server, values, names))
    assert {names[i] for i in routes.leaks(found, values)} == set()
    assert found.count(b"*secret*") > len(names)


@pytest.mark.soak
def test_two_hundred_secrets_are_not_left_behind(
    kernels: Callable[..., Kernel], server: CountingServer
) -> None:
    """Two hundred canaries, by the routes in a random order."""
    names = (list(routes.ROUTES) * 6)[:200]
    random.shuffle(names)
    values = routes.canaries(len(names))
    kernel = kernels(**routes.environment(values, names)).start()
    found = left_behind(kernel, run(kernel, server, values, names))
    assert {names[i] for i in routes.leaks(found, values)} == set()
