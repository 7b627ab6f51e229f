"""The state of the random generators: Python's, NumPy's and PyTorch's global ones."""

from __future__ import annotations

import pickle
import random
import sys
from typing import Any

import xxhash


def state() -> dict[str, Any]:
    """The state of the generators that are loaded. Costs about 20 µs without PyTorch."""
    found: dict[str, Any] = {"random": random.getstate()}
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        found["numpy"] = numpy.get_state()
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        found["torch"] = torch.get_rng_state()
    return found


def set_state(found: dict[str, Any]) -> None:
    """Put the generators back; one whose library is not loaded is left out."""
    random.setstate(found["random"])
    numpy = sys.modules.get("numpy.random")
    if numpy is not None and "numpy" in found:
        numpy.set_state(found["numpy"])
    torch = sys.modules.get("torch")
    if torch is not None and "torch" in found:
        torch.set_rng_state(found["torch"])


def fingerprint(found: dict[str, Any]) -> str:
    """Tells whether a state is the one it was, in this process."""
    hasher = xxhash.xxh3_64(str(hash(found["random"])).encode())
    if "numpy" in found:
        name, keys, position, has_gauss, gauss = found["numpy"]
        hasher.update(keys.tobytes())
        hasher.update(f"{name} {position} {has_gauss} {gauss}".encode())
    if "torch" in found:
        hasher.update(found["torch"].numpy().tobytes())
    return hasher.hexdigest()


def encode(found: dict[str, Any]) -> bytes:
    """A state as bytes."""
    return pickle.dumps(found, protocol=5)


def decode(data: memoryview) -> dict[str, Any]:
    """The state that :func:`encode` wrote; only for bytes whose signature was checked."""
    found: dict[str, Any] = pickle.loads(data)
    return found
