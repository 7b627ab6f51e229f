"""The live namespace: what changed, what is shared, how it is captured and brought back."""

from duranb.state.namespace import Namespace
from duranb.state.previews import preview
from duranb.state.tracking import Delta, Mark

__all__ = ["Delta", "Mark", "Namespace", "preview"]
