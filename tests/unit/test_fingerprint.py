"""What counts as the same code, and which code a name reaches."""

from __future__ import annotations

import ast
import importlib
import random
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import pytest

from duranb.code import identity
from duranb.code.fingerprint import Uses, captured, of_class, of_function, of_tree
from duranb.values.canonical import version


def run(source: str, live: dict[str, Any] | None = None) -> dict[str, Any]:
    """A notebook's namespace after a cell."""
    live = {"__name__": "__main__"} if live is None else live
    name = f"<cell {random.random()}>"
    exec(compile(textwrap.dedent(source), name, "exec", dont_inherit=True), live)
    return live


def tree(source: str) -> str:
    return of_tree(ast.parse(textwrap.dedent(source)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = f( 1,2 )", "# why\nx = f(\n    1,\n    2,\n)  # so"),
        ("x = 'a'", 'x = "a"'),
        ("if a: b", "if a:\n\n    b"),
        ("x = 1; y = 2", "x = 1\ny = 2"),
        ("f(x)", "(f)(x)"),
    ],
)
def test_layout_is_no_part_of_a_cell(one: str, other: str) -> None:
    """Comments, white space, quotes and brackets do not change what a cell is."""
    assert tree(one) == tree(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 1", "y = 1"),
        ("x = None", "x = ..."),
        ("f(a, b)", "f(b, a)"),
        ("f([a], b)", "f([a, b])"),
        ("x = 'a'", "x = b'a'"),
        ("'doc'\nx = 1", "x = 1"),
        ("{**a}", "{None: a}"),
        ("def f(*, a, b=1): 0", "def f(*, a=1, b): 0"),
    ],
)
def test_different_code_is_a_different_cell(one: str, other: str) -> None:
    """Whatever can make a difference does."""
    assert tree(one) != tree(other)


FUNCTION = """
def f(x, k=3):
    total = 0
    for i in range(x):
        try:
            total += k if i else len({"a", "b", "c"} & set(str(i)))
        except ValueError as error:
            print(error)
    return [total for _ in range(2)]
"""
SAME_FUNCTION = """
# A comment


def f(x, k=3):   # and another

    total = (
        0
    )
    for i in range(
        x
    ):
        # inside
        try: total += k if i else len({'a', 'b', 'c'} & set(str(i)))
        except ValueError as error: print(error)
    return [
        total for _ in range(2)
    ]
"""


def test_layout_is_no_part_of_a_function() -> None:
    """A function keeps its identity when it is laid out anew or moved."""
    assert of_function(run(FUNCTION)["f"]) == of_function(run(SAME_FUNCTION)["f"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("k=3", "k=4"),
        ("total = 0", "total = 1"),
        ('"c"', '"d"'),
        ("ValueError", "KeyError"),
        ("range(2)", "range(3)"),
        ("def f(x", "def f(y, x"),
        ("print(error)", "repr(error)"),
    ],
)
def test_an_edit_changes_a_function(old: str, new: str) -> None:
    """Constants, names, defaults, parameters and nested code are part of a function."""
    assert old in FUNCTION
    assert of_function(run(FUNCTION)["f"]) != of_function(run(FUNCTION.replace(old, new))["f"])


def test_what_a_try_guards_is_part_of_a_function() -> None:
    """Moving a line out of a ``try`` leaves the instructions alone, but not the function."""
    inside = run("def f():\n    try:\n        a()\n        b()\n    except E:\n        c()")
    outside = run("def f():\n    a()\n    try:\n        b()\n    except E:\n        c()")
    assert of_function(inside["f"]) != of_function(outside["f"])


