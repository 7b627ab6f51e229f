"""Exported notebooks against the notebooks themselves: the module does what the cells did."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, note, settings, strategies as st

from duranb.export import ExportError, build, script
from duranb.export.notebook import cells_of
from tests.examples import examples

START = "a, b, c = 1, 2, 3\nxs, ys = [1], [2]\ndef f(x): return x + 1\ndef g(x): return x * 2"
END = "print('end', a, b, c, xs, ys, f(3), g(4))"

names = st.sampled_from("abc")
lists = st.sampled_from(["xs", "ys"])
functions = st.sampled_from("fg")
statements = st.one_of(
    st.builds("{} = {} + 1".format, names, names),
    st.builds("{} += {}".format, names, names),
    st.builds("{} = {}({})".format, names, functions, names),
    st.builds("{}.append({})".format, lists, names),
    st.builds("{} = [*{}, {}]".format, lists, lists, names),
    st.builds("{}[0] += {}".format, lists, names),
    st.builds("{} = len({})".format, names, lists),
    st.builds("if {} % 2:\n    {} = {}".format, names, names, names),
    st.builds("for i in {}:\n    {} += i % 5".format, lists, names),
    st.builds("{0} = sum({1}(i) for i in list({2}))".format, names, functions, lists),
    st.builds("def {}(x): return x + {}".format, functions, names),
    st.builds("def {}(x): return {}(x) + 1 if x < 0 else x".format, functions, functions),
    st.builds("def {}(x):\n    {}.append(x)\n    return x".format, functions, lists),
    st.builds("def {0}(x):\n    global {1}\n    {1} += 1\n    return x".format, functions, names),
    st.builds("limit = 7\n{0} = min({0}, limit)".format, names),
    st.builds("import math\n{} = math.gcd({}, 6)".format, names, names),
    st.builds("print({}, {})".format, names, lists),
    st.builds("del {0}\n{0} = 5".format, names),
)
cells = st.tuples(st.booleans(), st.lists(statements, min_size=1, max_size=3).map("\n".join))
notebooks = st.lists(cells, min_size=1, max_size=5)


def as_notebook(found: list[tuple[bool, str]]) -> list[str]:
    lines = [f"%%durable step{i}\n" if durable else "" for i, (durable, _) in enumerate(found)]
    return [START, *(line + code for line, (_, code) in zip(lines, found, strict=True)), END]


def run_cells(sources: list[str]) -> str:
    """What the notebook prints, its cells run one after the other in one namespace."""
    live: dict[str, Any] = {"__name__": "__main__"}
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        for source in sources:
            plain = source.partition("\n")[2] if source.startswith("%%durable") else source
            exec(compile(plain, "cell", "exec"), live)
    return shown.getvalue()


def run_module(text: str, path: Path) -> str:
    """What the module prints: loaded and run as another process would, with its store."""
    path.write_text(text)
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    shown = io.StringIO()
    try:
        with contextlib.redirect_stdout(shown):
            exec(compile(text, path.name, "exec"), vars(module))
            module.main()
    finally:
        del sys.modules[path.stem]
    return shown.getvalue()


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(notebooks)
@example([(False, "def f(x):\n    global a\n    a += 1\n    return x"), (True, "b = f(1)")])
@example([(False, "limit = 7\na = min(a, limit)"), (True, "del a\na = 5")])
def test_a_module_does_what_its_notebook_did(found: list[tuple[bool, str]]) -> None:
    """The first run prints what the notebook prints, and one with all steps restored ends in the
    same state; what cannot be exported so is refused."""
    sources = as_notebook(found)
    try:
        graph = build(*cells_of([("code", s) for s in sources]))
    except ExportError:
        return
    if not graph.steps:
        return
    text = script.render(graph)
    note("\n----\n".join(sources))
    note(text)
    printed = run_cells(sources)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "exported.py")
        assert run_module(text, path) == printed
        again = run_module(text, path)
    assert again.splitlines()[-1] == printed.splitlines()[-1]


def test_what_is_undone_after_a_failure_comes_along() -> None:
    """A step of the script undoes what it did where the cell does."""
    source = "%%durable pay --retries 0 --on-failure compensate\npaid = 1"
    text = script.render(build(*cells_of([("code", source)])))
    assert 'retries=0, on_failure="compensate"' in " ".join(text.split())
