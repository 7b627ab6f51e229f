"""One object of a log in object storage: a batch of events with its payloads, sealed.

A seal is keyed with the workers' common key, and covers the log and the number that the batch is
for and the seal of the batch before it: what somebody else put into the bucket, or moved in it, is
told from what these workers have written.
"""

from __future__ import annotations

import hmac

import blake3
import msgspec

from duranb.errors import StoreDamaged, StoreTooNew, Untrusted

SEAL = 32
"""Bytes of a seal, at the head of each object."""

FORMAT = 1

GENESIS = bytes(SEAL)


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Events, each with its time in microseconds since the epoch and its JSON, and the short
    artifacts that they name. ``writer`` wrote it, in its ``epoch``."""

    format: int
    writer: str
    epoch: int
    lines: list[tuple[int, str]]
    payloads: dict[str, bytes]


class Head(msgspec.Struct, frozen=True, array_like=True):
    """What every format begins with."""

    format: int


def encode(batch: Batch, key: bytes, name: str, before: bytes) -> bytes:
    """The object called ``name``, which follows the batch with seal ``before``."""
    data = msgspec.msgpack.encode(batch)
    return _seal(data, key, name, before) + data


def decode(raw: bytes, key: bytes | None, name: str, before: bytes) -> tuple[Batch, bytes]:
    """The batch in an object, and its seal, whoever made that where ``key`` is None.

    Raises :class:`Untrusted` where it is not sealed with ``key``, or not for this place,
    :class:`StoreTooNew` for a later format, and :class:`StoreDamaged` for what is no batch.
    """
    seal, data = raw[:SEAL], raw[SEAL:]
    if key is not None and not hmac.compare_digest(seal, _seal(data, key, name, before)):
        raise Untrusted(
            f"{name} is not sealed with this worker's key: somebody else wrote it, it was moved or "
            "damaged, or the workers have different keys. Give all of them the same DURANB_KEY"
        )
    try:
        if (found := msgspec.msgpack.decode(data, type=Head).format) != FORMAT:
            raise StoreTooNew(f"{name} was written by a later duranb (format {found}): upgrade")
        return msgspec.msgpack.decode(data, type=Batch), seal
    except (msgspec.MsgspecError, RecursionError) as error:
        raise StoreDamaged(f"{name} holds no batch of events: {error}") from error


def seal_artifact(data: bytes, digest: str, key: bytes) -> bytes:
    """The object that an artifact is kept in."""
    return _seal(digest.encode(), key, "artifact", GENESIS) + data


def open_artifact(raw: bytes, digest: str, key: bytes | None) -> memoryview | None:
    """The bytes of an artifact, whoever sealed it where ``key`` is None; None where they are
    damaged. Raises :class:`Untrusted`."""
    own = key is None or hmac.compare_digest(
        raw[:SEAL], _seal(digest.encode(), key, "artifact", GENESIS)
    )
    if not own:
        raise Untrusted(
            f"artifact {digest[:12]} is not sealed with this worker's key, so it is not loaded. "
            "Give all workers, and whoever starts runs, the same DURANB_KEY"
        )
    data = memoryview(raw)[SEAL:]
    return data if blake3.blake3(data).hexdigest() == digest else None


def _seal(data: bytes, key: bytes, name: str, before: bytes) -> bytes:
    digest: bytes = blake3.blake3(before + name.encode() + b"\0" + data, key=key).digest()
    return digest
