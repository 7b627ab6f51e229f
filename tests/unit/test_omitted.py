"""What an object's own way of pickling leaves out, and another variable holds, belongs to both once
it is loaded."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from duranb.values import codec, omitted
from duranb.values.buffers import Known
from duranb.values.target import Target
from tests.unit.test_restored_sharing import recorded
from tests.unit.test_state import Memory

DOCUMENT = """
class Element:
    def __init__(self, word, parent=None):
        self.word, self.parent = word, parent
class Document:
    def __init__(self, text):
        self.builder = None
        self.parse(text)
    def parse(self, text):
        self.contents = [Element(word, self) for word in text.split()]
        self.first = self.contents[0]
    def text(self):
        return " ".join(each.word for each in self.contents)
    def __getstate__(self):
        return {**vars(self), "contents": [], "markup": self.text()}
    def __setstate__(self, state):
        vars(self).update(state)
        self.parse(self.markup)
document = Document("some words to read")
"""
"""It is pickled as a text, as BeautifulSoup's are."""

FIGURE = """
class Trace:
    def __init__(self, data, figure=None):
        self.data, self._figure = data, figure
    def __reduce__(self):
        return Trace, (dict(self.data),)
class Figure:
    def __init__(self, *data):
        self._data, self._traces = list(data), ()
        self._traces = tuple(Trace(each, self) for each in self._data)
    def __reduce__(self):
        return Figure, tuple(map(dict, self._data))
figure = Figure({"name": "a"}, {"name": "b"})
"""
"""It is pickled as what it says, as plotly's are; and so is each of its parts."""


def test_an_element_stays_in_its_document() -> None:
    """One that another variable has, and changes, is the one that the document has."""
    _, second = recorded(DOCUMENT, "element = document.contents[2]")
    assert second["element"] is second["document"].contents[2]
    second.run("element.word = 'and'")
    assert second["document"].text() == "some words and read"
    assert second["element"].parent is second["document"]


def test_a_part_stays_in_what_it_is_a_part_of() -> None:
    """Both are pickled by code of their own, that tells nothing of the other."""
    _, second = recorded(FIGURE, "trace = figure._traces[1]")
    second.run("trace.data['name'] = 'c'")
    assert second["figure"]._traces[1] is second["trace"]
    assert second["figure"]._data[1] == {"name": "c"} == second["trace"].data
    assert second["trace"]._figure is second["figure"]


def test_what_nothing_else_holds_is_pickled_as_its_class_says() -> None:
    """Code of its own is there for a reason."""
    first, second = recorded(DOCUMENT, "n = len(document.contents)")
    assert second["document"].markup == "some words to read"
    assert not hasattr(first["document"], "markup")


class Reader:
    """Something with an attribute that cannot be pickled."""

    def __init__(self, words: list[Any]) -> None:
        self.words = words
        self.lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"words": list(self.words)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["words"])  # type: ignore[misc]


def test_what_cannot_be_pickled_is_made_as_its_class_says() -> None:
    """A lock is the new one; the words are those that another variable has."""
    reader, artifacts = Reader(["a"]), Memory()
    made = codec.dump({"reader": reader, "words": reader.words}, {})
    loaded = codec.load(artifacts, made.put(artifacts, Known()), Target({}))
    assert loaded["reader"].words is loaded["words"] == ["a"]
    assert loaded["reader"].lock.acquire(blocking=False)


class Word:
    """It becomes something else when it is loaded."""

    def __init__(self, words: list[Any]) -> None:
        self.words = words

    def __reduce__(self) -> tuple[Any, ...]:
        return str, ("a word",)


def test_what_becomes_something_else_is_given_nothing() -> None:
    """A text has no attributes."""
    artifacts, words = Memory(), ["a"]
    made = codec.dump({"word": Word(words), "words": words}, {})
    loaded = codec.load(artifacts, made.put(artifacts, Known()), Target({}))
    assert loaded == {"word": "a word", "words": ["a"]}


@pytest.mark.parametrize("state", [{"a": 1}, (None, {"b": 2}), ({"a": 1}, {"b": 2}), None])
def test_a_state_is_given_as_pickle_gives_it(state: Any) -> None:
    """Attributes and slots, and then what it held."""

    class Made:
        __slots__ = ("__dict__", "b")

    made: Any = Made()
    omitted.put(made, (state, None, {"c": 3}))
    attributes, slots = state if type(state) is tuple else (state, None)
    assert vars(made) == {**(attributes or {}), "c": 3}
    assert getattr(made, "b", None) == (slots or {}).get("b")
