"""The live namespace: what changed, what is shared, how it is captured and brought back."""

from duranb.state.namespace import Namespace
from duranb.state.previews import preview
from duranb.state.tracked import Delta, Mark, Restored
from duranb.state.unstorable import Code

__all__ = ["Code", "Delta", "Mark", "Namespace", "Restored", "preview"]
