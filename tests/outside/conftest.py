"""The engine's notebook in memory, for tests whose other side is real."""

from tests.engine.conftest import model, world

__all__ = ["model", "world"]
