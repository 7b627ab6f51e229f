"""The kinds of objects that notebooks hold, and what becomes of each: a table.

``make`` binds ``x``; ``change`` changes it in place (empty where nothing can); ``show`` is an
expression of ``x`` whose repr tells two values apart. ``fate`` is what has to become of it: it is
*stored*, *remade* by a factory, or *refused*: then a placeholder stands there and says so.
"""

from tests.peers.kinds.arrays import arrays, frames
from tests.peers.kinds.frameworks import frameworks
from tests.peers.kinds.hostile import hostile
from tests.peers.kinds.kind import Kind
from tests.peers.kinds.library import library
from tests.peers.kinds.more_arrays import more_arrays, more_frames
from tests.peers.kinds.more_library import more_library
from tests.peers.kinds.more_python import classes, functions
from tests.peers.kinds.more_science import more_science
from tests.peers.kinds.plain import defined, plain
from tests.peers.kinds.science import science
from tests.peers.kinds.tools import tools

KINDS = [
    *plain(),
    *defined(),
    *classes(),
    *functions(),
    *library(),
    *more_library(),
    *arrays(),
    *frames(),
    *more_arrays(),
    *more_frames(),
    *science(),
    *more_science(),
    *tools(),
    *frameworks(),
    *hostile(),
]
"""All of them."""

__all__ = ["KINDS", "Kind"]
