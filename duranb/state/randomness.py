"""The state of the random generators: Python's, NumPy's and PyTorch's global ones."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Collection, Mapping
from typing import Any

import xxhash

UNSEEDED = "unseeded"
"""Where a generator stands that no code of the notebook has seeded."""

OWN = "own seed"
"""Where a step's generator stood is of no account: the step seeds it itself."""


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


def set_state(found: Mapping[str, Any], only: Collection[str] = ()) -> None:
    """Put the generators back (``only`` these, if any are named); one whose library is not loaded
    is left out."""
    wanted = {name: s for name, s in found.items() if not only or name in only}
    if "random" in wanted:
        random.setstate(wanted["random"])
    numpy = sys.modules.get("numpy.random")
    if numpy is not None and "numpy" in wanted:
        numpy.set_state(wanted["numpy"])
    torch = sys.modules.get("torch")
    if torch is not None and "torch" in wanted:
        torch.set_rng_state(wanted["torch"])


class Standing:
    """Where the generators stand, and which of them were put there by a seed of the notebook's."""

    def __init__(self) -> None:
        self._at: dict[str, str] = {}
        self._seeded: set[str] = set()

    def moved(self, found: Mapping[str, Any]) -> set[str]:
        """The generators that do not stand where they stood; from now on they stand there."""
        now = fingerprints(found)
        moved = {name for name, at in now.items() if self._at.get(name) != at}
        self._at.update(now)
        return moved

    def seeded(self, names: Collection[str], *, yes: bool = True) -> None:
        """These generators were seeded by the notebook; or they were not, where they stand now."""
        (self._seeded.update if yes else self._seeded.difference_update)(names)

    @property
    def at(self) -> dict[str, str]:
        """Where each one stands."""
        return dict(self._at)

    def told(self) -> dict[str, str]:
        """Where each one stands, as far as that is the notebook's doing."""
        return {n: at if n in self._seeded else UNSEEDED for n, at in list(self._at.items())}


def fingerprints(found: Mapping[str, Any]) -> dict[str, str]:
    """Tells of each generator whether its state is the one it was, in every process."""
    told = {}
    for name, at in found.items():
        if name == "numpy":
            algorithm, keys, position, has_gauss, gauss = at
            hasher = xxhash.xxh3_64(keys.tobytes())
            hasher.update(f"{algorithm} {position} {has_gauss} {gauss}".encode())
        elif name == "torch":
            hasher = xxhash.xxh3_64(at.numpy().tobytes())
        else:
            algorithm, numbers, gauss = at  # numbers hash alike in every process, None does not
            hasher = xxhash.xxh3_64(f"{algorithm} {hash(numbers)} {gauss}".encode())
        told[name] = hasher.hexdigest()
    return told


def encode(found: dict[str, Any]) -> bytes:
    """A state as bytes."""
    return pickle.dumps(found, protocol=5)


def decode(data: memoryview) -> dict[str, Any]:
    """The state that :func:`encode` wrote; only for bytes whose signature was checked."""
    found: dict[str, Any] = pickle.loads(data)
    return found
