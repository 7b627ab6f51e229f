"""What a cell reads, writes, deletes, and when that cannot be told."""

from __future__ import annotations

import ast
import sys
import textwrap

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from duranb.code.dataflow import CellNames, analyse, code_names, is_async


def names(source: str) -> CellNames:
    """The analysis of a cell as IPython would hand it on."""
    return analyse(ast.parse(TransformerManager().transform_cell(textwrap.dedent(source))))


def reads(source: str) -> set[str]:
    return set(names(source).reads)


def test_a_name_assigned_first_is_no_input() -> None:
    """What the cell assigns before it reads it does not come from outside."""
    found = names("y = f(x)\nz = y + 1")
    assert found.reads == {"f", "x"}
    assert found.writes == ("y", "z")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x += 1", {"x"}),
        ("x.a = 1", {"x"}),
        ("x[i] += 1", {"x", "i"}),
        ("x.append(y)", {"x", "y"}),
        ("f'{x!r:>{w}}'", {"x", "w"}),
        ("a = b = c", {"c"}),
        ("x: T = y", {"T", "y"}),
        ("x: T", {"T"}),
        ("del x", set()),
        ("import a.b\na.c(d)", {"d"}),
        ("from p import q as r\nr(s)", {"s"}),
        ("[a, *b] = c\nb.sort(key=d)", {"c", "d"}),
        ("with open(p) as f:\n    t = f.read()\nt", {"open", "p"}),
    ],
)
def test_simple_statements(source: str, expected: set[str]) -> None:
    """Stores into attributes and items, augmented ones and annotations read; imports write."""
    assert reads(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("if c:\n    x = 1\ny = x", {"c", "x"}),
        ("if c:\n    x = 1\nelse:\n    x = 2\ny = x", {"c"}),
        ("if c:\n    x = 1\nelse:\n    raise E\ny = x", {"c", "E"}),
        ("for i in r:\n    x = i\ny = x, i", {"r", "x", "i"}),
        ("for i in [1, 2]:\n    x = i\ny = x, i", set()),
        ("for i in range(3):\n    x = i\ny = x", {"range"}),
        ("for i in r:\n    x = i\n    use(x)", {"r", "use"}),
        ("for i in r:\n    if c: break\nelse:\n    x = 1\ny = x", {"r", "c", "x"}),
        ("while True:\n    x = f()\n    if x: break\ny = x", {"f"}),
        ("while f():\n    x = 1\ny = x", {"f", "x"}),
        ("while (x := f()):\n    use(x)\ny = x", {"f", "use"}),
        ("for i in [1]:\n    if c: continue\n    x = 1\ny = x", {"c", "x"}),
        ("try:\n    x = f()\nexcept E:\n    x = 0\ny = x", {"f", "E"}),
        ("try:\n    x = f()\nexcept E:\n    pass\ny = x", {"f", "E", "x"}),
        ("try:\n    x = f()\nexcept E:\n    raise\ny = x", {"f", "E"}),
        ("try:\n    x = f()\nfinally:\n    g(x)", {"f", "g", "x"}),
        ("try:\n    f()\nfinally:\n    x = 1\ny = x", {"f"}),
        ("try:\n    a = 1\nexcept* E as e:\n    a = e\ny = a", {"E"}),
        ("with suppress(E):\n    x = f()\ny = x", {"suppress", "E", "f", "x"}),
        ("if (m := f()) and (n := g(m)):\n    use(n)", {"f", "g", "use"}),
        ("a and (n := f())\nn", {"a", "f", "n"}),
        ("z = (n := f()) if c else n", {"c", "f", "n"}),
        ("del x\ny = x", set()),
        ("if c:\n    del x\ny = x", {"c", "x"}),
    ],
)
def test_every_way_through_the_cell_counts(source: str, expected: set[str]) -> None:
    """A name is an input as soon as one way through the cell reads it before assigning it."""
    assert reads(source) == expected


def test_match_captures_bind() -> None:
    """Captures of a case are its own; only a wildcard case rules out that none matched."""
    source = """
        match p:
            case {"a": a, **rest}: out = a, rest
            case Point(x=0, y=y) if y > low: out = y
            case [first, *others]: out = first, others
            case %s: out = 0
        out
    """
    assert reads(source % "_") == {"p", "Point", "low"}
    assert reads(source % "K.a") == {"p", "Point", "low", "K", "out"}


