"""Values of two executions that differ in nothing but what was drawn while they ran."""

from __future__ import annotations

import datetime
import json
import threading
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from duranb.state import asking
from duranb.values.alike import alike
from duranb.values.drawn import Drawn, Window

WAS, NOW = 1_795_000_000.0, 1_795_700_000.0
"""When the two ran, for a minute each: in seconds since the epoch."""


class Message(SimpleNamespace):
    """Stands for an object of a library."""


class Own(SimpleNamespace):
    """Stands for one of the notebook's own class."""


def same(was: Any, now: Any, *, everywhere: bool = True) -> bool:
    """Whether they are alike, with classes that are a library's and the notebook's."""
    drawn = Drawn(*(Window(int(at * 1e6), int((at + 60) * 1e6)) for at in (WAS, NOW)))
    free = {Message: True, Own: False}.get
    return alike(was, now, drawn, {}, free, everywhere)


def at(seconds: float, zone: datetime.tzinfo | None = datetime.UTC) -> datetime.datetime:
    """A moment; without a zone, as a clock in a zone far from here shows it."""
    far = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    moment = datetime.datetime.fromtimestamp(seconds, zone or far)
    return moment if zone else moment.replace(tzinfo=None)


DRAWN: list[Callable[[float], Any]] = [
    lambda t: uuid.uuid4(),
    lambda t: f"chatcmpl-{uuid.uuid4().hex} and run {uuid.uuid4()}",
    lambda t: t + 3.5,
    lambda t: int(t),
    lambda t: int((t + 2) * 1e9),
    lambda t: at(t + 1),
    lambda t: at(t + 1, None),
    lambda t: at(t + 1).date(),
    lambda t: at(t + 1).isoformat(),
    lambda t: json.dumps({"id": str(uuid.uuid4()), "created": t + 1, "at": str(at(t))}).encode(),
    lambda t: {str(uuid.uuid4()): ["a", t]},
    lambda t: {"elapsed_ms": (t - WAS) / 1e4, "took": datetime.timedelta(seconds=1 + t / WAS)},
]


@pytest.mark.parametrize("make", DRAWN)
def test_what_a_library_drew_is_set_aside(make: Callable[[float], Any]) -> None:
    """UUIDs, and times within the execution, as objects, numbers and text; durations by name."""
    was, now = make(WAS), make(NOW)
    assert was != now
    assert same(was, now)
    assert same(Message(x=[was]), Message(x=[now]), everywhere=False)


@pytest.mark.parametrize("make", DRAWN)
def test_what_the_notebook_drew_itself_counts(make: Callable[[float], Any]) -> None:
    """Outside of the objects of libraries, and in those of the notebook's own classes."""
    was, now = make(WAS), make(NOW)
    assert not same([was], [now], everywhere=False)
    assert not same(Own(x=was), Own(x=now))
    assert not same(Message(x=Own(x=was)), Message(x=Own(x=now)))


A, B, C = (str(uuid.UUID(int=n, version=4)) for n in (7, 8, 9))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (1, 2),
        (0.91, 0.17),
        ({"score": 3}, {"score": 5}),
        ("Paris", "Rome"),
        (f"{A}: Paris", f"{B}: Rome"),
        ([A, A], [B, C]),
        ([A, B], [C, C]),
        ({"id": A, "of": A}, {"id": B, "of": A}),
        (WAS - 3600, NOW),
        (at(WAS), at(NOW + 3600)),
        (at(WAS).isoformat(), at(NOW - 86400 * 3).isoformat()),
        ("d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427f"),
        ({"elapsed_ms": 5}, {"elapsed_ms": 5e9}),
        ([1, 2], [1, 2, 3]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1, 2}, {1, 3}),
        (1, 1.0),
        (0.0, -0.0),
        (b"ab", b"ac"),
        (SimpleNamespace(x=1), SimpleNamespace(x=2)),
        (SimpleNamespace(x=1), SimpleNamespace(y=1)),
        (len, print),
        tuple(eval(f"lambda: {n}", {"__name__": "__main__"}) for n in (1, 2)),
    ],
)
def test_what_differs_differs(was: Any, now: Any) -> None:
    """Another content is never taken for what was drawn; an id stands for one and the same id."""
    assert not same(was, now)
    assert not same(Message(x=was), Message(x=now))
    assert same(was, was) and same([was], [was])


