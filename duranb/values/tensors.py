"""PyTorch's storages, pickled as the memory they are.

Torch itself pickles a storage as a file's worth of bytes, each time anew: two tensors on one
storage would come back apart, and nothing would tell that they share. Here the storage is an object
of the pickle like any other, with its memory out of band. Nothing imports torch; it is looked at
once the user's code has.
"""

from __future__ import annotations

import pickle
import sys
from typing import Any

from duranb.code.looking import module_of


def reduction(value: Any) -> tuple[Any, ...] | None:
    """How a storage in this machine's own memory is pickled; None for everything else."""
    if module_of(type(value)) != "torch.storage":
        return None
    torch = sys.modules["torch"]
    if type(value) is torch.storage.TypedStorage:
        return load_typed, (value._untyped_storage, value.dtype)
    if type(value) is torch.storage.UntypedStorage and value.device.type == "cpu":
        return load_storage, (pickle.PickleBuffer(_memory(torch, value)),)
    return None


def _memory(torch: Any, storage: Any) -> Any:
    """The storage's own bytes."""
    return torch.empty(0, dtype=torch.uint8).set_(storage).numpy()


def load_storage(memory: Any) -> Any:
    """A storage of its own with these bytes. (One upon the buffer itself could not be resized.)"""
    import torch  # type: ignore[import-not-found, unused-ignore]

    if not len(memory):
        return torch.UntypedStorage(0)
    return torch.frombuffer(memory, dtype=torch.uint8).clone().untyped_storage()


def load_typed(storage: Any, dtype: Any) -> Any:
    """What torch's own functions want around a storage."""
    import torch

    return torch.storage.TypedStorage(wrap_storage=storage, dtype=dtype, _internal=True)