def test_identity_is_the_same_in_another_process() -> None:
    """Hash seeds and the order of sets do not show in the identity of functions and classes."""
    source = FUNCTION + CLASSES
    script = textwrap.dedent(
        """
        import sys
        from duranb.code.fingerprint import of_class, of_function
        live = {"__name__": "__main__"}
        exec(sys.stdin.read(), live)
        print(of_function(live["f"]), *(of_class(live[n]) for n in live["NAMES"]))
        """
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", script],
            input=source,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    live = run(source)
    here = [of_function(live["f"]), *(of_class(live[n]) for n in live["NAMES"])]
    assert answers == {" ".join(here) + "\n"}


def test_a_stored_and_restored_function_is_the_same() -> None:
    """A copy that came out of a pickle, without source, has the identity of the original."""
    live = run("def f(x, y=2):\n    return [x + y, {1, 2}, lambda: x]")
    copy = cloudpickle.loads(cloudpickle.dumps(live["f"]))
    assert of_function(copy) == of_function(live["f"])


CLASSES = """
import dataclasses, enum, functools, typing
from pydantic import BaseModel, Field, field_validator

class Base:
    rate = 3
class Plain(Base):
    '''Doc.'''
    options = {"a": [1, 2], "b": {"x", "y"}}
    def go(self, x): return x * self.rate
    @property
    def twice(self): return self.rate * 2
    @classmethod
    def make(cls): return cls()
    @functools.cached_property
    def slow(self): return 5
@dataclasses.dataclass
class Record:
    name: str
    count: int = 0
    tags: list = dataclasses.field(default_factory=list)
class Color(enum.Enum):
    RED = 1
    BLUE = 2
    def shout(self): return self.name
class Answer(BaseModel):
    text: str = Field(description="What was found")
    risks: list[str] = []
    @field_validator("text")
    @classmethod
    def check(cls, value): return value.strip()
class Slotted:
    __slots__ = ("a", "b")
class Row(typing.NamedTuple):
    a: int
    b: str = "x"
NAMES = ["Plain", "Record", "Color", "Answer", "Slotted", "Row"]
"""


@pytest.mark.parametrize(
    ("cls", "old", "new"),
    [
        ("Plain", "x * self.rate", "x + self.rate"),
        ("Plain", "self.rate * 2", "self.rate * 3"),
        ("Plain", "return cls()", "return None"),
        ("Plain", "return 5", "return 6"),
        ("Plain", "rate = 3", "rate = 4"),
        ("Plain", "[1, 2]", "[1, 3]"),
        ("Plain", "'''Doc.'''", "'''Other.'''"),
        ("Record", "count: int = 0", "count: int = 1"),
        ("Record", "name: str", "name: bytes"),
        ("Record", "default_factory=list", "default_factory=set"),
        ("Color", "RED = 1", "RED = 3"),
        ("Color", "return self.name", "return self.value"),
        ("Answer", "What was found", "What was not"),
        ("Answer", "list[str] = []", "list[int] = []"),
        ("Answer", "value.strip()", "value.lower()"),
        ("Slotted", '("a", "b")', '("a", "c")'),
        ("Row", 'b: str = "x"', 'b: str = "y"'),
    ],
)
def test_an_edit_changes_a_class(cls: str, old: str, new: str) -> None:
    """Methods, attributes, fields, bases and docstrings are part of a class; the others are not."""
    assert old in CLASSES
    before, after = run(CLASSES), run(CLASSES.replace(old, new))
    changed = [n for n in before["NAMES"] if of_class(before[n]) != of_class(after[n])]
    assert changed == [cls]


def uses(live: dict[str, Any], *names: str, root: Path = Path("/nowhere")) -> set[str]:
    return set(Uses(live, root).of(names).uses)


def test_what_a_name_reaches() -> None:
    """Functions and classes are followed from global to global; what else they read is data."""
    live = run(
        """
        import math
        limit, unused = 3, 4
        def a(x): return b(x) + math.pi
        def b(x): return [Tool(y) for y in x if y < limit + missing]
        class Tool:
            def __init__(self, y): self.y = c(y)
        def c(y): return y
        def other(): return unused
        """
    )
    reach = Uses(live, Path("/nowhere")).of(["a"])
    assert set(reach.uses) == {"a", "b", "Tool", "c"}
    assert reach.data == {"limit", "missing", "math"}


def test_an_edit_deep_down_names_the_very_function() -> None:
    """Only the fingerprint of what was edited changes, so that it can be named."""
    live = run("def a(): return b()\ndef b(): return c()\ndef c(): return 1")
    before = Uses(live, Path("/nowhere")).of(["a"]).uses
    run("def c(): return 2", live)
    after = Uses(live, Path("/nowhere")).of(["a"]).uses
    assert {n for n in before if before[n] != after[n]} == {"c"}


@pytest.mark.parametrize(
    "made",
    [
        "import functools\nf = functools.partial(g, 1)",
        "f = lambda: g()",
        "import functools\n@functools.lru_cache\ndef f(): return g()",
        "def deco(fn):\n    def inner(): return fn()\n    return inner\n@deco\ndef f(): return g()",
        "import functools\ndef deco(fn):\n    @functools.wraps(fn)\n    def inner(): return 1\n"
        "    return inner\n@deco\ndef f(): return g()",
        "class A:\n    def go(self): return g()\nf = A().go",
        "class A:\n    def go(self): return g()\nf = A()",
        "class A:\n    @property\n    def go(self): return g()\nf = [{'k': A()}]",
        "class A:\n    def go(self): return g()\nclass B(A): pass\nf = B()",
        "class A:\n    def go(self): return g()\nclass B:\n    def __init__(s): s.a = A()\nf = B()",
        "def f(x=g): return x()",
        "async def f(): return [g() async for _ in x]",
        "f = {'a': [lambda: g()]}",
        "class A: pass\nf = A()\nf.tool = lambda: g()",
        "class A:\n    __slots__ = ('tool',)\nf = A()\nf.tool = lambda: g()",
        "import types\nf = types.SimpleNamespace(tools=[g])",
        "import functools\nf = functools.partial(map, [lambda: g()])",
        "import functools\n@functools.singledispatch\ndef f(x): pass\n"
        "@f.register\ndef _(x: int): return g()",
        "class M(type):\n    def __call__(cls): return g()\nclass f(metaclass=M): pass",
        "class f:\n    tools = {'a': lambda: g()}",
        "class D:\n    def __get__(self, *_): return g()\nclass f:\n    x = D()",
        "class A:\n    def go(self): return g()\ndef f(x: list[A]): pass",
        "from typing import Annotated\nf = Annotated[int, lambda: g()]",
        "import tenacity\nf = tenacity.Retrying(sleep=lambda s: g())",
    ],
)
def test_every_way_to_wrap_a_function_is_followed(made: str) -> None:
    """Partials, decorators, closures, methods, containers, instances (those of libraries as well),
    metaclasses and annotations lead to the code inside of them."""
    live = run(f"def h(): return 1\ndef g(): return h()\n{made}")
    assert "h" in uses(live, "f")


def test_a_decorated_function_is_both_its_codes() -> None:
    """An edit of the function or of its decorator changes the fingerprint of the name."""
    source = """
        def deco(fn):
            def inner(): return fn()
            return inner
        @deco
        def f(): return 1
    """
    prints = {
        Uses(run(s), Path("/nowhere")).of(["f"]).uses["f"]
        for s in (
            source,
            source.replace("return 1", "return 2"),
            source.replace("fn()", "fn() + 1"),
        )
    }
    assert len(prints) == 3


def test_captured_data_keeps_a_function_an_input() -> None:
    """A function that holds an object nobody can describe is not identified by its code alone."""
    live = run(
        """
        class Data: pass
        def make(data, n):
            def f(): return data, n
            return f
        f = make(Data(), 3)
        g = make(2, 3)
        """
    )
    assert uses(live, "f") == {"Data"}
    assert uses(live, "g") == {"g"}
    assert [type(v).__name__ for v in captured(live["f"])] == ["Data"]


@pytest.mark.parametrize(
    "made",
    [
        "class f:\n    data = Data(1)",
        "class f:\n    data = [Data(1)]",
        "class f:\n    itself = None\n    data = Data(1)\nf.itself = f",
        "def f(data=Data(1)): return data",
        "def make(data):\n    def f(): return data\n    return f\nf = make(Data(1))",
        "def f(data=Data(1)): return data\nf.__defaults__[0].function = f",
    ],
)
def test_what_code_holds_is_part_of_its_version(made: str) -> None:
    """The version of a function or class tells the objects in its closure, defaults and attributes,
    and is the same for an equal one; so it is an input."""
    source = "class Data:\n    def __init__(self, n): self.n = n\n"
    one, same, other = (run(source + m) for m in (made, made, made.replace("(1)", "(2)")))
    assert "f" not in uses(one, "f")
    first, second, third = (version(live["f"], live) for live in (one, same, other))
    assert first == second != third


def test_asking_a_class_does_not_change_it() -> None:
    """What Python puts into a class when it is used is no edit of it."""
    live = run(
        """
        from typing import Protocol, runtime_checkable
        @runtime_checkable
        class P(Protocol):
            def go(self) -> int: ...
        """
    )
    before = of_class(live["P"])
    assert not isinstance(1, live["P"])
    assert of_class(live["P"]) == before


def test_the_last_call_of_a_retried_function_is_no_part_of_it() -> None:
    """tenacity notes in the function how its last call went."""
    live = run("import tenacity\n@tenacity.retry\ndef f(): return 1")
    before = of_function(live["f"])
    assert live["f"]() == 1
    assert of_function(live["f"]) == before


def test_an_instance_of_a_redefined_class_keeps_its_own() -> None:
    """An object made by an earlier definition is known by that one; an equal one is no other."""
    source = "class A:\n    def go(self): return 1"
    live = run(source + "\na = A()")
    first = Uses(live, Path("/nowhere")).of(["a"]).uses
    run(source, live)
    assert Uses(live, Path("/nowhere")).of(["a"]).uses == first
    run(source.replace("1", "2"), live)
    assert Uses(live, Path("/nowhere")).of(["a"]).uses == {"A as defined earlier": first["A"]}


def test_a_step_function_reaches_its_helpers_but_not_itself() -> None:
    """For a function object, what it calls is reached; its own code is its fingerprint."""
    live = run("size = 3\ndef g(): return size\ndef f(): return g()")
    found = Uses(live, Path("/nowhere"))
    reach = found.of_object(live["f"])
    assert (set(reach.uses), reach.data) == ({"g"}, {"size"})
    assert found.fingerprint(live["f"]) == of_function(live["f"])


def test_globals_that_a_function_binds() -> None:
    """What reached code can bind, and that it could touch anything, is told."""
    live = run("def f():\n    global n\n    n = 1\ndef g(): return eval('n'), f()")
    reach = Uses(live, Path("/nowhere")).of(["g"])
    assert reach.stores == {"n"}
    assert reach.opaque == "eval"


def test_values_are_not_asked() -> None:
    """Looking for code in a value runs none of its own: placeholders answer when they are used."""
    live = run(
        """
        class Touchy:
            def __getattribute__(self, name): raise RuntimeError(name)
            def __iter__(self): raise RuntimeError
        t = [Touchy()]
        """
    )
    assert uses(live, "t") == {"Touchy"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of modules that are importable during the test."""
    files = {
        "tools.py": "from pkg import deep\nimport json\nfrom duranb import errors\n"
        "def clean(x): return deep.go(x)\nclass Agent:\n    pass\n",
        "pkg/__init__.py": "from . import deep\n",
        "pkg/deep.py": "from .deeper import value\ndef go(x): return x + value\n",
        "pkg/deeper.py": "value = 1\n",
        "alone.py": "from . import nothing\n",
        "broken.py": "def (:\n",
        "venv/lib/site-packages/dep.py": "x = 1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "venv/lib/site-packages"))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("tools", "pkg", "pkg.deep", "pkg.deeper", "alone", "dep"):
        sys.modules.pop(name, None)


ALL = {"module:tools", "module:pkg", "module:pkg.deep", "module:pkg.deeper"}


@pytest.mark.parametrize(
    "source",
    [
        "from tools import clean as f",
        "import tools as f",
        "import tools\ndef f(x): return tools.clean(x)",
        "def f(x):\n    from tools import clean\n    return clean(x)",
        "from tools import Agent\nf = [Agent()]",
        "import functools, tools\nf = functools.partial(tools.clean, 1)",
        "from tools import Agent\nclass f(Agent): pass",
    ],
)
def test_project_modules_are_followed(project: Path, source: str) -> None:
    """The project's modules count with what they import, installed ones do not."""
    live = run(source)
    assert {n for n in uses(live, "f", root=project) if n.startswith("module:")} == ALL


def test_a_module_that_the_cell_itself_imports(project: Path) -> None:
    """A module counts before it is imported, when it would be found in the project."""
    found = Uses({}, project).of(
        [], imports=["tools", "tools.clean", "json", "dep", "numpy.linalg"]
    )
    assert set(found.uses) == ALL


def test_a_comment_in_a_module_changes_nothing(project: Path) -> None:
    """A module is its normalised source; only an edit of code changes its fingerprint."""
    before = Uses({}, project).of([], imports=["tools"]).uses
    (project / "pkg/deeper.py").write_text("# one\nvalue = (\n    1)\n")
    assert Uses({}, project).of([], imports=["tools"]).uses == before
    (project / "pkg/deeper.py").write_text("value = 2\n")
    after = Uses({}, project).of([], imports=["tools"]).uses
    assert {n for n in after if after[n] != before[n]} == {"module:pkg.deeper"}


def test_a_loaded_module_is_what_was_loaded(project: Path) -> None:
    """An edit on disk counts from the reload on: until then the old code is what runs."""
    found = Uses(run("import tools"), project)
    before = found.of(["tools"]).uses
    (project / "pkg/deep.py").write_text("def go(x): return 0\n")
    assert found.of(["tools"]).uses == before
    _reload("pkg.deep")
    assert found.of(["tools"]).uses["module:pkg.deep"] != before["module:pkg.deep"]


def _reload(name: str) -> ModuleType:
    importlib.invalidate_caches()
    return importlib.reload(sys.modules[name])


def test_modules_that_cannot_be_read(project: Path) -> None:
    """A module with a syntax error or a bad import counts by its text, and breaks nothing."""
    found = Uses({}, project)
    first = found.of([], imports=["broken", "alone"]).uses
    assert set(first) == {"module:broken", "module:alone"}
    (project / "broken.py").write_text("def (:::\n")
    assert found.of([], imports=["broken"]).uses["module:broken"] != first["module:broken"]


def test_a_module_whose_file_is_gone(project: Path) -> None:
    """A module that is loaded while its file is gone still counts."""
    importlib.import_module("pkg.deeper")
    (project / "pkg/deeper.py").unlink()
    found = Uses({}, project).of([], imports=["pkg.deeper"]).uses
    assert found["module:pkg.deeper"].startswith("unreadable")


@pytest.mark.parametrize(
    "held",
    [
        "box.go",
        "[box.go]",
        "{'f': box.go}",
        "box.tags.append",
        "functools.partial(closure(box.go))",
        "Call(closure(box.go))",
        "Wrapper(plain, box.tags)",
    ],
)
def test_what_a_method_in_a_closure_is_of_is_part_of_a_version(held: str) -> None:
    """An agent's tool is a function that holds a method: another state of what that is of is
    another input, and what a step changed there it changed in the tool."""
    source = f"""
import functools
class Box:
    def __init__(self, tags): self.tags = tags
    def go(self): return self.tags
class Call:
    def __init__(self, f): self.f = f
class Wrapper:
    def __init__(self, f, tags): functools.update_wrapper(self, f); self.tags = tags
def plain(): pass
def closure(f):
    def tool(): return f
    return tool
box = Box(TAGS)
tool = closure({held})
"""
    versions = []
    for tags in (["a"], ["b"], ["a"]):
        live: dict[str, object] = {"__name__": "__main__", "TAGS": tags}
        exec(compile(source, "<cell>", "exec", dont_inherit=True), live)
        versions.append(version(live["tool"], live))
    assert versions[0] == versions[2] != versions[1]


def test_a_method_that_a_module_holds_is_told_by_its_name() -> None:
    """The state of ``random.choice`` is the module's, and is looked after as that."""

    def tool(*held: object) -> object:
        return lambda: held

    before = version(tool(random.choice, random.random), {})
    state = random.getstate()
    random.random()
    assert version(tool(random.choice, random.random), {}) == before
    random.setstate(state)


@pytest.mark.parametrize("changed", range(3))
def test_each_of_several_classes_of_one_name_counts(changed: int) -> None:
    """A function that makes classes makes several of one name: whichever of them is another makes
    the code that reaches them another, and their order does not."""

    def reached(numbers: list[int]) -> dict[str, str]:
        live: dict[str, object] = {"__name__": "__main__"}
        source = (
            "def make(n):\n    class C:\n        def f(self): return n\n    return C()\n"
            "def use(): return [each.f() for each in made]\n"
            f"made = [make(n) for n in {numbers}]"
        )
        exec(source, live)
        return Uses(live, Path("/nowhere")).of(["use", "made"]).uses

    numbers = [1, 2, 3]
    assert reached(numbers) == reached([3, 1, 2])
    assert reached(numbers) != reached([9 if n == changed else m for n, m in enumerate(numbers)])


def test_a_class_is_told_once_while_its_thread_is_at_rest() -> None:
    """And anew afterwards: code has run that may have changed it. What it holds is told with it,
    and belongs to whoever asked."""

    class Shape:
        sides = 4

    first = identity.of_class(Shape)
    with identity.at_rest():
        assert identity.of_class(Shape) == first
        Shape.sides = 5
        with identity.at_rest():
            assert identity.of_class(Shape) == first
        assert identity.of_class(Shape) == first
        identity.captured(Shape).append("mine")
        assert identity.captured(Shape) == []
        with ThreadPoolExecutor(1) as other:
            assert other.submit(identity.of_class, Shape).result() != first
    assert identity.of_class(Shape) != first
