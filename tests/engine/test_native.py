"""Objects whose state lies where Python does not show it: in C, and behind addresses."""

from __future__ import annotations

import collections
import ctypes
import dataclasses
import io
import random
import types
from typing import Any

import pytest

from duranb.errors import NotRestorable
from duranb.values import native
from tests.engine.world import World

PARSER = (
    "from xml.etree.ElementTree import XMLParser\n"
    "class Parser(XMLParser):\n    pass\n"
    "class Wrapped:\n"
    "    def __init__(self): self.parser, self.fed = XMLParser(), 0\n"
    "    def feed(self, text): self.parser.feed(text)\n"
    "    def close(self): return self.parser.close()"
)
BEHIND = (
    "import ctypes\n"
    "buffer = ctypes.create_string_buffer(8)\n"
    "class Handle:\n"
    "    def __init__(self): self.at = ctypes.c_void_p(ctypes.addressof(buffer))\n"
    "    def feed(self, text): ctypes.memmove(self.at, text.encode(), len(text))\n"
    "    def close(self): return ctypes.string_at(self.at)"
)

MADE = {
    "a class made in C": (PARSER, "p = XMLParser()"),
    "a class derived from one": (PARSER, "p = Parser()"),
    "an attribute of an open object": (PARSER, "p = Wrapped()"),
    "an address": (BEHIND, "p = Handle()"),
}


@pytest.mark.parametrize("how", MADE)
def test_a_step_that_changed_it_out_of_sight_is_not_overlooked(world: World, how: str) -> None:
    """Once that step is edited, those that use the object are not restored."""
    define, make = MADE[how]
    world.plain(define)
    steps = {"make": make, "feed": "p.feed('<a>x</a>')", "use": "got = p.close()"}
    for name, source in steps.items():
        world.cell(name, source)
    steps["feed"] = "p.feed('<b>y</b>')"
    for name, source in steps.items():
        if name == "make":  # here it makes a new one: nothing could be put back into this one
            world.plain(source)
        else:
            world.cell(name, source)
    assert not world.last("use").of


def test_a_step_that_needs_what_is_not_there_stops_first_and_it_is_made_again(world: World) -> None:
    """Code that looks at the type of what it is given would take another way."""
    steps = {
        "make": PARSER + "\np = Parser()",
        "use": "kind = 'a parser' if isinstance(p, XMLParser) else 'none'",
    }
    for name, source in steps.items():
        world.cell(name, source)
    steps["use"] = steps["use"].replace("none", "nothing")
    world.start()
    world.cell("make", steps["make"])
    with pytest.raises(NotRestorable, match="could not be brought back"):
        world.cell("use", steps["use"])
    world.start()
    for name, source in steps.items():
        world.cell(name, source)
    assert world.live["kind"] == "a parser"
    assert world.last("make").reason.startswith("step 'use' needs p")


def test_addresses_are_not_stored(world: World) -> None:
    """Those of a class derived from ``c_void_p`` pickle, and lead nowhere in another process."""
    world.plain("import ctypes\nclass Ptr(ctypes.c_void_p): pass")
    world.cell("make", "p, none = Ptr(140_000_000), Ptr(None)")
    made = world.last("make")
    assert "an address in memory" in made.unstored["p"] and "none" not in made.unstored


class Slots:
    __slots__ = ("a", "b")


class Weak(Slots):
    __slots__ = ("__weakref__",)


@dataclasses.dataclass(slots=True)
class Data:
    a: int = 1


class Words(list[str]):
    pass


class Pair(tuple[int, int]):
    pass


class Table(dict[str, int]):
    __slots__ = ("name",)


class Number(int):
    pass


class Failure(Exception):
    pass


OPEN: list[type] = [Slots, Weak, Data, Words, Pair, Table, Number, Failure, collections.Counter]
OPEN += [types.SimpleNamespace, collections.namedtuple("Point", "x y"), collections.ChainMap]


@pytest.mark.parametrize("kind", OPEN, ids=lambda kind: kind.__name__)
def test_what_python_shows_hides_nothing(kind: type) -> None:
    """Attributes, slots, and the content of Python's own types."""
    assert not native.hides_state(kind)


class Draws(random.Random):
    pass


class Page(io.StringIO):
    pass


@pytest.mark.parametrize("kind", [random.Random, Draws, io.StringIO, Page, types.GeneratorType])
def test_what_is_made_in_c_hides_its_state(kind: type) -> None:
    """And what is derived from that."""
    assert native.hides_state(kind)


class Place(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("name", ctypes.c_char_p)]


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double * 3)]


ADDRESSES: list[Any] = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_int), ctypes.py_object, Place]
ADDRESSES += [ctypes.CFUNCTYPE(None), ctypes.c_char_p * 2]


def test_addresses_are_told_from_numbers() -> None:
    """Also among the fields of a structure, and in arrays."""
    assert all(map(native.is_address, ADDRESSES))
    assert not any(map(native.is_address, [ctypes.c_int, Point, ctypes.c_char * 3, int, Words]))
