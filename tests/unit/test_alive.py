"""What is alive wins: a restored step puts what it had changed into the objects that are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from duranb.state import Restored
from tests.unit.test_state import Kernel

SETUP = (
    "from pydantic import BaseModel\n"
    "class Agent:\n    def __init__(self): self.memory = []\n"
    "class Slotted:\n    __slots__ = ('memory', '__dict__')\n"
    "    def __init__(self): self.memory = []\n"
    "class Model(BaseModel):\n    memory: list = []\n    _hidden: int = 0\n"
)


def second_life(setup: str, change: str, *names: str) -> Kernel:
    """``setup`` ran, a step changed ``names`` in place; then the kernel was another one, ``setup``
    ran again, and the step was restored."""
    first = Kernel()
    first.run(setup)
    before = first.namespace.bindings()
    first.run(change)
    after = first.namespace.bindings()
    second = Kernel(first.artifacts)
    second.run(setup)
    objects = {n: second[n] for n in names}
    changed = {n: b for n, b in after.items() if before.get(n) != b}
    outputs = {n: b for n, b in changed.items() if n in names or n not in before}
    beside = {n: b for n, b in changed.items() if n not in outputs}
    step = Restored("one", in_place=frozenset(names), beside=beside)
    assert second.namespace.restore(outputs, step=step) == []
    assert all(second[n] is value for n, value in objects.items())
    assert second.namespace.sync().changed.keys() <= outputs.keys()
    return second


@pytest.mark.parametrize("kind", ["Agent", "Slotted", "Model"])
def test_an_object_that_is_alive_takes_in_what_was_stored(kind: str) -> None:
    """Whoever holds it sees what the step had done: a generator does, which cannot be stored."""
    setup = f"{SETUP}agent = {kind}()\ndef reading():\n    while True: yield agent.memory\n"
    change = (
        "agent.memory.append('hello'); agent.more = 1"
        if kind != "Model"
        else ("agent.memory.append('hello'); agent._hidden = 1")
    )
    second = second_life(f"{setup}held = (each for each in [agent])", change, "agent")
    assert next(second["held"]).memory == ["hello"]
    assert (second["agent"]._hidden if kind == "Model" else second["agent"].more) == 1
    assert "agent" in second.run("agent.memory.append(2)", {"agent"}).changed


def test_a_large_object_takes_it_in_too() -> None:
    """Though large values are loaded when they are needed."""
    second = second_life(
        f"{SETUP}agent = Agent()", "agent.memory += [str(n) for n in range(300_000)]", "agent"
    )
    assert len(second["agent"].memory) == 300_000


def test_objects_that_hold_each_other_still_do() -> None:
    """Also what else was made with them; attributes that are gone are gone."""
    second = second_life(
        f"{SETUP}a, b = Agent(), Agent()\na.other, b.other, a.old = b, a, 1",
        "a.memory.append(1); b.memory.append(a); del a.old; result = {'last': b, 'of': b.memory}",
        "a",
        "b",
    )
    a, b, result = second["a"], second["b"], second["result"]
    assert a.other is b and b.other is a and b.memory == [a] and not hasattr(a, "old")
    assert result["last"] is b and result["of"] is b.memory


def test_what_could_not_be_stored_stays_in_the_object_that_is_alive() -> None:
    """The rest of it comes from the store."""
    second = second_life(
        f"{SETUP}agent = Agent(); agent.stream = (n for n in [1, 2])",
        "agent.memory.append('hello')",
        "agent",
    )
    assert second["agent"].memory == ["hello"] and next(second["agent"].stream) == 1


MORE = (
    "import collections, numpy, pandas, random\n"
    "def note(what): note.seen.append(what)\n"
    "note.seen = []\n"
    "def counting():\n"
    "    n = 0\n"
    "    def count():\n"
    "        nonlocal n\n"
    "        n += 1\n"
    "    return count\n"
    "class Fitted:\n"
    "    def __setstate__(self, state): vars(self).update(state)\n"
    "class Many(list): pass\n"
    "class Telling:\n"
    "    def __init__(self): self.memory, self.lock = [], object()\n"
    "    def __getstate__(self): return {k: v for k, v in vars(self).items() if k != 'lock'}\n"
    "    def __setstate__(self, state): vars(self).update(state, lock=object())\n"
    "def show(value):\n"
    "    shown = getattr(value, '__dict__', {})\n"
    "    slots = getattr(value, 'memory', 0), getattr(value, '_hidden', 0)\n"
    "    hidden = ('lock', '_mgr', '_item_cache', '_typ')\n"
    "    own = {k: v for k, v in shown.items() if k not in hidden}\n"
    "    given = getattr(value, 'default_factory', 0)\n"
    "    if hasattr(value, '__closure__'):\n"
    "        return own, [c.cell_contents for c in value.__closure__ or ()]\n"
    "    if hasattr(value, 'getstate'): return value.getstate()\n"
    "    if hasattr(value, 'get_state'): return value.get_state(legacy=False)\n"
    "    if hasattr(value, 'bit_generator'):\n"
    "        bits = value.bit_generator\n"
    "        return bits.state, bits.seed_seq.n_children_spawned\n"
    "    return '' if type(value).__repr__ is object.__repr__ else repr(value), own, slots, given\n"
)
REWOUND = {
    "object": ("Agent()", "held.memory.append(2); held.more = 1"),
    "slots": ("Slotted()", "held.memory.append(2); held.more = 1"),
    "pydantic": ("Model()", "held.memory.append(2); held._hidden = 1"),
    "list": ("[1, [2]]", "held.append(held)"),
    "dict": ("{'a': 1}", "held['b'] = 2; del held['a']"),
    "set": ("{1}", "held.add(2)"),
    "deque": ("collections.deque([1], 3)", "held.append(2)"),
    "defaultdict": (
        "collections.defaultdict(list, a=[1])",
        "held['b']; held.default_factory = set",
    ),
    "ordered": ("collections.OrderedDict(a=1, b=2)", "held.move_to_end('a')"),
    "counter": ("collections.Counter('aab')", "held.update('c')"),
    "bytes": ("bytearray(b'ab')", "held.extend(b'c')"),
    "list of one's own": ("Many([1])", "held.append(2); held.more = 1"),
    "array": ("numpy.arange(6).reshape(2, 3)", "held += 1"),
    "part of an array": ("numpy.arange(6)[::2]", "held += 1"),
    "frame": ("pandas.DataFrame({'a': [1, 2]})", "held['b'] = held['a'] * 2; held.attrs['c'] = 1"),
    "function": ("note", "held('a')"),
    "function of a closure": ("counting()", "held()"),
    "generator": ("numpy.random.default_rng(1)", "held.random(); held.spawn(1)"),
    "random state": ("numpy.random.RandomState(1)", "held.normal()"),
    "random": ("random.Random(1)", "held.gauss()"),
    "estimator": ("Fitted()", "held.coef_ = 1"),
    "getstate": ("Telling()", "held.memory.append(2); held.more = 1"),
}


@pytest.mark.parametrize("kind", REWOUND)
def test_a_rewind_puts_the_state_into_the_object_that_somebody_else_holds(kind: str) -> None:
    """A library that was given the object goes on with what the name stands for."""
    make, change = REWOUND[kind]
    kernel = Kernel()
    kernel.run(f"{SETUP}{MORE}held = {make}")
    library, then = kernel["held"], kernel.namespace.bindings()
    was = repr(kernel["show"](kernel["held"]))
    kernel.run(change)
    assert repr(kernel["show"](library)) != was
    assert kernel.namespace.restore(then) == []
    assert kernel["held"] is library and repr(kernel["show"](library)) == was
    kernel.namespace.is_recorded()
    assert kernel.run("pass").changed == {}
    assert "held" in kernel.run(change).changed


@pytest.mark.parametrize("kind", REWOUND)
def test_another_attempt_starts_with_the_object_that_somebody_else_holds(kind: str) -> None:
    """What the failed one did to it is taken back in the object itself."""
    make, change = REWOUND[kind]
    kernel = Kernel()
    kernel.run(f"{SETUP}{MORE}held = {make}")
    library, mark = kernel["held"], kernel.namespace.mark()
    was = repr(kernel["show"](library))
    exec(change, kernel.live)
    assert kernel.namespace.rollback(mark, {"held"}) == []
    assert kernel["held"] is library and repr(kernel["show"](library)) == was


def test_what_a_rewind_puts_back_shares_what_it_shared() -> None:
    """Other names, and what holds the object, among them."""
    kernel = Kernel()
    kernel.run(
        "import numpy\na = numpy.arange(6)\nb = a\nc = {'a': a}\nd = a[2:]\ne = [1]\nf = [e]"
    )
    names = "abcdef"
    objects, then = {n: kernel[n] for n in names}, kernel.namespace.bindings()
    kernel.run("a[:] = 9; b = 1; c.clear(); d = 2; e.append(f); f.append(e)")
    assert kernel.namespace.restore(then) == []
    a, b, c, d, e, f = (kernel[n] for n in names)
    assert b is a and c["a"] is a and d.tolist() == [2, 3, 4, 5]
    assert c is objects["c"] and e is objects["e"] and f is objects["f"]
    assert e == [1] and f[0] is e
    a[3] = 7
    assert d[1] == 7


def test_what_is_one_object_now_and_was_two_is_two_again() -> None:
    """Neither is put into the one."""
    kernel = Kernel()
    kernel.run("x = []; y = []; pair = [[0], [0]]; p, q = pair")
    then = kernel.namespace.bindings()
    kernel.run("y = x; q = p; pair[1] = p")
    kernel.run("x.append(1); p.append(1)")
    assert kernel.namespace.restore(then) == []
    assert kernel["x"] == kernel["y"] == [] and kernel["x"] is not kernel["y"]
    p, q, pair = kernel["p"], kernel["q"], kernel["pair"]
    assert pair == [[0], [0]] and pair[0] is p and pair[1] is q and p is not q


def test_another_object_of_the_name_takes_nothing_in() -> None:
    """It was never what is brought back, and whoever holds it goes on with it."""
    kernel = Kernel()
    kernel.run("x = [1]")
    then = kernel.namespace.bindings()
    kernel.run("x = [2]")
    other = kernel["x"]
    assert kernel.namespace.restore(then) == []
    assert kernel["x"] == [1] and other == [2]


def test_what_a_dict_holds_and_could_not_be_stored_stays_in_it_at_a_rewind() -> None:
    """The rest of it is what it was, and nobody loses the generator."""
    kernel = Kernel()
    kernel.run("held = {'a': 1, 'stream': (n for n in [1, 2])}")
    library, then = kernel["held"], kernel.namespace.bindings()
    kernel.run("held['a'] = 2")
    kernel.namespace.restore(then)
    assert kernel["held"] is library and library["a"] == 1 and next(library["stream"]) == 1


def test_functions_that_count_together_still_do_after_a_rewind() -> None:
    """Whether a library holds the one or the other; so do generators that draw in one way."""
    kernel = Kernel()
    kernel.run(
        "import numpy\n"
        "def counting():\n"
        "    n = 0\n"
        "    def count():\n"
        "        nonlocal n\n"
        "        n += 1\n"
        "    return count, lambda: n\n"
        "count, read = counting()\n"
        "one = numpy.random.default_rng(1); other = numpy.random.Generator(one.bit_generator)\n"
    )
    count, then = kernel["count"], kernel.namespace.bindings()
    first = kernel["other"].bit_generator.state
    kernel.run("count(); del read, other; one.random()")
    assert kernel.namespace.restore(then) == []
    assert kernel["count"] is count and kernel["read"]() == 0
    count()
    assert kernel["read"]() == 1
    assert kernel["other"].bit_generator.state == first
    kernel["one"].random()
    assert kernel["other"].bit_generator.state != first


def test_a_wrapper_has_the_annotations_of_what_it_wraps_after_a_rewind() -> None:
    """``functools.wraps`` gives both one dict."""
    kernel = Kernel()
    kernel.run(
        "import functools\n"
        "def counted(function):\n"
        "    @functools.wraps(function)\n"
        "    def inner(*given):\n"
        "        inner.calls += 1\n"
        "        return function(*given)\n"
        "    inner.calls = 0\n"
        "    return inner\n"
        "@counted\n"
        "def cost(n: int): return n\n"
    )
    library, then = kernel["cost"], kernel.namespace.bindings()
    kernel.run("cost(1)")
    assert kernel.namespace.restore(then) == []
    assert kernel["cost"] is library and library.calls == 0
    assert library.__annotations__ is library.__wrapped__.__annotations__
    assert list(library.__annotations__) == ["n"]


def test_a_model_that_holds_itself_has_its_fields_after_a_rewind() -> None:
    """Pydantic's state is the very dict of the attributes."""
    pytest.importorskip("pydantic")
    kernel = Kernel()
    kernel.run(
        "import pydantic, typing\n"
        "class Tool(pydantic.BaseModel):\n"
        "    name: str = 'a'\n"
        "    within: typing.Any = None\n"
        "tool = Tool(); tool.within = [tool]\n"
    )
    library, then = kernel["tool"], kernel.namespace.bindings()
    kernel.run("tool.name = 'b'")
    assert kernel.namespace.restore(then) == []
    assert kernel["tool"] is library and library.name == "a" and library.within[0] is library


