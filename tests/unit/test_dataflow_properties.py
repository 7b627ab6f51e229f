"""The analysis against what programs really do: nothing that is read may be missed."""

from __future__ import annotations

import ast
import re
import textwrap
from contextlib import suppress
from typing import Any

from hypothesis import given, settings, strategies as st

from duranb.code.dataflow import analyse
from tests.examples import examples

NAMES = "abc"
names = st.sampled_from(NAMES)


class Watched(dict[str, Any]):
    """A namespace that notes which names are read before they are written or deleted."""

    def __init__(self) -> None:
        super().__init__({n: i for i, n in enumerate(NAMES)}, step=self.step)
        self.reads: set[str] = set()
        self.writes: set[str] = set()
        self.steps = 0
        self.looked = 0

    def step(self) -> int:
        """Called by every program often enough to end it."""
        self.steps += 1
        if self.steps > 40:
            raise TimeoutError
        return self.steps

    def __getitem__(self, name: str) -> Any:
        self.looked += 1
        if self.looked > 10_000:  # a recursion that a finally clause begins anew at each level
            raise TimeoutError
        if name not in self.writes:
            self.reads.add(name)
        return super().__getitem__(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.writes.add(name)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        self.writes.add(name)
        super().__delitem__(name)


def block(body: list[str]) -> str:
    return textwrap.indent("\n".join(body), "    ")


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Statements around statements."""
    body = st.lists(inner, min_size=1, max_size=3).map(block)
    # A jump out of a finally clause swallows the exception that ends endless programs. (Put in its
    # place, not filtered out: a filter that tries again writes down what it filters, and this
    # recursive strategy is gigabytes of text.)
    straight = body.map(lambda text: re.sub(r"\b(break|continue)\b", "step()", text))
    test = st.sampled_from(
        ["step() % 2", "(a := step() % 3)", "step() % 2 and (b := 1)", "step() % 2 or (c := 1)"]
    )
    return st.one_of(
        st.builds("if {}:\n{}\nelse:\n{}".format, test, body, body),
        st.builds("if {}:\n{}".format, test, body),
        st.builds("for {} in range(step() % 3):\n{}\nelse:\n{}".format, names, body, body),
        st.builds("for {} in [1, 2]:\n{}".format, names, body),
        st.builds("while {}:\n{}\nelse:\n{}".format, test, body, body),
        st.builds("while True:\n    step()\n{}".format, body),
        st.builds("try:\n{}\nexcept ValueError:\n{}\nelse:\n{}".format, body, body, body),
        st.builds("try:\n{}\nexcept ValueError as {}:\n{}".format, body, names, body),
        st.builds("try:\n{}\nfinally:\n{}".format, body, straight),
        st.builds("def {}(x=1):\n{}\n    return x".format, names, body),
        st.builds(
            "match step() % 3:\n    case 0:\n{}\n    case {}:\n{}".format,
            body.map(lambda b: textwrap.indent(b, "    ")),
            st.sampled_from(["1", "b", "_"]),
            body.map(lambda b: textwrap.indent(b, "    ")),
        ),
    )


simple = st.one_of(
    st.builds("{} = {}".format, names, names),
    st.builds("{} = 1".format, names),
    st.builds("{} += 1".format, names),
    st.builds("del {}".format, names),
    st.builds("{0} = {0}()".format, names),
    st.builds("{} = lambda: {}".format, names, names),
    st.builds("{} = [{} for {} in [1] if {}]".format, names, names, names, names),
    st.builds("({} := {}) if step() % 2 else {}".format, names, names, names),
    st.builds("class {}:\n    {} = {}\n    def go(self): return {}".format, *[names] * 4),
    st.builds("{}().go()".format, names),
    st.sampled_from(
        ["step()", "if step() % 3: raise ValueError", "if step() % 2: break", "continue"]
    ),
)
programs = st.lists(st.recursive(simple, compound, max_leaves=6), min_size=1, max_size=5)


def parsed(program: list[str]) -> ast.Module | None:
    """The program, or None if it is not one (``break`` outside of a loop, say)."""
    source = "\n".join(program)
    try:
        compile(source, "cell", "exec")
    except SyntaxError:
        return None
    return ast.parse(source)


@settings(max_examples=examples(150), deadline=None)
@given(programs)
def test_what_a_program_reads_is_found(program: list[str]) -> None:
    """Every name that a run reads before the program assigned it is among ``reads``."""
    tree = parsed(program)
    if tree is None:
        return
    live = Watched()
    with suppress(Exception):  # the program's own business: what it did until then counts
        exec(compile(tree, "cell", "exec"), live)
    found = analyse(tree)
    assert live.reads & set(NAMES) <= found.reads
    assert live.reads & set(NAMES) <= found.loads
    assert live.writes & set(NAMES) <= set(found.writes) | found.deletes