def test_a_duration_from_the_journal_may_be_longer_than_its_replay() -> None:
    """An answer tells how long it took when it was recorded; the replay takes a moment. Longer than
    the recorded execution it is another number."""
    drawn = Drawn(Window(10**15, 10**15 + 60_000_000), Window(10**15, 10**15 + 50_000))
    short, long = (datetime.timedelta(seconds=s) for s in (2, 100_000))
    for was, now, same in ((short / 2, short, True), (short, long, False)):
        pair = (
            [Message(_elapsed=was, took=was.total_seconds())],
            [Message(_elapsed=now, took=now.total_seconds())],
        )
        assert alike(*pair, drawn, {}, {Message: True}.get, False) is same


def test_order_of_attributes_is_of_no_account() -> None:
    """A library may assign them in the order of a set of names; a dict's order counts."""
    was, now = Message(a=1, b=A), Message(b=B, a=1)
    assert list(vars(was)) != list(vars(now)) and same(was, now)


def test_what_cannot_be_taken_apart_is_not_alike() -> None:
    """Nobody can tell. What holds itself comes to an end; methods of built-in types are told."""
    assert not same([threading.Lock()], [threading.Lock()])
    assert same([datetime.datetime.now, len], [datetime.datetime.now, len])
    assert same({"a": 1}.get, {"a": 1}.get) and not same({"a": 1}.get, {"a": 2}.get)
    assert same(Message(_hash=hash("a")), Message(_hash=hash("b")))
    was, now = [A], [B]
    was.append(was)  # type: ignore[arg-type]
    now.append(now)  # type: ignore[arg-type]
    assert same(was, now)


@pytest.mark.parametrize(
    ("code", "yes"),
    [
        ("x = agent.run('What time is it?')", False),
        ("x = time.time()", True),
        ("x = datetime.datetime.now()", True),
        ("x = pd.Timestamp.utcnow()", True),
        ("x = clock()", True),
        ("import uuid", True),
        ("from time import time as t", True),
        ("x = helper()", True),
        ("x = other()", False),
    ],
)
def test_code_that_asks_for_the_time_itself(code: str, yes: bool) -> None:
    """By any name, and by the notebook's own functions."""
    import ast
    import time

    live: dict[str, Any] = {"__name__": "__main__", "clock": time.time}
    exec("def deep():\n    return clock()\ndef helper():\n    return deep()", live)
    exec("def other():\n    return 1", live)
    tree = ast.parse(code)
    loads = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert asking.asks(tree, loads, live) is yes
    assert asking.asks(tree, None, live)


def test_where_an_object_lay_in_memory_is_of_no_account() -> None:
    """A library may keep the id of an object: each stands for one other, and other numbers do
    not."""
    one, two, three = (0x7FAE_0000_1000 + 16 * n for n in range(3))
    assert same(
        Message(by_agent_id={one: "a", two: "b"}), Message(by_agent_id={two: "a", one: "b"})
    )
    assert not same(Message(ids=[one, two]), Message(ids=[three, three]))
    assert not same(Message(bytes=one), Message(bytes=two))
    assert not same(Message(agent_id=one + 1), Message(agent_id=two + 1))
    assert not same(Own(agent_id=one), Own(agent_id=two))


def test_an_id_may_be_the_hash_of_a_drawn_one() -> None:
    """What is called an id is one, in an object and in what was written of it; each stands for one
    other. Other digits may be a checksum."""
    one, two, three = (f"{n:x}" * 32 for n in (1, 2, 3))

    def written(key: str) -> bytes:
        return b"\x82\xa2id\xd9 " + key.encode() + b"\xa4text\xa1a"

    def told(first: str, second: str) -> Message:
        text = f"Interrupt(id='{second}')"
        return Message(id=first, kept=[written(first)], text=text, ids=[json.dumps({"id": first})])

    assert same(told(one, two), told(three, one))
    assert not same(told(one, two), told(three, three))
    assert not same(Message(checksum=one), Message(checksum=two))
    assert not same(Message(kept=[written(one)]), Message(kept=[written(two) + b"b"]))
    assert not same(Own(id=one), Own(id=two))


def test_what_stands_for_a_credential_is_no_difference() -> None:
    """A client that is made without a key, and a response that still has its request."""
    was = Message(headers=[(b"Authorization", b"Bearer *secret*************")], key="sk-1")
    assert same(was, Message(headers=[(b"Authorization", b"Bearer not-needed")], key="not-needed"))
    assert not same(was, Message(headers=[(b"Authorization", b"Basic not-needed")], key="sk-1"))
    assert not same(Own(key="sk-1"), Own(key="not-needed"))
