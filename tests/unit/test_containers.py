"""Which containers large values of texts and numbers are made of is found without the pickler."""

from __future__ import annotations

import random
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from duranb.values import codec, remembered
from duranb.values.containers import containers

MOST = 1_000_000


def made(rng: random.Random, depth: int, there: list[Any]) -> Any:
    """A container of containers, texts and numbers; some of them are ``there`` twice."""
    if depth == 0 or rng.random() < 0.2:
        return rng.choice([rng.random(), rng.randrange(9), str(rng.random()), None, b"x", True])
    if there and rng.random() < 0.2:
        return rng.choice(there)
    parts = [made(rng, depth - 1, there) for _ in range(rng.randrange(4))]
    keys = [(str(rng.random()), rng.randrange(9)) for _ in parts]
    ways: list[Callable[[], Any]] = [
        lambda: parts,
        lambda: tuple(parts),
        lambda: dict(zip(map(str, keys), parts, strict=True)),
        lambda: dict(zip(keys, parts, strict=True)),
        lambda: OrderedDict(zip(keys, parts, strict=True)),
        lambda: defaultdict(list, zip(keys, parts, strict=True)),
        lambda: Counter(keys),
        lambda: set(keys),
        lambda: frozenset(keys),
    ]
    found = rng.choice(ways)()
    there.append(found)
    return found


def test_they_are_those_that_the_pickler_meets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any such value they are the very objects that pickling meets, as often as one is there,
    and in circles: so what shares state is the same either way."""
    for seed in range(60):
        rng = random.Random(seed)
        there: list[Any] = []
        value = made(rng, 5, there)
        for each in there:
            if type(each) is list and rng.random() < 0.1:
                each.append(value)
        values = {"a": value, "b": there[:1]}
        monkeypatch.setattr(remembered, "_MANY", MOST)
        met = dict(codec.dump(values, {}).reached)
        monkeypatch.setattr(remembered, "_MANY", 0)
        monkeypatch.setattr(remembered, "_WAYS", MOST)
        assert codec.dump(values, {}).reached == met, seed


def test_what_holds_anything_else_is_left_to_the_pickler() -> None:
    """An instance, an attribute, what makes missing items, a subclass: nothing is said of values
    that hold one of them, nor of those that hold too much."""

    class Own(list[int]):
        pass

    counter = Counter("text")
    counter.more = []  # type: ignore[attr-defined]
    odd: tuple[Any, ...] = (
        object(),
        bytearray(),
        Own(),
        defaultdict(lambda: [1]),
        counter,
        len,
        complex(1),
    )
    for each in odd:
        assert containers([[each]], MOST) is None
        assert containers([{("key", 1): (each,)}], MOST) is None
    assert containers([[[1] * 10] * 10], 8) is None
    assert len(containers([[[1] * 10] * 10], MOST) or ()) == 2
    nested: Any = ()
    for _ in range(100):
        nested = (nested, nested)
    assert containers([nested], MOST) is None


def test_a_large_value_is_told_without_an_entry_for_each_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hundred thousand pairs of texts are not asked of the pickler one by one."""
    monkeypatch.setattr(remembered, "_without_texts", None)
    pairs = Counter((str(i), str(-i)) for i in range(100_000))
    dump = codec.dump({"pairs": pairs}, {})
    assert list(dump.reached) == [id(pairs)]
