"""Wrapped and compiled functions are the function and its options, whatever they did since."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from duranb.code import compiled
from duranb.code.fingerprint import Uses
from duranb.code.identity import of_callable

CASES = {
    # name: (package, source that makes f, a call)
    "njit": ("numba", "import numba\nk = 3\n@numba.njit\ndef f(x): return x + k", "f(1); f(2.0)"),
    "njit eager": (
        "numba",
        "import numba\n@numba.njit('float64(float64)', fastmath=True)\ndef f(x): return x + 1",
        "f(1.0)",
    ),
    "njit nested": (
        "numba",
        "import numba\n@numba.njit\ndef g(x): return x * 2\n@numba.njit\ndef f(x): return g(x)",
        "f(1)",
    ),
    "vectorize": ("numba", "import numba\n@numba.vectorize\ndef f(x): return x + 1", "f(1)"),
    "guvectorize": (
        "numba",
        "import numba, numpy as np\n@numba.guvectorize('(n)->(n)')\n"
        "def f(x, y):\n    for i in range(x.shape[0]): y[i] = x[i] + 1",
        "f(np.ones(3), np.ones(3))",
    ),
    "jax.jit": (
        "jax",
        "import jax, functools\n@functools.partial(jax.jit, static_argnames=('n',))\n"
        "def f(x, n=2): return x * n",
        "f(1.0); f(2.0, n=3)",
    ),
    "jax.jit of grad": (
        "jax",
        "import jax, jax.numpy as jnp\nf = jax.jit(jax.grad(lambda x: (x * x).sum()))",
        "f(jnp.ones(3))",
    ),
    "jax.vmap": ("jax", "import jax, jax.numpy as jnp\nf = jax.vmap(abs)", "f(jnp.ones(3))"),
    "custom_vjp": (
        "jax",
        "import jax\n@jax.custom_vjp\ndef f(x): return x * 2\n"
        "f.defvjp(lambda x: (x * 2, None), lambda r, g: (g * 2,))",
        "jax.grad(f)(1.0)",
    ),
    "lru_cache": (
        "functools",
        "import functools\n@functools.lru_cache(maxsize=3)\ndef f(x=0): return x",
        "f(1); f(2)",
    ),
    "singledispatch": (
        "functools",
        "import functools\n@functools.singledispatch\ndef f(x): return x\n"
        "@f.register\ndef _(x: int): return x + 1",
        "f(1); f('s'); f([])",
    ),
    "singledispatchmethod": (
        "functools",
        "import functools\nclass C:\n    @functools.singledispatchmethod\n    def m(self, x): ...\n"
        "    @m.register\n    def _(self, x: int): ...\n"
        "f = C().m",
        "C().m(1); C().m('x')",
    ),
    "partialmethod": (
        "functools",
        "import functools\nclass C:\n    def m(self, a): return a\n"
        "    p = functools.partialmethod(m, 3)\nf = C().p",
        "f()",
    ),
    "tenacity": (
        "tenacity",
        "import tenacity\n@tenacity.retry(stop=tenacity.stop_after_attempt(3))\n"
        "def f(x=0): return x",
        "f(1)",
    ),
    "wrapt": (
        "wrapt",
        "import wrapt\n@wrapt.decorator\ndef deco(w, i, a, k): return w(*a, **k) + 1\n"
        "@deco\ndef f(x=0): return x",
        "f(1)",
    ),
    "named tuple": (
        "typing",
        "import typing\nclass f(typing.NamedTuple):\n    x: int = 1",
        "f(2)._replace(x=3)",
    ),
    "click": (
        "click",
        "import click\n@click.group()\ndef f(): ...\n@f.command()\n@click.option('--n')\n"
        "def sub(n): ...",
        "f.main(['sub', '--n', '1'], standalone_mode=False)",
    ),
    "dataclass": (
        "dataclasses",
        "import dataclasses\n@dataclasses.dataclass\nclass f:\n    x: int = 1",
        "f(2)",
    ),
}
INSTALLED = [n for n, (package, _, _) in CASES.items() if importlib.util.find_spec(package)]

SEES = """
import json, sys, types, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import blake3
from duranb.code.fingerprint import Uses
from duranb.state import Namespace

class Files:
    def __init__(self, folder): self.folder = Path(folder)
    def put(self, pieces):
        data = b"".join(map(bytes, pieces))
        name = blake3.blake3(data).hexdigest(16)
        (self.folder / name).write_bytes(data)
        return name
    def get(self, name): return memoryview((self.folder / name).read_bytes())
    def several(self, names): return {n: self.get(n) for n in names}

def sees(uses, namespace):
    reach = uses.of(["f"])
    return [sorted(reach.uses.items()), sorted(reach.data), namespace.version_of(uses.live["f"])]

