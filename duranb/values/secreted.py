"""Texts that are secrets, in what is pickled: a reference is in the place of each.

It says where the secret stood when the value was stored: in a variable of the environment, in the
keyring, under a name that the user gave it, in a variable of the notebook. When the value is loaded
it is looked up there, and what it is today is put in; where it is nowhere, something that says so.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import cloudpickle

from duranb.record.artifacts import Buffer
from duranb.text.known import KNOWN, Source
from duranb.values import views
from duranb.values.target import target

_TAG = "duranb.secret"

_KINDS: dict[str, type] = {"str": str, "bytes": bytes, "bytearray": bytearray}

Piece = str | bytes | list[Source]
"""Of a text: what is no secret in it, or where the secret is found that stands there."""


def holds(pieces: Sequence[Buffer]) -> bool:
    """Whether a secret that is known stands in any of these."""
    return any(map(KNOWN.holds, pieces))


def is_text(buffer: memoryview) -> bool:
    """Whether a buffer may hold a text: it is no array of numbers of several bytes each."""
    # As NumPy calls its texts, and its records, in which some may be.
    return buffer.itemsize == 1 or buffer.format[-1:] in ("s", "w", "}")


def without(buffers: Sequence[pickle.PickleBuffer]) -> list[memoryview]:
    """The memory that lies beside a pickle. Raises :class:`pickle.PicklingError` where a secret
    stands in it: there are no references in memory, and a mask in its place would be another
    value."""
    if any(KNOWN.holds(each.raw()) for each in buffers if is_text(memoryview(each))):
        raise pickle.PicklingError(
            "a secret stands in memory that several objects share: keep it as a text instead"
        )
    return [each.raw() for each in buffers]


class Referring(cloudpickle.Pickler):  # type: ignore[misc]
    """Mixed into a pickler of a live namespace, ``names``, it puts references for secrets.

    It looks at each object in Python, so it only is used where a secret was found.
    """

    @property
    def names(self) -> dict[str, Any]:
        """The namespace."""
        raise NotImplementedError

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.secrets: list[bytes] = []
        """Those that were met."""

    def persistent_id(self, obj: Any) -> Any:
        """What stands for a text with a secret; None for anything else, which is pickled."""
        kind = type(obj).__name__
        if type(obj) not in _KINDS.values():
            return super().persistent_id(obj)
        data: bytes = obj.encode("utf-8", "surrogatepass") if kind == "str" else bytes(obj)
        found = KNOWN.find(data)
        if not found:
            return None
        pieces: list[Piece] = []
        at = 0
        for start, end in found:
            secret = data[start:end]
            self.secrets.append(secret)
            pieces += [_plain(data[at:start], kind), list(_sources(secret, self.names))]
            at = end
        return (_TAG, kind, [*pieces, _plain(data[at:], kind)])

    def reduction(self, obj: Any) -> Any:
        """Arrays of texts are pickled one text after the other."""
        if views.is_array(type(obj)) and obj.dtype.hasobject:
            return views.reduction(obj, self.windows) or NotImplemented
        if views.is_array(type(obj)) and obj.base is None:
            if obj.dtype.kind in "SU":
                return array_of_texts, (obj.tolist(), obj.dtype.str)
            if KNOWN.holds(obj.tobytes()):
                return self._array(obj)
        if _is_of_arrow(obj):
            return arrow_of_texts, (obj.to_pylist(), obj.type)
        return super().reduction(obj)

    @staticmethod
    def _array(array: Any) -> Any:
        """One whose memory has a secret in it, as what references can be in."""
        if array.dtype.names:
            return array_of_records, (array.tolist(), array.dtype)
        order = "C" if array.flags.c_contiguous else "F"
        return array_of_memory, (array.tobytes(order), array.dtype, array.shape, order)


def array_of_records(rows: Any, dtype: Any) -> Any:
    """An array of these rows. Raises ValueError where a secret is longer today than its field."""
    made = importlib.import_module("numpy").array(rows, dtype)
    if made.tolist() != rows:
        raise ValueError("a secret that stood in an array of records is longer today")
    return made


def array_of_memory(data: bytes, dtype: Any, shape: tuple[int, ...], order: str) -> Any:
    """An array with these bytes. Raises ValueError where a secret of today has another length."""
    made = importlib.import_module("numpy").frombuffer(data, dtype).reshape(shape, order=order)
    return made.copy(order)  # its own memory, as that one had


def array_of_texts(texts: Any, dtype: str) -> Any:
    """An array of these texts, of its type of old; of a longer one where a secret of today is
    longer than the one that stood there."""
    made = importlib.import_module("numpy").array(texts)
    old = importlib.import_module("numpy").dtype(dtype)
    return made.astype(old) if made.dtype.itemsize <= old.itemsize else made


def _is_of_arrow(obj: Any) -> bool:
    """Whether this is an array of Arrow's of texts or bytes, which pandas has columns of, too."""
    arrow = sys.modules.get("pyarrow")
    return (
        arrow is not None and issubclass(type(obj), arrow.Array) and str(obj.type) in _ARROW_TEXTS
    )


