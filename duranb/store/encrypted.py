"""The layout of frames whose content is encrypted.

What tells anything of the history is encrypted: JSON, payloads, times, hashes and seals. Hashes
would let whoever has two that follow each other check a guess of the event between them. The chain
and the seals are those that the same history has in plain form: encrypting it, or decrypting it,
changes neither what is authenticated nor who stands for it.
"""

from __future__ import annotations

import struct

from duranb.store.cipher import OVER, Cipher, Illegible
from duranb.store.segments import (
    ENCRYPTED,
    FRAME_MARK,
    HASH_BYTES,
    SEAL,
    Layout,
    Place,
    Seal,
    Span,
)

_COUNT = struct.Struct("<I")
"""At the beginning of a frame's body: how many events it has."""

_STAMP = struct.Struct(f"<Q{HASH_BYTES}s")
"""Of an event: time and hash. Those of all follow, with the seal before them, encrypted."""

_RECORD = struct.Struct("<QII")
"""Of an event: number, bytes of its encrypted JSON, bytes of its encrypted payload."""

_PLACE = struct.Struct("<QQ")


class Encrypted(Layout):
    """Frames encrypted by a cipher, each part bound to its place."""

    version = ENCRYPTED

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    def before(self, digest: bytes) -> bytes:
        """See :class:`Layout`: nothing."""
        return bytes(HASH_BYTES)

    def head_size(self, count: int, *, sealed: bool) -> int:
        """See :class:`Layout`."""
        return _COUNT.size + OVER + (SEAL.size if sealed else 0) + count * _STAMP.size

    def head(self, seal: Seal | None, stamps: list[tuple[int, bytes]], place: Place) -> bytes:
        """See :class:`Layout`."""
        parts = [] if seal is None else [SEAL.pack(*seal)]
        parts += [_STAMP.pack(*stamp) for stamp in stamps]
        encrypted = self._cipher.encrypt(b"".join(parts), _about(b"frame", place))
        return _COUNT.pack(len(stamps)) + encrypted

    def record(self, seq: int, ts: int, digest: bytes, of_data: int, of_payload: int) -> bytes:
        """See :class:`Layout`."""
        return _RECORD.pack(seq, of_data, of_payload)

    def size(self, size: int) -> int:
        """See :class:`Layout`."""
        return size + OVER

    def text(self, seq: int, data: bytes) -> bytes:
        """See :class:`Layout`."""
        return self._cipher.encrypt(data, _about_event(seq))

    def payload(self, place: Place, data: bytes) -> bytes:
        """See :class:`Layout`."""
        return self._cipher.encrypt(data, _about(b"payload", place))

    def spans(self, mark: bytes, body: bytes, place: Place) -> tuple[Seal | None, list[Span]]:
        """See :class:`Layout`."""
        (count,) = _COUNT.unpack_from(body)
        sealed = mark == FRAME_MARK
        at = self.head_size(count, sealed=sealed)
        if at > len(body):
            raise struct.error("a length is wrong")
        try:
            head = self._cipher.decrypt(body[_COUNT.size : at], _about(b"frame", place))
        except Illegible as error:
            raise struct.error("it does not decrypt") from error
        seal = Seal(*SEAL.unpack_from(head)) if sealed else None
        found = []
        for ts, digest in _STAMP.iter_unpack(head[SEAL.size if sealed else 0 :]):
            seq, of_data, of_payload = _RECORD.unpack_from(body, at)
            start = at + _RECORD.size
            at = start + of_data + of_payload
            found.append(Span(seq, ts, digest, start, start + of_data, at))
        if at != len(body):
            raise struct.error("a length is wrong")
        return seal, found

    def read_text(self, seq: int, data: bytes) -> str:
        """See :class:`Layout`."""
        try:
            return self._cipher.decrypt(data, _about_event(seq)).decode()
        except Illegible:
            return ""

    def read_payload(self, place: Place, data: bytes) -> bytes:
        """See :class:`Layout`."""
        try:
            return self._cipher.decrypt(data, _about(b"payload", place))
        except Illegible:
            return data


def _about_event(seq: int) -> bytes:
    return b"event %d" % seq


def _about(what: bytes, place: Place) -> bytes:
    return what + _PLACE.pack(place.segment, place.offset)
