"""Where bytes are kept by their content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview


class Artifacts(Protocol):
    """Content-addressed bytes. A digest is the hex blake3 of the bytes it names."""

    def put(self, parts: Sequence[Buffer]) -> str:
        """Keep the concatenation of ``parts``; its digest. The same bytes are kept once.

        Raises :class:`duranb.errors.StoreUnwritable`.
        """

    def get(self, digest: str) -> memoryview:
        """The bytes of a digest, checked against it and against the user's signature.

        Raises :class:`duranb.errors.StoreDamaged` or :class:`duranb.errors.Untrusted`.
        """

    def copy(self, digest: str) -> memoryview:
        """The same bytes, checked the same way, for the caller to write to: nothing that is
        written reaches what is kept. Large ones are mapped, and read when they are touched.

        Raises what :meth:`get` raises.
        """