_ARROW_TEXTS = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")


def arrow_of_texts(texts: Any, kind: Any) -> Any:
    """An array of Arrow's of these texts."""
    return importlib.import_module("pyarrow").array(texts, kind)


def _plain(data: bytes, kind: str) -> str | bytes:
    return data.decode("utf-8", "surrogatepass") if kind == "str" else data


def _sources(secret: bytes, names: dict[str, Any]) -> Iterator[Source]:
    text = secret.decode("utf-8", "surrogateescape")
    yield from (("environment", n) for n, value in sorted(os.environ.items()) if value == text)
    yield from KNOWN.sources(secret)
    for name, value in list(names.items()):
        if type(value) is str and value == text and not name.startswith("_"):
            yield "variable", name


def load(reference: Any) -> Any:
    """The text that a reference stands for, with the secrets of today; what stands for an absent
    one where they are nowhere. Raises ValueError for what is no such reference."""
    if not isinstance(reference, tuple) or len(reference) != 3 or reference[0] != _TAG:
        raise ValueError(f"a pickle refers to something unknown: {reference!r}"[:200])
    _, kind, pieces = reference
    found: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, list):
            value = _resolved(piece)
            if value is None:
                return target().absent(kind, _told(piece))
            found.append(value)
        else:
            found.append(piece if isinstance(piece, bytes) else _bytes(piece))
    data = b"".join(found)
    return data.decode("utf-8", "surrogatepass") if kind == "str" else _KINDS[kind](data)


def _resolved(sources: list[Source]) -> bytes | None:
    for how, *where in sources:
        value: Any = None
        if how == "environment":
            value = os.environ.get(where[0])
        elif how == "variable":
            value = target().live.get(where[0])
            # By that name there may be something else by now.
            value = value if type(value) is str and KNOWN.said(value) else None
        elif how == "keyring":
            value = _in_keyring(*where)
        else:
            value = KNOWN.found((how, *where))
        if value:
            return value if isinstance(value, bytes) else _bytes(value)
    return None


def _in_keyring(service: str, user: str) -> str | None:
    """What the keyring has; None where there is none, or it stays closed."""
    try:
        found: str | None = importlib.import_module("keyring").get_password(service, user)
    except Exception:  # of any kind: each keyring has its own
        return None
    return found


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _told(sources: list[Source]) -> str:
    """Where a secret is to be put to be found again."""
    told = [_WORDS[how].format(*where) for how, *where in sources if how in _WORDS]
    return " or ".join(told)


_WORDS = {
    "environment": "${}",
    "keyring": "the keyring ({} {})",
    "given": "duranb.secret(…, name={!r})",
    "variable": "the variable {}",
}
