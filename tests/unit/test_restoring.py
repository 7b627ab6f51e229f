"""A restored step binds what it bound or changed, and is linked to what is alive beside it."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from duranb.record.events import Binding
from duranb.state import Code, Delta, Restored, randomness, seeding, unstorable
from duranb.state.placeholder import Placeholder
from tests.unit.test_state import Kernel

CHAT = """
class Chat:
    def __init__(self): self.said = []
    def __reduce__(self): raise TypeError("a chat belongs to its connection")
"""


def given(kernel: Kernel, delta: Delta, *names: str, step: str = "b", **known: Any) -> list[str]:
    """Restore a step that bound ``names``, of all that a delta stored."""
    beside = {n: b for n, b in delta.changed.items() if n not in names}
    return kernel.namespace.restore(
        {n: delta.changed[n] for n in names}, step=Restored(step, beside=beside, **known)
    )


def ran(kernel: Kernel, code: str, *loads: str, digest: str = "", step: str = "") -> Delta:
    """Run code that is known, as a cell is."""
    exec(code, kernel.live)
    kernel.namespace.touched(set(loads), Code(frozenset(loads), digest or code, step=step))
    return kernel.namespace.sync()


@pytest.mark.parametrize(
    ("source", "made", "same"),
    [
        ("x = [1]", "y = {'inner': x}", "y['inner'] is x"),
        ("x = np.arange(9.0)", "y = x[2:5]", "np.shares_memory(x, y)"),
        ("x = array('i', [1, 2])", "y = np.frombuffer(x, 'i')", "np.shares_memory(x, y)"),
        ("x = np.arange(9.0)", "y = [x.reshape(3, 3), x]", "y[1] is x"),
        ("x = {'a': [1], 'b': {2}}", "y = [x['a'], x['b']]", "y[0] is x['a'] and y[1] is x['b']"),
        ("x = [[1], [2]]", "y = lambda: x[0]\ny.first = x[0]", "y.first is x[0]"),
        ("x = [object.__new__(C)]\nx[0].tags = []", "y = x[0].tags", "y is x[0].tags"),
        ("x = np.ma.array([1, 2, 3], mask=[0, 1, 0])", "y = x.data", "np.shares_memory(x, y)"),
        ("x = {'a': 1}", "y = x.items()", "x.update(b=2) or list(y) == [('a', 1), ('b', 2)]"),
        ("x = {'a': 1}", "y = MappingProxyType(x)", "x.update(b=2) or y['b'] == 2"),
    ],
)
def test_what_a_step_made_shares_with_the_live_object(source: str, made: str, same: str) -> None:
    """The cells above made ``x`` anew: it stays that object, and what the restored step made of it
    shares with it as it did."""
    setup = "import numpy as np\nfrom array import array\nfrom types import MappingProxyType\n"
    setup += f"class C: pass\n{source}"
    first, second = Kernel(), None
    first.run(setup)
    delta = first.run(made)
    second = Kernel(first.artifacts)
    second.run(setup)
    alive = second["x"]
    assert given(second, delta, "y") == []
    assert second["x"] is alive
    assert eval(same, second.live)


def test_linking_stores_nothing_again() -> None:
    """A Run All that only restores leaves the store as large as it was, and no change to record
    but the bindings that were recorded."""
    first = Kernel()
    first.run("x = [1]")
    delta = first.run("y = [x]")
    second = Kernel(first.artifacts)
    second.run("x = [1]")
    kept = len(first.artifacts.kept)
    given(second, delta, "y")
    assert second.namespace.sync().changed == delta.changed
    assert len(first.artifacts.kept) == kept
    assert second.namespace.sharing("y") == {"x"}


def test_what_is_no_longer_what_it_was_is_not_linked() -> None:
    """A name that merely lay in the same artifact keeps its new value."""
    first = Kernel()
    first.run("x = [1]; z = [x]")
    delta = first.run("y = [x]")
    second = Kernel(first.artifacts)
    second.run("x = [1]; z = [5, 6]")
    given(second, delta, "y")
    assert second["z"] == [5, 6] and second["y"][0] is second["x"]
    second.run("x.append(2)", {"x"})
    assert second["y"] == [[1, 2]] and second.namespace.sharing("y") == {"x"}


def test_a_change_in_place_is_seen_by_all_that_share_it() -> None:
    """A step appended to a list with two names: both are restored, and are one list."""
    first = Kernel()
    first.run("x = [1]; w = x")
    delta = first.run("x.append(2)", {"x"})
    second = Kernel(first.artifacts)
    second.run("x = [1]; w = x")
    given(second, delta, "x", "w", in_place={"x"})
    assert second["x"] == [1, 2] and second["w"] is second["x"]


def test_a_version_stays_when_a_value_only_comes_to_share() -> None:
    """Another name for a part of it is no change of a value: no step that reads it runs again."""
    kernel = Kernel()
    before = kernel.run("x = {'a': [1]}").changed["x"]
    after = kernel.run("y = x['a']").changed["x"]
    assert after.artifact != before.artifact and after.version == before.version


# -- what cannot be stored ---------------------------------------------------------------------


def test_the_version_of_an_unstorable_value_is_how_it_was_made() -> None:
    """Equal in two lives with the same code, another one with other code, or once it changed."""
    versions = []
    for made in ("chat = Chat()", "chat = Chat()", "chat = Chat(); 'edited'"):
        kernel = Kernel()
        kernel.run(CHAT)
        versions.append(ran(kernel, made, "Chat", "chat").changed["chat"].version)
        assert ran(kernel, "len(chat.said)", "chat").changed == {}
    assert versions[0] == versions[1] != versions[2]
    changed = ran(kernel, "chat.said.append(1)", "chat").changed["chat"].version
    assert changed != versions[2]


def test_a_live_object_that_a_restored_step_had_changed_stays_and_is_known_to_be_behind() -> None:
    """No placeholder takes the place of what the cells above have just made; what it lacks is
    known until the step runs again."""
    first = Kernel()
    first.run(CHAT)
    ran(first, "chat = Chat()", "Chat", "chat")
    delta = ran(first, "chat.said.append(1)", "chat", digest="b's", step="b")
    second = Kernel(first.artifacts)
    second.run(CHAT)
    ran(second, "chat = Chat()", "Chat", "chat")
    alive = second["chat"]
    assert given(second, delta, "chat", in_place={"chat"}) == ["chat"]
    assert second["chat"] is alive and second.namespace.behind("chat") == ("b",)
    assert second.namespace.version("chat") == delta.changed["chat"].version
    ran(second, "chat.said.append(1)", "chat", digest="b's", step="b")
    assert second.namespace.behind("chat") == ()


def test_a_step_that_bound_an_unstorable_value_leaves_a_placeholder() -> None:
    """The live object under that name is another one than the step had made."""
    first = Kernel()
    first.run(CHAT + "chat = Chat()")
    delta = ran(first, "chat = Chat()", "chat", digest="the step", step="b")
    second = Kernel(first.artifacts)
    second.run(CHAT + "chat = Chat()")
    assert given(second, delta, "chat") == ["chat"]
    assert type(second["chat"]) is Placeholder


def test_a_rewind_keeps_the_object_and_names_what_it_could_not_rewind() -> None:
    """The object is the one of that time, in a later state; going forth again it is as it was."""
    kernel = Kernel()
    kernel.run(CHAT)
    early = ran(kernel, "chat = Chat()", "Chat", "chat").changed["chat"]
    late = ran(kernel, "chat.said.append(1)", "chat").changed["chat"]
    alive = kernel["chat"]
    assert kernel.namespace.restore({"chat": early, "Chat": _of(kernel, "Chat")}) == ["chat"]
    assert kernel["chat"] is alive and kernel.namespace.behind("chat")
    assert kernel.namespace.restore({"chat": late, "Chat": _of(kernel, "Chat")}) == []
    assert kernel.namespace.behind("chat") == ()


def _of(kernel: Kernel, name: str) -> Binding:
    return kernel.namespace.bindings()[name]


def test_a_part_that_cannot_be_stored_is_the_live_object_of_its_name() -> None:
    """``result`` holds a chat that the cells make anew: restored, it holds the live one."""
    first = Kernel()
    first.run(CHAT + "chat = Chat()")
    delta = first.run("result = {'chat': chat, 'n': 1}")
    second = Kernel(first.artifacts)
    second.run(CHAT + "chat = Chat()")
    given(second, delta, "result")
    assert second["result"]["chat"] is second["chat"]


def test_a_change_of_an_unstorable_part_is_a_change_of_the_whole() -> None:
    """An agent with a chat inside is not what it was once that chat went on."""
    kernel = Kernel()
    kernel.run(CHAT + "class Agent: pass\nagent = Agent(); agent.chat = Chat(); agent.name = 'a'")
    before = kernel.namespace.version("agent")
    assert ran(kernel, "agent.name", "agent").changed == {}
    delta = ran(kernel, "agent.chat.said.append(1)", "agent")
    assert delta.changed["agent"].version != before


@pytest.mark.parametrize(
    ("make", "change"),
    [
        ("(i for i in range(9))", next),
        ("map(str, iter([1, 2, 3]))", next),
        ("iter({1: 2, 3: 4})", next),
        ("type('Box', (), {'__slots__': ('a',)})()", lambda box: setattr(box, "a", 1)),
        ("[(i for i in '')]", lambda found: found.append(2**70)),
        ("memoryview(bytearray(9))", lambda view: view.__setitem__(0, 7)),
        ("np.zeros(9)", lambda array: array.__setitem__(0, 7)),
    ],
)
def test_what_lies_open_in_an_object_tells_whether_it_changed(make: str, change: Any) -> None:
    """Its look is the same while nothing happens, and another one afterwards."""
    value = eval(make, {"np": np})
    before = unstorable.look(value)
    assert before == unstorable.look(value) != unstorable.CLOSED
    change(value)
    assert unstorable.look(value) != before


def test_an_object_that_shows_nothing_is_closed_and_one_that_lies_is_not_asked() -> None:
    """Nobody can tell whether the one changed; looking at the other raises nothing."""

    class Liar:
        @property
        def __dict__(self) -> Any:  # type: ignore[override]
            raise RuntimeError

    assert unstorable.look(object()) == unstorable.CLOSED
    assert unstorable.look(Liar()) == unstorable.look(Liar()) != unstorable.CLOSED


# -- random numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("random.seed(1)", {"random"}),
        ("np.random.seed(1)", {"numpy"}),
        ("rng.seed(1)", None),
        ("anything.seed_everything(3)", None),
        ("reset()", None),
        ("random.random()", set()),
        ("x.seedling(1)", set()),
    ],
)
def test_the_generators_that_code_seeds_are_known(code: str, expected: set[str] | None) -> None:
    """By the module the call names; None where it may be any, in a function of the notebook too."""
    import ast

    live: dict[str, Any] = {"__name__": "__main__", "random": random, "np": np}
    exec("def reset(): random.seed(2)", live)
    tree = ast.parse(code)
    loads = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    found = seeding.seeded(seeding.calls(tree), loads, live)
    assert found == (expected if expected is None else frozenset(expected))


def test_only_the_generators_that_a_step_drew_from_are_put_where_it_left_them() -> None:
    """Another one was seeded differently since, and stays there."""
    first = Kernel()
    first.run("import random, numpy as np")
    random.seed(1)
    np.random.seed(1)
    first.run("pass")
    delta = first.run("r = random.random()")
    second = Kernel(first.artifacts)
    np.random.seed(7)
    expected = np.random.RandomState(7).random_sample()
    second.run("import random, numpy as np")
    second.namespace.restore(
        {"r": delta.changed["r"]},
        random=delta.random,
        step=Restored("b", drawn={"random": randomness.UNSEEDED}),
    )
    assert np.random.random_sample() == expected
    following = random.random()
    random.seed(1)
    assert [random.random(), random.random()] == [second["r"], following]


COUNTED = """
class Job:
    made = 0
    def __init__(self): Job.made += 1