def test_pyplot_holds_a_figure_once_after_a_rewind() -> None:
    """And it is the one that the name stands for."""
    kernel = Kernel()
    kernel.run(
        "import matplotlib; matplotlib.use('agg')\n"
        "import matplotlib.pyplot as plt\n"
        "plt.close('all'); figure, axes = plt.subplots()"
    )
    figure, then = kernel["figure"], kernel.namespace.bindings()
    kernel.run("axes.plot([1, 2])")
    assert kernel.namespace.restore(then) == []
    assert kernel["figure"] is figure and not figure.axes[0].lines
    assert figure.axes[0] is kernel["axes"] and kernel["axes"].figure is figure
    assert kernel["plt"].get_fignums() == [1] and kernel["plt"].gcf() is figure
    kernel["plt"].close("all")


VIEWS = {
    "views": "a = np.full(6, 7); b = a.view(np.uint8); c = a[1:][::2]; d = a[:2].reshape(2, -1)",
    "bytes": "a = bytearray(8); b = np.frombuffer(a, 'u1')[2:]; c = b.view(np.int8); d = [b]",
    "several": "a = bytearray(8); b, c = np.frombuffer(a, 'u1'), np.frombuffer(a, 'u2'); d = b[1:]",
    "in values": "a = np.arange(6); b = [a[2:]]; c = {'a': a, 'b': [a[:2]]}; d = a.reshape(3, 2)",
    "masked": "a = np.arange(6); b = np.ma.masked_less(a, 3); c = a[1:]; d = [c]",
}


