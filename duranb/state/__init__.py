"""The live namespace: what changed, what is shared, how it is captured and brought back."""

from duranb.state.namespace import Namespace, Restored
from duranb.state.previews import preview
from duranb.state.tracked import Delta, Mark
from duranb.state.unstorable import Code

__all__ = ["Code", "Delta", "Mark", "Namespace", "Restored", "preview"]
