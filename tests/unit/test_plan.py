"""The plan: what comes after what, and its JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from duranb.errors import UsageError
from duranb.export import ExportError, build, pictures, steps
from duranb.export.notebook import cells_of
from duranb.plan import Node, Parameter, Plan, dump, load


def plan(*sources: str, tagged: int = -1) -> Plan:
    tags = [frozenset({"parameters"} if i == tagged else ()) for i in range(len(sources))]
    return build(*cells_of([("code", s) for s in sources], tags)).plan


def edges(of: Plan) -> dict[tuple[str, str], str]:
    """Why each node comes after another, with the names."""
    found: dict[tuple[str, str], str] = {}
    for edge in of.edges:
        said = " ".join([edge.why, *edge.names])
        ends = (edge.source, edge.target)
        found[ends] = f"{found[ends]}, {said}" if ends in found else said
    return found


def test_values_go_along_edges_and_independent_steps_have_none() -> None:
    """Two steps that read the same value do not wait for each other."""
    found = plan(
        "%%durable a\nx = 1",
        "%%durable b\ny = x + 1",
        "%%durable c\nz = x + 2",
        "%%durable d\nprint(y, z)",
    )
    assert edges(found) == {
        ("a", "b"): "data x",
        ("a", "c"): "data x",
        ("b", "d"): "data y",
        ("c", "d"): "data z",
    }
    assert found.sources["d"] == {"y": "b", "z": "c"}
    assert found.before["d"] == {"b", "c"}


def test_a_change_in_place_waits_for_those_who_read_before() -> None:
    """It follows whoever reads the value as it was, and whoever reads later follows it."""
    found = plan(
        "%%durable a\nxs = []",
        "%%durable b\ny = len(xs)",
        "%%durable c\nxs.append(1)",
        "%%durable d\nz = sum(xs)",
    )
    assert edges(found) == {
        ("a", "b"): "data xs",
        ("a", "c"): "data xs",
        ("b", "c"): "in place xs",
        ("c", "d"): "in place xs",
    }
    assert found.by_name["c"].changes == found.by_name["c"].writes == ("xs",)


def test_effects_random_numbers_and_plain_cells_keep_their_order() -> None:
    """Nothing that somebody could notice from outside happens earlier than in the notebook."""
    found = plan(
        "import duranb, os, random\ndef send(): pass",
        "%%durable a\nx = duranb.call(send)",
        "%%durable b\ny = random.random()",
        "%%durable c\nz = duranb.call(send)",
        "%%durable d\nw = random.random()",
        "os.chdir('.')",
        "%%durable e\nv = 1",
    )
    assert edges(found) == {
        ("a", "c"): "effect",
        ("b", "d"): "order",
        ("c", "cell_6"): "order",
        ("d", "cell_6"): "order",
        ("cell_6", "e"): "order",
    }


def test_what_looks_at_files_waits_for_what_writes_them() -> None:
    """A reader follows the last writer, and the next writer follows all readers; readers do not
    wait for each other. Functions of the notebook count with what they do."""
    found = plan(
        "import sqlite3, pandas as pd\nfrom pathlib import Path\nfile = Path('f')\n"
        "def load(): return [line for line in open(file)]",
        "%%durable a\nfile.write_text('1')",
        "%%durable b\nx = load()",
        "%%durable c\ny = pd.read_csv('f')",
        "%%durable d\nwith open('f', 'a') as out:\n    n = out.write('2')",
        "%%durable e\nz = file.read_text()",
        "%%durable f\nw = 1",
    )
    assert edges(found) == {
        ("a", "b"): "order",
        ("a", "c"): "order",
        ("b", "d"): "order",
        ("c", "d"): "order",
        ("d", "e"): "order",
    }
    assert found.by_name["b"].looks and not found.by_name["f"].looks


HELPER = """
from other import keep

def save(x):
    keep(x)

def load():
    return open("f").read()

def twice(x):
    return 2 * x

class Shelf:
    def put(self, x):
        keep(x)
    def get(self):
        return load()
