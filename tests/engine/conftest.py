"""What the engine's tests share: a notebook in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from duranb.engine import runtime
from tests.engine.world import Model, World


@pytest.fixture(autouse=True)
def _worlds_end() -> Iterator[None]:
    """The notebook of a test ends with it, in whatever way it was made."""
    yield
    if left := runtime.active():
        left.close()


@pytest.fixture
def world() -> World:
    """A notebook without kernel, disk or network."""
    return World()


@pytest.fixture
def model(world: World) -> Model:
    """The model that its cells ask."""
    return world.model
