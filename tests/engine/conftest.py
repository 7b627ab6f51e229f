"""What the engine's tests share: a notebook in memory."""

from __future__ import annotations

import pytest

from tests.engine.world import Model, World


@pytest.fixture
def world() -> World:
    """A notebook without kernel, disk or network."""
    return World()


@pytest.fixture
def model(world: World) -> Model:
    """The model that its cells ask."""
    return world.model