"""
REACHING = {
    "a function": ("import helper", "helper.save(1)", "x = helper.load()"),
    "one by its name": ("from helper import load, save as put", "put(1)", "x = load()"),
    "one of all names": ("from helper import *", "save(1)", "x = load()"),
    "a method": ("import helper\ns = helper.Shelf()", "done = s.put(1)", "x = s.get()"),
    "a method of the notebook's own": (
        "class Shelf:\n    def put(self, x): open('f', 'w').write(x)\n"
        "    def get(self): return open('f').read()\ns = Shelf()",
        *("done = s.put('1')", "x = s.get()"),
    ),
}


@pytest.mark.parametrize("name", REACHING)
def test_files_are_seen_through_the_projects_modules(name: str, tmp_path: Path) -> None:
    """And through methods: who reads waits for who writes; what does neither waits for nobody."""
    (tmp_path / "helper.py").write_text(HELPER)
    (tmp_path / "other.py").write_text("def keep(x):\n    open('f', 'w').write(str(x))\n")
    head, write, read = REACHING[name]
    sources = (head, f"%%durable a\n{write}", f"%%durable b\n{read}", "%%durable c\ny = 1")
    if name == "a function":
        sources = (*sources[:3], "%%durable c\ny = helper.twice(1)")
    found = build(*cells_of([("code", s) for s in sources]), folder=tmp_path).plan
    assert edges(found).keys() == {("a", "b")}
    assert found.by_name["a"].effects and found.by_name["b"].looks


def test_a_definition_that_is_noted_stays_where_it_is() -> None:
    """In a table of tools, by a function that chooses by type, by its base class: a step above it
    does not find it. Others are the module's."""
    for head, made in (
        ("TABLE = {}\ndef tool(fn): TABLE[fn.__name__] = fn; return fn", "@tool\ndef f(): pass"),
        (
            "import functools\n@functools.singledispatch\ndef show(x): return 'any'",
            "@show.register\ndef f(x: int): return 'int'",
        ),
        (
            "class Base:\n    kinds = []\n    def __init_subclass__(cls): Base.kinds.append(1)",
            "class F(Base): pass",
        ),
    ):
        found = plan(head, "%%durable a\nx = 1", made, "%%durable b\ny = x")
        assert [n.kind for n in found.nodes] == ["step", "cell", "step"], made
    plain = plan("import functools", "%%durable a\nx = 1", "@functools.cache\ndef f(): return 1")
    assert len(plain.nodes) == 1


def test_a_step_that_changes_a_class_or_a_function_runs_beside_no_other() -> None:
    """There is one of it in a process, and it is no value that could be handed on."""
    found = plan(
        "class Kept:\n    xs = []\ndef f(): f.n += 1\nf.n = 0",
        "%%durable a\nKept.xs.append(1)",
        "%%durable b\nf()",
        "%%durable c\nz = 1",
    )
    assert [n.alone for n in found.nodes] == [True, True, False]
    assert edges(found) == {("a", "b"): "order", ("b", "c"): "order"}


@pytest.mark.parametrize(
    "cell",
    [
        "import decimal\n%%durable b\ndecimal.getcontext().prec = 9",
        "import os\ndef on():\n    os.environ['A'] = 'b'\n%%durable b\non()",
        "import settings_of_plan\n%%durable b\nx = settings_of_plan.add(1)",
        "from settings_of_plan import Config\n%%durable b\nx = Config.up()",
        "from settings_of_plan import Config\n%%durable b\nConfig.level = 2",
    ],
)
def test_what_changes_the_process_or_a_module_runs_beside_no_other(
    cell: str, tmp_path: Path
) -> None:
    """Also where a function of the notebook's does it, or one of the project's modules."""
    (tmp_path / "settings_of_plan.py").write_text(
        "ITEMS = []\ndef add(x):\n    ITEMS.append(x)\n    return len(ITEMS)\n"
        "class Config:\n    level = 0\n    @classmethod\n    def up(cls):\n"
        "        cls.level += 1\n        return cls.level\n"
    )
    first, _, second = cell.partition("%%")
    cells = [first, "%%durable a\nx = 1", f"%%{second}", "%%durable c\ny = 2"]
    made = build(*cells_of([("code", c) for c in cells]), folder=tmp_path).plan
    assert made.by_name["b"].alone and not made.by_name["c"].alone
    assert made.before["b"] == {"a"} and made.before["c"] == {"b"}