"""


@pytest.mark.parametrize("order", [1, -1])
def test_a_class_holds_what_it_was_stored_with_and_not_what_an_instance_was(order: int) -> None:
    """A class counts its instances. Each was stored with the class as it was then; what the class
    holds is what was stored under its own name, in whatever order they are loaded."""
    first = Kernel()
    first.run(COUNTED + "a = Job()")
    first.run("z = Job()", {"Job"})
    wanted = first.namespace.bindings()
    second = Kernel(first.artifacts)
    second.namespace.restore(dict(sorted(wanted.items())[::order]))
    assert second["Job"].made == 2
    assert type(second["a"]) is type(second["z"]) is second["Job"]


def test_a_value_that_is_loaded_later_leaves_its_class_as_it_is() -> None:
    """An instance that is loaded when it is needed, or only looked at, does not put its class back
    to what that was."""
    first = Kernel()
    first.run(COUNTED + "a = Job()\na.big = bytes(1 << 21)")
    delta = first.run("b = Job()", {"Job"})
    assert "a" not in delta.changed
    wanted = first.namespace.bindings()
    second = Kernel(first.artifacts)
    second.namespace.restore(wanted)
    assert len(second["a"].big) == 1 << 21
    second.namespace.need(None)
    second.namespace.load_value(wanted["a"], "a")
    assert second["Job"].made == 2


DESCRIBED = """
class Kept:
    def __init__(self): self.values = {}
    def __get__(self, at, owner=None): return self if at is None else self.values.get(at.name)
    def __set__(self, at, value): self.values[at.name] = value
