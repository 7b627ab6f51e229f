"""The live namespace: what changed, what is shared, how it is captured and brought back."""

from duranb.state.namespace import Delta, Mark, Namespace
from duranb.state.previews import preview

__all__ = ["Delta", "Mark", "Namespace", "preview"]
