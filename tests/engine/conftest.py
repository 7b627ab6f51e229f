"""What the engine's tests share: a notebook in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.world import Model, World


@pytest.fixture
def world() -> Iterator[World]:
    """A notebook without kernel, disk or network."""
    made = World()
    yield made
    made.runtime.close()


@pytest.fixture
def model(world: World) -> Model:
    """The model that its cells ask."""
    return world.model