def test_comprehensions_keep_their_variables() -> None:
    """A comprehension's variables are its own, but for what ``:=`` binds around it."""
    found = names("out = {k: [last := g(v) for v in vs] for k, vs in d.items() if k in ok}")
    assert found.reads == {"d", "g", "ok"}
    assert set(found.writes) == {"out", "last"}


def test_a_function_reads_its_globals_when_it_can_be_called() -> None:
    """Globals of a function count from its first use in the cell, not from its definition."""
    source = """
        def go(n): return step(n, limit)
        def step(n, m): return n + m
        limit = 3
        go(1)
    """
    assert reads(source) == set()
    assert reads("def go(): return limit\nlimit = 3") == set()
    assert reads("def go(): return limit\ngo()\nlimit = 3") == {"limit"}
    assert reads("f = lambda: limit\nlimit = 3\nf()") == set()
    assert reads("out = sorted(xs, key=lambda v: w[v])\nw = 1") == {"sorted", "xs", "w"}


def test_a_function_used_in_two_branches_reads_in_both() -> None:
    """What one branch assigned before the call does not help the other."""
    source = "def f(): return x\nif c:\n    x = 1\n    f()\nelse:\n    f()"
    assert reads(source) == {"c", "x"}


def test_a_function_made_in_a_loop_may_run_in_the_next_round() -> None:
    """A call at the top of a loop's body can reach a function that is made at its end."""
    assert reads("f = g\nfor i in [1, 2]:\n    f()\n    def f(): return x") == {"g", "x"}
    assert reads("for i in r:\n    def f(): return i\n    f()") == {"r"}


def test_a_function_handed_to_an_unknown_decorator_may_run() -> None:
    """Such a function counts as called, by the end of the cell at the latest."""
    assert reads("@register\ndef go(): return limit") == {"register", "limit"}
    assert reads("@functools.lru_cache(maxsize=n)\ndef go(): return limit") == {"functools", "n"}


def test_local_names_are_no_globals() -> None:
    """Parameters, locals, nonlocals and nested functions' names stay inside."""
    source = """
        def outer(a, *args, b=default, **kw) -> R:
            count = 0
            def inner(x: T):
                nonlocal count
                count += x + a + free
                try: pass
                except E as e: print(e)
                return [y for y in args if y != count]
            return inner
        outer(1)
    """
    assert reads(source) == {"default", "R", "T", "free", "E", "print"}


def test_class_bodies_run_at_once_and_methods_later() -> None:
    """A class body reads where it stands, its methods once the class is used."""
    source = """
        class A(Base, metaclass=M):
            size = limit
            double = size * 2
            names = [size for size in others]
            def go(self): return B(size)
        class B: pass
        %s
    """
    assert reads(source % "") == {"Base", "M", "limit", "others"}
    assert reads(source % "A().go()") == {"Base", "M", "limit", "others", "size"}


def test_global_statements_write() -> None:
    """Names that a function declares global are writes of the cell, after its own."""
    found = names("def f():\n    global z\n    z = y\nx = f()")
    assert found.writes == ("f", "x", "z")
    assert found.reads == {"y"}


def test_loads_hold_everything_mentioned() -> None:
    """All names anywhere are loads, also in functions that are not called and after assignment."""
    found = names("x = 1\ndef f():\n    def g(): return a\n    b.append(x)\nprint(x)")
    assert found.loads == {"a", "b", "print", "x"}


def test_deleted_names() -> None:
    """``del`` and the name of an ``except`` clause unbind."""
    found = names("del a, b.c\ntry:\n    f()\nexcept E as e:\n    pass")
    assert found.deletes == {"a", "e"}
    assert "b" in found.loads