folder, cases = sys.argv[1], json.loads(sys.argv[2])
found = {}
for name, (_, source, call) in cases.items():
    home = Path(folder) / name.replace(" ", "-")
    home.mkdir(exist_ok=True)
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    live = vars(main)
    uses = Uses(live, Path(folder) / "nothing")
    namespace = Namespace(live, Files(home), uses)
    if (home / "bindings").exists():
        import pickle
        namespace.restore(pickle.loads((home / "bindings").read_bytes()))
        before = sees(uses, namespace)
        exec(call, live)
        found[name] = [before, sees(uses, namespace), []]
    else:
        exec(compile(source, "<cell>", "exec", dont_inherit=True), live)
        before = sees(uses, namespace)
        namespace.sync()
        exec(call, live)
        after = sees(uses, namespace)
        namespace.touched(None)
        found[name] = [before, after, sorted(namespace.sync().changed)]
        import pickle
        (home / "bindings").write_bytes(pickle.dumps(namespace.bindings()))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each case is in the process that made it, in another that made it too, and in one that
    restored it: before and after a call, and what the call changed."""
    found = []
    folders = [tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")]
    given = json.dumps({n: CASES[n] for n in INSTALLED})
    for folder in (*folders, folders[0]):
        done = subprocess.run(
            [sys.executable, "-c", SEES, str(folder), given],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return found


@pytest.mark.parametrize("name", INSTALLED)
def test_a_wrapper_is_its_function_and_options(name: str, seen: list[dict[str, Any]]) -> None:
    """Calls, other processes and a restart change neither identity nor version, and a call is no
    change that would have to be stored."""
    made, again, restored = (each[name] for each in seen)
    assert made[1] == made[0], "a call made another one of it"
    assert made[2] == [], "a call counts as a change"
    assert again[0] == made[0], "another process makes another one of it"
    assert restored[0] == restored[1] == made[0], "its copy is another one"


OPTIONS = [
    (
        "functools",
        "import functools\n@functools.lru_cache(typed={})\ndef f(x): ...",
        "True",
        "False",
    ),
    ("numba", "import numba\n@numba.njit(fastmath={})\ndef f(x): return x", "True", "False"),
    ("jax", "import jax\nf = jax.jit(lambda x, n: x, static_argnums={})", "0", "1"),
    ("jax", "import jax\nf = jax.vmap(lambda x: x, in_axes={})", "0", "1"),
    (
        "tenacity",
        "import tenacity as t\n@t.retry(stop=t.stop_after_attempt({}))\ndef f(x): ...",
        "1",
        "2",
    ),
    (
        "wrapt",
        "import wrapt\n@wrapt.decorator\ndef d(w, i, a, k): return w(*a, **k) + {}\n"
        "@d\ndef f(x): return x",
        "1",
        "2",
    ),
    (
        "functools",
        "import functools\n@functools.singledispatch\ndef f(x): ...\n"
        "@f.register\ndef _(x: int): return {}",
        "1",
        "2",
    ),
    (
        "functools",
        "import functools\nclass Box:\n    def __init__(self, n): self.n = n\n"
        "def keep(box):\n    def wrap(g):\n        @functools.wraps(g)\n"
        "        def inner(x): return g(x) + box.n\n        return inner\n    return wrap\n"
        "@keep(Box({}))\ndef f(x): ...",
        "1",
        "2",
    ),
]


@pytest.mark.parametrize(("package", "source", "one", "other"), OPTIONS)
def test_options_of_a_wrapper_count(package: str, source: str, one: str, other: str) -> None:
    """Whatever shapes what the function does: an option, the wrapping code, what it closes over."""
    pytest.importorskip(package)

    def what(option: str) -> tuple[dict[str, str], str]:
        live: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(source.replace("{}", option), "<cell>", "exec", dont_inherit=True), live)
        uses = Uses(live, Path("nowhere"))
        from duranb.values.canonical import version

        return uses.of(["f"]).uses, version(live["f"], live)

    assert what(one) == what(one)
    assert what(one) != what(other)


def test_a_librarys_code_reaches_none_of_the_notebooks_names() -> None:
    """A wrapper of a library that took over its function's module still sees its own globals."""
    source = "import tenacity\n@tenacity.retry\ndef f(x): return x + k"
    live: dict[str, Any] = {"__name__": "__main__", "k": 1, "AttemptManager": 2}
    exec(compile(source, "<cell>", "exec", dont_inherit=True), live)
    assert Uses(live, Path("nowhere")).of(["f"]).data <= {"f", "k"}


class _Dispatcher:
    """Of the shape of numba's, for where that is not installed."""

    def __init__(self, function: Any, **options: Any) -> None:
        self.py_func = function
        self.__wrapped__ = function
        self.targetoptions = options
        self.locals: dict[str, Any] = {}
        self.nopython_signatures: list[str] = []
        self.overloads: list[str] = []
        self._can_compile = True

    def __call__(self, x: int) -> int:
        self.overloads.append(type(x).__name__)
        return int(self.py_func(x))


_Dispatcher.__module__, _Dispatcher.__qualname__ = "numba.core.registry", "CPUDispatcher"


def test_a_recipe_makes_a_wrapper_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its function and options, without what it compiled; another one's options tell."""
    numba: Any = types.ModuleType("numba")
    numba.jit = lambda **options: lambda function: _Dispatcher(function, **_given(options))
    monkeypatch.setitem(sys.modules, "numba", numba)
    live: dict[str, Any] = {"__name__": "__main__"}
    exec("def g(x): return x + 1", live)
    fast, slow = _Dispatcher(live["g"], fastmath=True), _Dispatcher(live["g"])
    before = of_callable(fast)
    assert fast(1) == 2 and of_callable(fast) == before != of_callable(slow)
    made, arguments = compiled.reduction(fast) or (None, ())
    assert made is compiled.make
    again = compiled.make(*arguments)
    assert again.overloads == [] and again(2) == 3 and of_callable(again) == before
    del fast.targetoptions  # of another version of the library
    assert compiled.parts(fast) is None


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {n: v for n, v in options.items() if n != "locals"}
