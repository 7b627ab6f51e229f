"""Tools: real functions, with a schema as chat APIs want it."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import functools
import inspect
import pickle
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, TypedDict

import pandas as pd
import pytest
from pydantic import BaseModel, Field

import duranb
from duranb.errors import UsageError


@duranb.tool
def send(to: str, text: str = "hi") -> str:
    """Send a message.

    To somebody.

    Args:
        to: Who gets it.
    """
    return f"{to} {text}"


@duranb.tool(idempotent=True)
async def asend(to: str) -> str:
    """Send it later."""
    return to


class Desk:
    """Tools as methods."""

    @duranb.tool
    def send(self, to: str) -> str:
        """Send a message."""
        return f"{type(self).__name__} {to}"

    @duranb.tool
    async def asend(self, to: str) -> str:
        """Send it later."""
        return f"{type(self).__name__} {to}"

    @classmethod
    @duranb.tool
    def of_class(cls, to: str) -> str:
        """Send a message."""
        return f"{cls.__name__} {to}"

    @duranb.tool
    @classmethod
    def around_class(cls, to: str) -> str:
        """Send a message."""
        return f"{cls.__name__} {to}"

    @staticmethod
    @duranb.tool
    def static(to: str) -> str:
        """Send a message."""
        return f"Desk {to}"

    @duranb.tool
    @staticmethod
    def around_static(to: str) -> str:
        """Send a message."""
        return f"Desk {to}"


class Called:
    """An object that can be called."""

    async def __call__(self, to: str) -> str:
        """Send a message."""
        return to


desk = Desk()
SHAPES: dict[str, Callable[..., Any]] = {
    "function": send,
    "coroutine function": asend,
    "method": desk.send,
    "coroutine method": desk.asend,
    "class method": Desk.of_class,
    "around a class method": Desk.around_class,
    "static method": desk.static,
    "around a static method": Desk.around_static,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_tool_is_a_function(shape: str) -> None:
    """Whatever it is made of: called, inspected, pickled and described as that."""
    made = SHAPES[shape]
    is_async = "coroutine" in shape
    assert inspect.isfunction(made) or inspect.ismethod(made)
    assert inspect.iscoroutinefunction(made) is is_async
    assert next(iter(inspect.signature(made).parameters)) == "to"
    assert made.__doc__ and made.__doc__.startswith("Send") and made.__annotations__["to"] == "str"
    assert made.schema["function"]["name"] == made.__name__  # type: ignore[attr-defined]
    assert "self" not in str(made.schema) and "cls" not in str(made.schema)  # type: ignore[attr-defined]
    result = made(to="ann")
    assert "ann" in (asyncio.run(result) if is_async else result)
    assert pickle.loads(pickle.dumps(made)).__qualname__ == made.__qualname__


def test_what_can_be_called_can_be_a_tool() -> None:
    """An object with an async call gives a coroutine function, a partial a function."""
    made = duranb.tool(Called())
    assert inspect.iscoroutinefunction(made) and made.__name__ == "Called"
    assert asyncio.run(made("ann")) == "ann"
    part = duranb.tool(functools.partial(send, text="bye"))
    assert part("ann") == "ann bye"


class Color(enum.Enum):
    """Some colours."""

    RED = "red"
    BLUE = "blue"


class Line(BaseModel):
    title: str = Field(description="What it says")
    count: int = Field(default=1, ge=1)
    below: list[Line] = []


@dataclasses.dataclass
class Person:
    name: str
    age: int | None = None


class Place(TypedDict):
    city: str
    code: typing.NotRequired[str]


def parameters(fn: Callable[..., Any]) -> dict[str, Any]:
    """The schema of the parameters of a tool made of ``fn``."""
    found: dict[str, Any] = duranb.tool(fn).schema["function"]["parameters"]
    return found


def objects(schema: object) -> Iterator[dict[str, Any]]:
    """All schemas of objects in a schema."""
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict):
            yield schema
        for each in schema.values():
            yield from objects(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from objects(each)


def test_the_schema_is_that_of_strict_mode() -> None:
    """Objects are closed, everything is required, defaults are told in words, references stand
    alone; nested models, dataclasses, typed dicts, enums and literals are described."""

    @duranb.tool
    def order(
        line: Annotated[Line, "The first line"],
        who: Person | None,
        where: list[Place],
        colour: Color = Color.RED,
        size: Literal["s", "m"] = "s",
        tags: set[str] = frozenset(),  # type: ignore[assignment]
        note: str = None,  # type: ignore[assignment]  # noqa: RUF013
        kind: str = Field(default="new", description="Which kind"),
    ) -> None:
        """Order it."""

    schema = order.schema["function"]
    assert schema["strict"] is True
    found = list(objects(schema["parameters"]))
    assert len(found) == 5
    for each in found:
        assert each["additionalProperties"] is False
        assert each["required"] == list(each["properties"])
    properties = schema["parameters"]["properties"]
    assert properties["line"]["description"] == "The first line"
    assert properties["line"]["properties"]["title"]["description"] == "What it says"
    assert properties["who"]["anyOf"] == [{"$ref": "#/$defs/Person"}, {"type": "null"}]
    assert properties["size"]["enum"] == ["s", "m"]
    assert properties["size"]["description"] == '(default: "s")'
    assert properties["note"]["anyOf"][1] == {"type": "null"}
    assert properties["kind"]["description"] == 'Which kind (default: "new")'
    text = str(schema)
    assert not any(f"'{word}':" in text for word in ("default", "uniqueItems"))


def test_what_may_be_anything_is_not_strict() -> None:
    """A dict with any keys, Any, a tuple: the schema says what they are, and that it is not."""
    for hint in (dict[str, int], Any, tuple[int, str], list):
        fn = typing.cast(Any, lambda x: x)
        fn.__annotations__ = {"x": hint}
        assert duranb.tool(fn).schema["function"]["strict"] is False


STYLES = {
    "google": "Do it.\n\nNow.\n\nArgs:\n    x: The number\n\nReturns:\n    nothing",
    "numpy": "Do it.\n\nNow.\n\nParameters\n----------\nx : int\n    The number\n",
    "sphinx": "Do it.\n\nNow.\n\n:param x: The number\n:returns: nothing\n",
}


@pytest.mark.parametrize("style", STYLES)
def test_descriptions_come_from_the_docstring(style: str) -> None:
    """What comes before its sections describes the tool, the rest its parameters."""

    def fn(x: int) -> None: ...

    fn.__doc__ = STYLES[style]
    assert duranb.tool(fn).schema["function"]["description"] == "Do it.\n\nNow."
    assert parameters(fn)["properties"]["x"]["description"] == "The number"


def _stars(*args: int) -> None: ...
def _options(**options: int) -> None: ...
def _position(x: int, /) -> None: ...
def _bare(x) -> None: ...  # type: ignore[no-untyped-def]
def _frame(x: pd.DataFrame) -> None: ...
def _deep(x: list[Callable[[int], int]]) -> None: ...
def _later(x: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def _many(x: int) -> Iterator[int]:
    yield x


REFUSED: dict[Callable[..., Any], str] = {
    _stars: r"\*args",
    _options: r"\*\*options",
    _position: "'x' is positional only",
    _bare: "'x' has no annotation",
    _frame: "'x' has no JSON schema.*DataFrame",
    _deep: "'x' has no JSON schema",
    _later: "'Nowhere', which is not defined yet",
    _many: "it yields",
}


@pytest.mark.parametrize("fn", REFUSED, ids=lambda fn: fn.__name__)
def test_what_no_model_could_call_is_refused(fn: Callable[..., Any]) -> None:
    """At decoration, with the reason."""
    with pytest.raises(UsageError, match=REFUSED[fn]):
        duranb.tool(fn)