def test_imports_are_listed_with_their_modules() -> None:
    """Imports anywhere in the cell name the modules, so that their code can count."""
    found = names("import a.b as c\nfrom d import e\ndef f():\n    import g")
    assert found.imports == {"a.b", "d", "d.e", "g"}


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("exec(code)", "exec"),
        ("eval('x')", "eval"),
        ("globals()['x'] = 1", "globals"),
        ("unittest.main(argv=[''], exit=False)", "unittest main"),
        ("def f(): unittest.main()", "unittest main"),
        ("import doctest; doctest.testmod()", "testmod"),
        ("x = sys.modules['__main__'].y", "modules __main__"),
        ("def f(): return getattr(sys.modules[__name__], 'y')", "modules __name__"),
        ("importlib.import_module(__name__)", "import_module __name__"),
        ("vars()['x'] = 1", "vars"),
        ("locals()", "locals"),
        ("from m import *", "from m import *"),
        ("import __main__", "import __main__"),
        ("def f():\n    return eval(s)", "eval"),
        ("ip = get_ipython()", "get_ipython"),
        ("shell.user_ns['x'] = 1", "user_ns"),
        ("%run other.py", "%run"),
        ("%%cython\nx = 1", "%%cython"),
        ("%time x = (", "%time"),
        ("%duranb replay step", "%duranb replay"),
        ("%duranb rewind step --compensate", "%duranb rewind"),
    ],
)
def test_code_that_could_touch_anything(source: str, why: str) -> None:
    """What reaches a whole namespace makes the cell opaque, and says by what."""
    assert names(source).opaque == why


@pytest.mark.parametrize(
    ("source", "read", "written"),
    [
        ("exec('y = x + 1')", {"x"}, ("y",)),
        ("y = eval(' x + 1')", {"x"}, ("y",)),
        ("globals()['x'] = v", {"v"}, ("x",)),
        ("globals()['x'] += v", {"x", "v"}, ("x",)),
        ("y = locals()['x']", {"x"}, ("y",)),
        ("y = get_ipython().user_ns['x']", {"x"}, ("y",)),
        ("y = globals().get('x', d)", {"x", "d"}, ("y",)),
        ("y = 'x' in globals()", {"x"}, ("y",)),
        ("globals()[f'part_{i}'] = v", {"i", "v"}, ()),
        ("globals().update(a=v, **more)", {"v", "more"}, ("a",)),
        ("from m import *\ny = x", {"x"}, ("y",)),
        ("%run ./other.py {x}", {"x"}, ()),
    ],
)
def test_what_is_written_there_is_read_though_any_name_could_be_touched(
    source: str, read: set[str], written: tuple[str, ...]
) -> None:
    """Names in literal code and literal keys are known, and what only binds reads nothing."""
    found = names(source)
    assert found.opaque and not found.blind
    assert found.reads - {"globals", "locals", "get_ipython"} == read
    assert found.writes == written


@pytest.mark.parametrize(
    "source",
    [
        "exec(code)",
        "exec('y = x', space)",
        "exec('y = (')",
        "eval('eval(code)')",
        "exec = f\nexec('y = x')",
        "y = globals()[name]",
        "globals()[name] += 1",
        "y = list(globals().values())",
        "y = name in globals()",
        "%run -i other.py",
        "def f(): return eval('x')",
    ],
)
def test_nobody_can_tell_what_dynamic_code_reads(source: str) -> None:
    """Code that is made up at run time, and functions that look names up, may read any name."""
    assert names(source).blind


def test_a_file_that_is_run_is_part_of_the_cell() -> None:
    """``%run`` counts as importing the file, where it is one of the project's."""
    assert names("%run -t folder/other.py 1").imports == {"folder.other"}
    assert names("%run other").imports == {"other"}
    assert names("%run ../other.py").imports == frozenset()


@pytest.mark.parametrize(
    "source",
    [
        "vars(x)",
        "def f():\n    return locals()",
        "model.eval()",
        "!ls",
        "%pip install x",
        "x?",
        "%duranb rewind step --yes",
        "%duranb",
        "%duranb timeline",
    ],
)
def test_code_that_only_looks_alike(source: str) -> None:
    """Methods of the same name, locals of a function, and harmless magics are not opaque."""
    assert names(source).opaque == ""


def test_magics_that_run_python_are_looked_into() -> None:
    """The body of ``%%time``, ``%%capture``, ``%time`` and ``%timeit`` is part of the cell."""
    found = names("%%time\ny = f(x)")
    assert (found.reads, found.writes, found.opaque) == ({"f", "x"}, ("y",), "")
    assert names("%%capture out --no-stderr\nprint(x)").writes == ("out",)
    assert names("%time y = f(x)").writes == ("y",)
    assert reads("%timeit -n 10 -r 3 f(x)") == {"f", "x"}