def _shared(kernel: Kernel) -> list[Any]:
    def arrays(value: Any) -> list[Any]:
        if isinstance(value, (list, dict)):
            held = value.values() if isinstance(value, dict) else value
            return [array for each in held for array in arrays(each)]
        return [np.frombuffer(value, "u1") if isinstance(value, bytearray) else value]

    met = [array for name in "abcd" for array in arrays(kernel[name])]
    return [[each.tolist() for each in met], [[np.shares_memory(x, y) for x in met] for y in met]]


@pytest.mark.parametrize("kind", VIEWS)
def test_memory_that_is_written_to_is_shared_as_it_was(kind: str) -> None:
    """By a rewind, and by a step that is restored."""
    setup = f"import numpy as np\n{VIEWS[kind]}"
    first = Kernel()
    first.run(setup)
    was, then = _shared(first), first.namespace.bindings()
    changed = first.run("a[0] = 9").changed
    left = _shared(first)
    second = Kernel(first.artifacts)
    second.run(setup)
    step = Restored("one", changed.keys(), reads=changed.keys())
    assert second.namespace.restore(changed, step=step) == []
    assert _shared(second) == left
    assert first.namespace.restore(then) == []
    assert _shared(first) == was


def test_what_came_to_share_with_another_name_shares_with_its_own_again() -> None:
    """Though its content is what it was, when another attempt begins."""
    kernel = Kernel()
    kernel.run(f"{SETUP}a, b, other = Agent(), Agent(), []; b.owner = a; c = {{'a': a}}")
    mark = kernel.namespace.mark()
    exec("b.memory = other", kernel.live)
    assert kernel.namespace.rollback(mark, {"b", "other"}) == []
    a, b = kernel["a"], kernel["b"]
    assert b.owner is a and kernel["c"]["a"] is a
    assert b.memory == [] and b.memory is not kernel["other"]
