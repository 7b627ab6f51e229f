"""What functions and random generators hold, put into others that are alive.

A callback that counts in a variable of its closure, or in an attribute, is held by whoever calls
it; a generator by whoever draws from it.
"""

from __future__ import annotations

import random
import types
from dataclasses import dataclass
from typing import Any

from duranb.code.looking import full_name
from duranb.state.placeholder import Placeholder
from duranb.values import contents
from duranb.values.definitions import content


@dataclass
class Called:
    """A function's attributes, annotations (of which there is one dict for those that wrap each
    other), defaults, and what its variables hold."""

    attributes: dict[str, Any]
    annotations: dict[str, Any]
    defaults: tuple[Any, ...] | None
    by_name: dict[str, Any] | None
    variables: list[tuple[Any, ...]]

    def into(self, alive: types.FunctionType) -> None:
        """Give it to another one of the same code."""
        contents.refill(alive.__dict__, self.attributes.items())
        alive.__annotations__ = self.annotations
        alive.__defaults__, alive.__kwdefaults__ = self.defaults, self.by_name
        for variable, held in zip(alive.__closure__ or (), self.variables, strict=True):
            if held and type(held[0]) is Placeholder:
                continue  # what could not be brought back is still there in this one
            if held:
                variable.cell_contents = held[0]
            elif content(variable):
                del variable.cell_contents


@dataclass
class Drawn:
    """Where a random generator stands."""

    state: Any

    def into(self, alive: Any) -> None:
        """Have another one of the type go on from there."""
        if type(alive) is random.Random:
            alive.setstate(self.state)
        elif full_name(type(alive)) == _RANDOM_STATE:
            alive.set_state(self.state)
        else:
            alive.bit_generator.__setstate__(self.state)


def given(loaded: Any, alive: Any) -> Called | Drawn | None:
    """What a function or generator that is alive would take in to be what the ``loaded`` one of its
    type is; None where it cannot."""
    kind = type(loaded)
    if kind is types.FunctionType:
        if loaded.__code__ != alive.__code__:
            return None
        held = [content(variable) for variable in loaded.__closure__ or ()]
        return Called(
            dict(loaded.__dict__),
            loaded.__annotations__,
            loaded.__defaults__,
            loaded.__kwdefaults__,
            held,
        )
    if kind is random.Random:
        return Drawn(loaded.getstate())
    if full_name(kind) == _RANDOM_STATE:
        return Drawn(loaded.get_state(legacy=False)) if _one_way(loaded, alive) else None
    if full_name(kind) == _GENERATOR and _one_way(loaded, alive):
        return Drawn(loaded.bit_generator.__reduce__()[2])
    return None


def standing(loaded: Any, alive: Any) -> dict[int, object]:
    """What is in the live one stands for what is in the other one, by its id."""
    if type(loaded) is types.FunctionType:
        pairs = zip(loaded.__closure__ or (), alive.__closure__ or (), strict=True)
        return {id(variable): its for variable, its in pairs}
    if full_name(type(loaded)) == _GENERATOR:
        return {id(loaded.bit_generator): alive.bit_generator}
    return {}


def _one_way(loaded: Any, alive: Any) -> bool:
    """Whether two generators of NumPy's draw in one way."""
    name = "_bit_generator"
    return type(getattr(loaded, name)) is type(getattr(alive, name))


_GENERATOR = "numpy.random._generator.Generator"
_RANDOM_STATE = "numpy.random.mtrand.RandomState"