@pytest.mark.parametrize(
    "made",
    [
        "class Sim:\n    def draw(self): return k\nthing = Sim()",
        "def f(): return k\nthing = {'f': f}",
        "def f(): return k\nthing = []\nthing.append(f)",
        "thing = {}\nthing['f'] = lambda: k",
        "def make():\n    return lambda: k\nthing = make()",
        "import functools\ndef f(): return k\nthing = functools.partial(f)",
    ],
)
@pytest.mark.parametrize("step", ["", "%%durable make\n"])
def test_a_value_that_holds_functions_uses_what_they_read(made: str, step: str) -> None:
    """Wherever it was made: they read the variable as it is then. What a plain call of a function
    gave holds nothing of it."""
    found = plan(
        "k = 1",
        f"{step}{made}",
        "%%durable a\nw = 1",
        "k = 2",
        "%%durable b\nx = thing",
        "%%durable c\ny = w",
    )
    node = found.by_name["make_k"]
    assert found.by_name["b"].uses == ("k",) and "make_k" in found.before["b"]
    assert found.by_name["c"].uses == () and node.writes == ("k",)


def test_what_retries_items_takes_the_function_of_today() -> None:
    """A function that was mended since is the one that a map's items are retried with, so it comes
    first, and lies where it is looked for."""
    made = build(
        *cells_of(
            [
                ("code", "import duranb\ndef read(x): return 1 / x"),
                ("code", "%%durable a\nfound = duranb.map(read, [0, 1], on_error='collect')"),
                ("code", "def read(x): return x"),
                ("code", "%%durable b\nagain = found.retry_failed()"),
            ]
        )
    )
    assert made.plan.by_name["b"].uses == ("read",)
    mended = made.plan.sources["b"]["read"]
    assert made.plan.by_name[mended].label == "code cell 3"
    assert edges(made.plan)[mended, "b"] == "data read"
    assert "    global read\n" in steps.render(made)


def test_a_variable_that_functions_read_is_one_at_a_time() -> None:
    """It is given its next value only when those are done that read the one before."""
    found = plan(
        "def f(): return k",
        "%%durable a\nk = 1",
        "%%durable b\nx = f()",
        "%%durable c\nk = 2",
        "%%durable d\ny = f()",
    )
    assert found.shared == ("k",)
    assert found.by_name["b"].uses == ("k",) and found.sources["d"] == {"k": "c"}
    assert edges(found)["b", "c"] == "order k"
    assert edges(found)["c", "d"] == "data k"


def test_parameters_are_given_from_outside_and_plain_cells_are_functions() -> None:
    """What depends on a parameter is no part of the module; its type is that of the literal."""
    found = plan(
        "limit = 20  # documents\nname: str = 'x'",
        "total = limit * 2\nclient = object()",
        "%%durable a\nx = total + limit",
        tagged=0,
    )
    assert found.parameters == (
        Parameter(name="limit", default="20", type="int", doc="documents"),
        Parameter(name="name", default="'x'", type="str"),
    )
    cell, step = found.nodes
    assert (cell.kind, cell.function, cell.reads) == ("cell", "make_total", ("limit",))
    assert found.sources["a"] == {"limit": "", "total": "make_total"}
    assert step.writes == ("x",)


def test_what_a_step_is_and_how_it_is_tried() -> None:
    """Kind, policy, validator, undo and effects come along."""
    found = plan(
        "import duranb",
        "%%durable a --retries 5 --timeout 9 --budget 2 --validate x\nx = duranb.ask('Go?')",
        "%%compensate a\nprint(x)",
        "%%durable b\nys = await duranb.map(print, [x])",
    )
    first, second = found.nodes
    assert (first.kind, second.kind, second.is_async) == ("ask", "map", True)
    assert first.policy is not None and first.undo is not None
    assert (first.policy.retries, first.policy.timeout, first.policy.budget) == (5, 9.0, 2.0)
    assert first.validate == "x" and first.undo.takes_result


