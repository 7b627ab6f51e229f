"""pandas' frames, series and indexes, pickled with what they know of each other's memory.

Two of them may look at the same memory: pandas notes beside it who does, and copies before it
writes. Pickled the usual way each comes back with a note of its own, and a write to a column would
show in the frame that it was taken from.
"""

from __future__ import annotations

import sys
from typing import Any

from duranb.code.looking import module_of, name_of, own

_BLOCKS = "pandas.core.internals.blocks"
_MANAGERS = "pandas.core.internals.managers"
_NOTES = "pandas._libs.internals"


def reduction(obj: Any) -> tuple[Any, ...] | None:
    """How a block, a manager of one, an index, or a note of who looks at some memory is pickled;
    None for anything else."""
    kind = type(obj)
    module = module_of(kind)
    if module.partition(".")[0] != "pandas":
        return None
    if is_note(obj):
        return _note, ()
    if module == _BLOCKS and hasattr(obj, "refs"):
        return (*obj.__reduce__(), obj.refs, None, None, _note_block)
    if module == _MANAGERS and name_of(kind) == "SingleBlockManager":
        make, arguments, state, *_ = obj.__reduce_ex__(5)
        return make, arguments, (state, obj.blocks[0].refs), None, None, _set_manager
    if issubclass(kind, sys.modules["pandas"].Index):
        note = own(obj).get("_references")
        if note is not None:
            make, arguments, *_ = obj.__reduce__()
            return make, arguments, note, None, None, _note_index
    return None


def is_note(obj: object) -> bool:
    """Whether this is what pandas notes of who looks at some memory."""
    kind = type(obj)
    return module_of(kind) == _NOTES and name_of(kind) == "BlockValuesRefs"


def _note() -> Any:
    return sys.modules[_NOTES].BlockValuesRefs()


def _note_block(block: Any, note: Any) -> None:
    block.refs = note
    note.add_reference(block)


def _set_manager(manager: Any, state: tuple[Any, Any]) -> None:
    manager.__setstate__(state[0])
    _note_block(manager.blocks[0], state[1])


def _note_index(index: Any, note: Any) -> None:
    index._references = note
    note.add_index_reference(index)