class Holder:
    kept = Kept()
    name = "x"
holder = Holder()
"""


def test_what_a_descriptor_keeps_is_state_of_its_class() -> None:
    """Attributes may lie in a descriptor of the class: a step that sets one changes the class."""
    first = Kernel()
    first.run(DESCRIBED)
    delta = first.run("holder.kept = [5]", {"holder"})
    assert "Holder" in delta.changed
    second = Kernel(first.artifacts)
    second.run(DESCRIBED)
    second.namespace.restore(first.namespace.bindings())
    assert second["holder"].kept == [5]


def test_an_object_that_passes_on_what_it_is_asked_comes_back() -> None:
    """It is given what it holds before anybody asks it for anything; a class with slots too."""
    wrapper = (
        "class Wrapper:\n"
        "    {slots}\n"
        "    def __init__(self, client): self.client = client\n"
        "    def __getattr__(self, name): return getattr(self.client, name)\n"
    )
    for slots in ("pass", "__slots__ = ('client',)"):
        first = Kernel()
        delta = first.run(wrapper.format(slots=slots) + "w = Wrapper([3, 1])")
        assert not delta.changed["w"].why
        second = Kernel(first.artifacts)
        assert second.namespace.restore(delta.changed) == []
        assert second["w"].client == [3, 1] and second["w"].count(3) == 1


def test_what_can_share_no_more_is_told_from_what_is_not_there() -> None:
    """The live object, which a third name holds, was changed by code that nobody has seen: what is
    restored beside it holds what it did, in an object of its own."""
    first = Kernel()
    first.run("x = [1]")
    delta = first.run("y = {'inner': x}")
    second = Kernel(first.artifacts)
    second.run("x = [1]\nz = [x]")
    second["x"].append([2])
    assert given(second, delta, "y") == ["y"]
    assert second["y"] == {"inner": [1]} and second.namespace.is_there("y")
    lost = first.run("lines = (n for n in [1])")
    assert given(second, lost, "lines") == ["lines"] and not second.namespace.is_there("lines")


def test_code_that_runs_on_loading_finds_what_is_restored_with_it() -> None:
    """A class's own ``__setstate__`` may need another class, or a function, of the notebook."""
    code = (
        "def words(text): return list(map(Word, text.split()))\n"
        "class Word(str): pass\n"
        "class Document:\n"
        "    def __init__(self, text): self.words = words(text)\n"
        "    def __getstate__(self): return {'text': ' '.join(self.words)}\n"
        "    def __setstate__(self, state): self.__init__(state['text'])\n"
        "document = Document('some words')"
    )
    first = Kernel()
    delta = first.run(code)
    second = Kernel(first.artifacts)
    given(second, delta, *delta.changed)
    assert second["document"].words == ["some", "words"]
    assert type(second["document"].words[0]) is second["Word"]
    assert second.namespace.unread("document") == ""
