"""The variables that a node takes and gives, followed as a namespace of their own.

Under each variable's name (:mod:`duranb.temporal.board`) lies its value. Loading, what shares state
with what, what was changed in place, and storing are the same as in a notebook's kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from duranb.code.fingerprint import Uses
from duranb.record.artifacts import Artifacts, Buffer
from duranb.record.events import Binding
from duranb.state import Namespace
from duranb.store import files
from duranb.temporal.board import Ref


class Variables:
    """What one node works on. ``artifacts`` is where the values of all nodes lie."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._live: dict[str, Any] = {}
        self._staged = _Staged(artifacts)
        self._namespace = Namespace(self._live, self._staged, Uses(self._live, root=Path()))

    def take(self, refs: dict[str, Ref]) -> None:
        """Load values. Raises :class:`duranb.errors.StoreError`, and what loading raises."""
        stored = {v: msgspec.convert(ref, Binding) for v, ref in refs.items() if "json" not in ref}
        self._namespace.restore(stored)
        self._namespace.need(None)
        self._live.update({v: ref["json"] for v, ref in refs.items() if "json" in ref})

    def take_copy(self, variable: str, value: Any) -> None:
        """Follow a copy of a variable of ``steps.py``, which the node may change; itself where it
        cannot be copied."""
        binding = self._namespace.capture_value(value)
        self._live[variable] = self._namespace.load_value(binding) if binding.artifact else value

    def __getitem__(self, variable: str) -> Any:
        return self._live[variable]

    def watch(self) -> None:
        """From now on changes count."""
        self._namespace.touched(None)
        self._namespace.sync()
        self._namespace.is_recorded()

    def give(self, made: dict[str, Any]) -> None:
        """Bind what the node has made."""
        self._live.update(made)

    def keep(self) -> dict[str, Ref]:
        """Store what was made or changed since :meth:`watch`, durable when this returns; where each
        lies. Raises :class:`duranb.errors.StoreError`."""
        self._namespace.touched(None)
        changed = self._namespace.sync().changed
        self._staged.publish(b.artifact for b in changed.values() if b.artifact)
        # What lies in the variables is nobody's business where the references go.
        found = {v: msgspec.structs.replace(b, preview="") for v, b in changed.items()}
        return {v: msgspec.to_builtins(b) for v, b in found.items()}


class _Staged:
    """Artifacts that are kept in memory until it is known that they are wanted."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts
        self._staged: dict[str, bytes] = {}

    def put(self, parts: Sequence[Buffer]) -> str:
        """See :meth:`duranb.record.artifacts.Artifacts.put`; durable once published."""
        data = b"".join(parts)
        digest = files.digest_of([memoryview(data)])
        self._staged[digest] = data
        return digest

    def get(self, digest: str) -> memoryview:
        """See :meth:`duranb.record.artifacts.Artifacts.get`."""
        staged = self._staged.get(digest)
        return self._artifacts.get(digest) if staged is None else memoryview(staged)

    def copy(self, digest: str) -> memoryview:
        """See :meth:`duranb.record.artifacts.Artifacts.copy`."""
        return memoryview(bytearray(self.get(digest)))

    def publish(self, digests: Iterable[str]) -> None:
        """Keep these for good."""
        for digest in dict.fromkeys(digests):
            if digest in self._staged:
                self._artifacts.put([self._staged[digest]])
