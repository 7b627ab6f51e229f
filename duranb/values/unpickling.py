"""Unpickling what this version, or an earlier one, has pickled.

A pickle names functions by their module. Those of earlier versions lay in ``duranb.pure``, so such
a name is looked up where its module is now.
"""

from __future__ import annotations

import importlib.util
import io
import pickle
from collections.abc import Iterable
from typing import Any

from duranb.record.artifacts import Buffer
from duranb.values import nans

_EARLIER = "duranb.pure."

_ROOMS = ("duranb.values", "duranb.record", "duranb.code", "duranb.text", "duranb")


def home(module: str) -> str:
    """The name under which a module that a pickle names is imported today."""
    if not module.startswith(_EARLIER):
        return module
    name = module.removeprefix(_EARLIER)
    places = (f"{room}.{name}" for room in _ROOMS)
    return next((place for place in places if importlib.util.find_spec(place)), module)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, *, buffers: Iterable[Buffer]) -> None:
        super().__init__(file, buffers=buffers)
        self._nans = nans.Known()

    def find_class(self, module: str, name: str) -> Any:
        """A global of a module, wherever that is today."""
        return super().find_class(home(module), name)

    def persistent_load(self, reference: Any) -> Any:
        """What is not in the pickle: a secret, or a certain NaN."""
        from duranb.values import secreted  # it knows arrays, and those how they are unpickled

        found = self._nans.load(reference)
        return secreted.load(reference) if found is None else found


def loads(data: Buffer, buffers: Iterable[Buffer] = ()) -> Any:
    """The value of a pickle; see :func:`pickle.loads`."""
    return _Unpickler(io.BytesIO(data), buffers=buffers).load()