def test_json_and_back() -> None:
    """A plan is the same after JSON; one of a later version, or of nothing, is refused."""
    found = plan("%%durable a\nx = 1", "y = x", "%%durable b\nprint(y)")
    data = dump(found)
    assert load(data) == found and json.loads(data)["version"] == 1
    later: dict[str, Any] = {**json.loads(data), "version": 99}
    with pytest.raises(UsageError, match="version 99"):
        load(json.dumps(later))
    with pytest.raises(UsageError, match="no plan"):
        load("[]")


def test_pictures_name_every_node_and_edge() -> None:
    """Quotes and line breaks do not end a label."""
    found = plan('%%durable a\nx = "1"', "%%compensate a\nprint(x)", "%%durable b\ny = x")
    flow, graph = pictures.mermaid(found), pictures.dot(found)
    assert 'n0 -->|"x"| n1' in flow and "undo_a" in flow
    assert '"a" -> "b" [label="x"];' in graph
    odd = Plan(title='a "b"\n', nodes=(Node(kind="cell", name="c", function="c", doc='"x"'),))
    assert '"a \\"b\\"\\n"' in pictures.dot(odd) and "#quot;x#quot;" in pictures.mermaid(odd)


def test_a_plain_cell_that_calls_a_model_is_told() -> None:
    """It would be paid for in each run; a step is not."""
    call = "client.chat.completions.create(model='m', messages=[])"
    made = build(
        *cells_of(
            [
                ("code", "import openai\nclient = openai.OpenAI(api_key='x')"),
                ("code", f"def ask():\n    return {call}"),
                ("code", f"%%durable a\nx = {call}"),
                ("code", "y = ask()"),
            ]
        )
    )
    (note,) = made.notes
    assert note.startswith("code cell 4 calls a model outside of a step")


def test_what_could_not_be_stored_does_not_cross_an_edge() -> None:
    """A recorded run knows: the export is refused, and names value, steps and reason."""
    made = build(*cells_of([("code", "%%durable a\nx = 1"), ("code", "%%durable b\ny = x")]))
    first = made.flow[0]
    node = msgspec.structs.replace(first.node, unstorable={"x": "it is a generator"})
    with pytest.raises(ExportError, match=r"b'\) takes x from .*a'\).*it is a generator"):
        steps.render(replace(made, flow=(replace(first, node=node), *made.flow[1:])))


EDITED: dict[str, Any] = {
    "a module elsewhere": {"module": "../../theirs"},
    "a module that is code": {"module": "steps; import os"},
    "two nodes of one name": {"nodes": [{"kind": "step", "name": "a", "function": "f"}] * 2},
    "a function of an attribute": {
        "nodes": [{"kind": "step", "name": "a", "function": "os.system"}],
    },
    "an undo that is code": {
        "nodes": [{"kind": "step", "name": "a", "function": "f", "undo": {"function": "f()"}}],
    },
    "an edge from nowhere": {"edges": [{"source": "x", "target": "y"}]},
    "a circle": {
        "nodes": [{"kind": "step", "name": n, "function": "f"} for n in "ab"],
        "edges": [{"source": "a", "target": "b"}, {"source": "b", "target": "a"}],
    },
    "a name that is code": {"parameters": [{"name": "x=1\nimport os\ny", "default": "1"}]},
    "a keyword": {"parameters": [{"name": "class", "default": "1"}]},
    "a default that is code": {
        "parameters": [{"name": "x", "default": "__import__('os').system('x')"}],
    },
    "a default without an end": {"parameters": [{"name": "x", "default": "[" * 200_000}]},
}


@pytest.mark.parametrize("how", EDITED)
def test_a_plan_that_somebody_edited_is_refused(how: str) -> None:
    """By a sentence, before any of it is taken for a name, a place or an order."""
    text = json.dumps({"version": 1, **EDITED[how]})
    with pytest.raises(UsageError, match="this is no plan of a notebook"):
        load(text)