def test_shell_commands_read_what_they_interpolate() -> None:
    """``{expression}`` and ``$name`` in a command are inputs, other braces are not."""
    found = names("files = !ls {folder/'a'} $other | awk '{print $1}'")
    assert {"folder", "other"} <= found.reads
    assert "print" not in found.reads
    assert found.writes == ("files",)


def test_queries_read_the_variables_they_name() -> None:
    """pandas' ``@x`` and DuckDB's ``FROM df`` look a variable up by name."""
    assert reads('df.query("a > @low and b < 3")') == {"df", "low"}
    assert reads('duckdb.sql(f"select * from orders join items using ({key})")') == {
        "duckdb",
        "orders",
        "items",
        "key",
    }


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
def test_type_parameters_and_aliases() -> None:
    """Type parameters are local, and an alias's value is evaluated only when it is used."""
    source = "type Pair[T] = tuple[T, Item]\ndef f[U: Bound](x: U) -> Pair[U]: return x"
    assert reads(source) == set()
    assert names(source).loads >= {"Item", "Bound", "Pair", "tuple"}
    assert "T" not in names(source).loads


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
@pytest.mark.parametrize(
    ("source", "read", "loaded"),
    [
        ("def f[U: Bound](x: U) -> U: return x", set(), {"Bound"}),
        ("def f[U: (A, B)](x: U) -> U: return x\nf(1)", {"A", "B"}, {"A", "B", "f"}),
        ("type P[T: Bound] = list[T]", set(), {"Bound", "list"}),
        ("class C[T: Bound](Base[T]):\n    def m(self) -> T: ...", {"Base"}, {"Base", "Bound"}),
        ("class C[T](Base[T], key=T): x: T", {"Base"}, {"Base"}),
        ("def f():\n    class C[T: Bound](Base[T]): ...", set(), {"Base", "Bound"}),
    ],
)
def test_bounds_of_type_parameters_are_loads(source: str, read: set[str], loaded: set[str]) -> None:
    """A bound is evaluated when it is asked for, what a generic class inherits from at once; the
    type parameters themselves are nobody's global."""
    assert reads(source) == read
    assert names(source).loads == loaded


@pytest.mark.skipif(sys.version_info < (3, 13), reason="syntax of Python 3.13")
def test_defaults_of_type_parameters_are_loads() -> None:
    """They are evaluated when they are asked for, as bounds are."""
    assert names("def f[U = Default](x: U) -> U: return x").loads == {"Default"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("await f()", True),
        ("x = [a async for a in b]", True),
        ("x = [await a for a in b]", True),
        ("async with a: pass", True),
        ("def f(x=await g()): pass", True),
        ("async def f():\n    await g()", False),
        ("x = (a async for a in b)", False),
        ("x = (a for a in await b)", True),
        ("f(lambda: g)", False),
    ],
)
def test_a_cell_that_awaits(source: str, expected: bool) -> None:
    """Only what is awaited by the cell itself makes it asynchronous."""
    assert is_async(ast.parse(source)) is expected


def test_names_of_compiled_code() -> None:
    """A code object tells its globals, those it binds, its imports, and whether it is opaque."""
    source = """
        def f(a):
            global total
            from project.tools import clean
            class Local:
                size = limit
                def m(self): return [a, deep]
            total = clean(a)
            return Local
        def g(): return eval("x")
    """
    space: dict[str, object] = {}
    exec(textwrap.dedent(source), space)
    found = code_names(space["f"].__code__)
    assert {"limit", "deep"} <= found.loads
    assert "a" not in found.loads
    assert found.stores == {"total"}
    assert found.imports == {"project.tools", "project.tools.clean"}
    assert found.opaque == ""
    assert code_names(space["g"].__code__).opaque == "eval"


def test_a_cell_s_own_code_stores_its_names() -> None:
    """In a module's code object, plain assignments are stores of globals; a class's are not."""
    found = code_names(compile("x = 1\nclass A:\n    y = 2\ndel z", "cell", "exec"))
    assert found.stores == {"x", "A", "z"}


def test_links_upon_nodes_are_not_followed() -> None:
    """What formats tracebacks links nodes to their parents, on contexts that all trees share."""
    tree = ast.parse("[].pop()")
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]
    try:
        assert not is_async(ast.parse("x = y.z[1]"))
    finally:
        for node in ast.walk(tree):
            vars(node).pop("parent", None)
