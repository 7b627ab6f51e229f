"""How the values of a graph become bytes in a checkpointer, so that they come back as they were.

LangGraph's own serializer makes lists of what is a subclass of list, knows no DataFrames and no
functions, and takes apart what a value shares with itself. What is plain JSON goes its way; all
else is pickled as in duranb's store, and sealed with the user's key: what somebody else has put
into the database is not loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import blake3
import msgspec
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from duranb.engine.runtime import active
from duranb.errors import Untrusted
from duranb.record.artifacts import Buffer
from duranb.state.capture import reduction
from duranb.store import keys
from duranb.values import codec
from duranb.values.buffers import Known
from duranb.values.target import Target

TYPE = "duranb"
"""What LangGraph calls the form of such bytes."""

_SEAL = 32
_PLAIN = frozenset({int, str, float, bool, type(None)})


class Serializer(SerializerProtocol):
    """For any of LangGraph's checkpointers: ``saver.serde = duranb.langgraph.Serializer()``.

    Workers that share a checkpointer's database share the user's key (``DURANB_KEY``). ``inner``
    is for what is plain JSON, and has no seal: it makes no objects, because LangGraph's own would
    call whatever a database names. ``Serializer(JsonPlusSerializer())`` also loads what LangGraph
    wrote before into a database that is yours.
    """

    def __init__(self, inner: SerializerProtocol | None = None) -> None:
        self.inner = inner or _Plain()
        self._key = keys.derived(keys.user_key(), "langgraph")

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """The form and the bytes of a value. Raises what pickling it raises."""
        if is_plain(obj):
            return self.inner.dumps_typed(obj)
        kept = _Kept([])
        codec.dump(obj, _live(), reduction).put(kept, Known())
        data = msgspec.msgpack.encode(kept.parts)
        return TYPE, self._seal(data) + data

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value. Raises :class:`Untrusted` for bytes that another user's duranb wrote."""
        form, body = data
        if form != TYPE:
            return self.inner.loads_typed(data)
        seal, body = bytes(body[:_SEAL]), body[_SEAL:]
        if self._seal(body) != seal:
            raise Untrusted(
                "a checkpoint of LangGraph's was written by somebody else, or with another key: it "
                "is not loaded. Workers that share a database share a key: set DURANB_KEY"
            )
        kept = _Kept(msgspec.msgpack.decode(body, type=list[bytes]))
        return codec.load(kept, str(len(kept.parts) - 1), Target(_live()))

    def _seal(self, data: bytes) -> bytes:
        digest: bytes = blake3.blake3(data, key=self._key).digest()
        return digest


class _Plain(SerializerProtocol):
    """LangGraph's own for what is plain JSON. It makes no objects of what has no seal."""

    def __init__(self) -> None:
        self._writes = JsonPlusSerializer()

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """What LangGraph's own gives."""
        return self._writes.dumps_typed(obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value. Raises :class:`Untrusted` where it has objects in it."""
        objects: list[int] = []  # what raises in the hook is lost on the way

        def note(code: int, content: bytes) -> None:
            objects.append(code)

        value = JsonPlusSerializer(__unpack_ext_hook__=note).loads_typed(data)
        if objects:
            raise Untrusted(
                "a checkpoint of LangGraph's has an object in it that is not sealed: anybody may "
                "have written it, and it is not loaded. Where the database is yours, and was "
                "written before it had duranb's serializer: Serializer(JsonPlusSerializer())"
            )
        return value


class _Kept:
    """The artifacts of one value, in one piece: each is named by its number, the value's own is the
    last."""

    def __init__(self, parts: list[bytes]) -> None:
        self.parts = parts

    def put(self, parts: Sequence[Buffer]) -> str:
        """See :class:`duranb.record.artifacts.Artifacts`."""
        self.parts.append(b"".join(parts))
        return str(len(self.parts) - 1)

    def get(self, digest: str) -> memoryview:
        """See :class:`duranb.record.artifacts.Artifacts`."""
        return memoryview(self.parts[int(digest)])

    def copy(self, digest: str) -> memoryview:
        """See :class:`duranb.record.artifacts.Artifacts`."""
        return memoryview(bytearray(self.parts[int(digest)]))


def _live() -> dict[str, Any]:
    """The variables of the module whose store is open: its functions are stored without them."""
    runtime = active()
    return runtime.namespace.live if runtime is not None else vars(sys.modules["__main__"])


def is_plain(value: object) -> bool:
    """Whether a value is made of JSON's types alone, nothing in it twice."""
    seen: set[int] = set()
    stack = [value]
    while stack:
        each = stack.pop()
        kind = type(each)
        if kind in _PLAIN:
            continue
        if kind not in (list, dict) or id(each) in seen:
            return False
        seen.add(id(each))
        if isinstance(each, dict):
            if any(type(key) is not str for key in each):
                return False
            stack += each.values()
        elif isinstance(each, list):
            stack += each
    return True
