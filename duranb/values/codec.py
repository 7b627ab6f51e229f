"""Python values as bytes and back, in a live namespace.

cloudpickle (protocol 5, buffers out of band) with four differences. A notebook's functions are
stored without their globals and bound to the live namespace when they are loaded, so that a
restored function sees today's names. A notebook's classes are loaded as the live class where that
still is the same code. NumPy views keep sharing their buffer. And the pickler's memo is kept for a
moment: it tells, at C speed, which objects a value reached, and so which values share state.

Layout of the bytes: the pickle and its small buffers one after the other, after a msgspec header
with their lengths. A large buffer is an artifact of its own, and the header has its digest: it is
kept once however often what is around it changes, never copied, and mapped when it is loaded
(:mod:`duranb.values.buffers`).
"""

from __future__ import annotations

import enum
import functools
import io
import pickle
import struct
import sys
import types
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import cloudpickle
import msgspec
import xxhash

from duranb.code import compiled, identity, registered
from duranb.code.looking import module_of, own_failure, qualname_of
from duranb.code.moving import steady
from duranb.record.artifacts import Artifacts, Buffer
from duranb.values import (
    attributes,
    classes,
    contents,
    definitions,
    dispatched,
    enclosed,
    forwarding,
    frames,
    given,
    held,
    leftover,
    members,
    nans,
    newborn,
    observed,
    omitted,
    recipes,
    remembered,
    secreted,
    sharing,
    skeletons,
    slotnames,  # noqa: F401 what copyreg tells of slots is told there
    streams,
    tensors,
    texts,
    times,
    tolerant,
    tracebacks,
    twins,
    undisturbed,
    untouched,
    views,
)
from duranb.values.buffers import LARGE, Entry, Known, assembled, hashes
from duranb.values.classes import load as _load_class  # noqa: F401 older stores name it so
from duranb.values.immutable import is_leaf
from duranb.values.met import Defined, Definitions, Met
from duranb.values.missing import Missing
from duranb.values.ordinary import is_ordinary
from duranb.values.sink import Pieces
from duranb.values.standing import LIVE, Globals, Live
from duranb.values.target import (
    Target,
    live_namespace,  # noqa: F401 older stores name it so
    loading_into,
)
from duranb.values.unpickling import loads
from duranb.values.views import load as _load_view  # noqa: F401 older stores name it so

Reducer = Callable[[Any], tuple[Any, ...] | None]
"""Gives the pickle reduction of a value that cannot be pickled as it is, or None."""

_HEAD = struct.Struct("<I")
_decode_table = msgspec.msgpack.Decoder(list[int | Entry]).decode


@dataclass
class Dump:
    """A value as bytes: its pickle in pieces, and the buffers beside it, which are the live
    objects' own memory."""

    body: list[Buffer]
    buffers: list[memoryview]
    pickler: NotebookPickler
    value: object
    kinds: sharing.Kinds = field(default_factory=sharing.Kinds)
    """The types of what was met in it, as far as :attr:`reached` has told."""

    @property
    def has_sets(self) -> bool:
        """Whether sets were met in it, as far as :attr:`reached` has told."""
        return set in self.kinds or frozenset in self.kinds

    @property
    def missing(self) -> Missing | None:
        """The parts that could not be pickled, if any were allowed to."""
        return self.pickler.missing

    @property
    def met(self) -> Met:
        """The code inside of the value."""
        return self.pickler.met

    @property
    def python(self) -> str:
        """The Python that alone can load it, for the code inside of it; empty where any can."""
        return definitions.PYTHON if self.met.is_compiled else ""

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(len(p) for p in self.body) + sum(b.nbytes for b in self.buffers)

    @functools.cached_property
    def reached(self) -> dict[int, sharing.Seal]:
        """The objects inside of the value that others could change too, by id. What pickling made
        on the way, and nothing holds but the memo, is none of them: it is let go of here, and its
        id is soon another's."""
        inside = remembered.inside(self.pickler, self.value, LIVE)
        inside |= {i: obj for i, (obj, _) in self.pickler.windows.found.items()}
        if self.pickler.omitting:
            inside |= self.pickler.omitting.among(self.pickler.named())
        return sharing.reached(inside, self.kinds)

    @functools.cached_property
    def _hashes(self) -> list[list[bytes]]:
        """Of each buffer, the hashes of its chunks if it is large."""
        return [hashes(b) if b.nbytes >= LARGE else [] for b in self.buffers]

    def digest(self) -> str:
        """A digest of the bytes: the same object unchanged gives the same one in this process."""
        hasher = xxhash.xxh3_128()
        for part in self.body:
            hasher.update(part)
        for secret in getattr(self.pickler, "secrets", ()):  # of which only references are in it
            hasher.update(secret)
        for buffer, chunks in zip(self.buffers, self._hashes, strict=True):
            hasher.update(b"".join(chunks) if chunks else buffer)
        return hasher.hexdigest()

    def put(self, artifacts: Artifacts, known: Known) -> str:
        """Keep it; its digest. Raises :class:`duranb.errors.StoreUnwritable`."""
        table: list[int | Entry] = [sum(len(p) for p in self.body)]
        small: list[Buffer] = []
        for buffer, chunks in zip(self.buffers, self._hashes, strict=True):
            if chunks:
                table.append(known.put(buffer, chunks, artifacts))
            else:
                table.append(buffer.nbytes)
                small.append(buffer)
        head = msgspec.msgpack.encode(table)
        return artifacts.put([_HEAD.pack(len(head)) + head, *self.body, *small])


class NotebookPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle that knows the live namespace."""

    def __init__(
        self,
        file: Any,
        live: dict[str, Any],
        buffer_callback: Callable[[Any], Any] | None,
        reducer: Reducer | None,
        inside: frozenset[int] = frozenset(),
        missing: Missing | None = None,
        met: Met | None = None,
        windows: views.Windows | None = None,
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffer_callback)
        self.windows = windows or views.Windows()
        self.missing = missing
        self.met = met or Met()
        self._namespace = live
        self._reducer = reducer
        self._inside = inside
        self.definitions: Definitions = {}
        self.enclosed = enclosed.Variables()
        self.omitting = omitted.Omitting(frozenset())
        self.twins = twins.Meetings(twins.Names(live))

    def reducer_override(self, obj: Any) -> Any:
        if is_leaf(obj):
            return NotImplemented
        if self.missing is not None:
            return self.missing.reduction(obj, self)
        return self.reduction(obj)

    def reduction(self, obj: Any) -> Any:
        """How an object is pickled; NotImplemented for: as its own class says."""
        kind = type(obj)
        if kind is types.FunctionType:
            self.met.code.append(obj)
            found = compiled.reduction(obj)
            if found is not None and not held.is_global(obj):
                return dispatched.reduction(obj, found)
            if obj.__globals__ is self._namespace:
                return self._function(obj, LIVE)
            module = held.module_of(obj)
            if module is not None and not held.is_global(obj):
                return compiled.settled(obj, self._function(obj, Globals(module)))
            return compiled.settled(obj, super().reducer_override(obj))
        if issubclass(kind, type):
            self.met.code.append(obj)
            held.load_home(obj)
            if (generic := skeletons.of_generic(obj)) is not None:
                return generic
            if registered.is_registered(obj):
                return classes.by_name, (qualname_of(obj),)
            if module_of(obj) == "__main__" and id(obj) not in self._inside:
                told = self.twins.told(obj)
                return classes.reduction(obj, self._namespace, *self._definition(obj), told)
            made = definitions.whole(obj, skeletons.quiet(obj, super().reducer_override(obj)))
            return members.whole(obj, made) if issubclass(obj, enum.Enum) else made
        if kind is types.CellType:
            if (found := self.enclosed.reduction(obj)) is not None:
                return found
        elif kind is types.CodeType:
            self.met.is_compiled = True
            return definitions.code(obj, self.dispatch_table[kind](obj))
        elif views.is_array(kind):
            reduced = views.reduction(obj, self.windows) or _array(obj)
            if reduced is not None:
                return reduced
        else:
            ordinary = is_ordinary(kind)
            found = dispatched.registry(obj) if kind is MappingProxyType else None
            found = found or (None if ordinary else special(obj))
            if self._inside:
                found = recipes.within(obj, found, self._inside)
            if found is None and self._reducer is not None:
                found = self._reducer(obj)
                if found is not None:
                    self.met.described.append(obj)
            is_told = found is not None
            if not ordinary:
                own = found if is_told else self.omitting.reduction(obj, own_way(obj), self._picks)
                found = newborn.reduction(obj, own)
            if not is_told:
                # What is made again by a recipe, found at its place or made by a factory is not
                # made of its attributes: they are not to be put over those that it has there.
                found = attributes.reduction(obj, found, self._namespace)
            found = given.reduction(obj, found)
            found = found if ordinary else contents.reduction(obj, found)
            found = tracebacks.reduction(obj, found)
            if found is not None:
                return found
            return NotImplemented  # cloudpickle would take the word of a proxy for a function
        return super().reducer_override(obj)

    def alone(self, obj: Any) -> dict[int, object]:
        """Pickle an object by itself, to no use: what was met in it, by id. Raises what pickling it
        raises."""
        buffers: list[pickle.PickleBuffer] = []
        pickler = type(self)(io.BytesIO(), self._namespace, buffers.append, self._reducer)
        pickler.dump(obj)
        return {i: met for i, (_, met) in pickler.memo.copy().items()}

    def named(self) -> dict[int, object]:
        """The values of the namespace by their ids."""
        return {id(value): value for value in list(self._namespace.values())}

    def _picks(self, obj: Any) -> bool:
        """Whether an object can be pickled."""
        try:
            self.alone(obj)
        except BaseException as error:  # of any kind: it is the value's own code
            if not own_failure(error):
                raise
            return False
        return True

    def _function(self, function: types.FunctionType, names: Live | Globals) -> Any:
        """As cloudpickle does it, but for the globals: today's, of the namespace or a module."""
        make, arguments, state, *rest = self._dynamic_function_reduce(function)
        code, _, *others = arguments
        state[1]["__globals__"] = {}
        return (make, (code, names, *others), state, *rest)

    def _dynamic_function_reduce(self, function: types.FunctionType) -> Any:
        """As cloudpickle does it, but functions that share a variable (``nonlocal``) still do."""
        make, arguments, state, *rest = super()._dynamic_function_reduce(function)
        variables = function.__closure__
        if variables:
            self.enclosed.filled(variables)
            arguments = (*arguments[:-1], variables)
            state[1]["__closure__"] = tuple(map(self.filling, variables))
        return (make, arguments, state, *rest)

    def filling(self, variable: types.CellType) -> types.CellType:
        """What fills a variable: empty until its function is there, and if it is a class's."""
        if id(variable) in self.enclosed.of:
            return types.CellType()
        return types.CellType(*definitions.content(variable))

    def _definition(self, cls: type) -> tuple[bytes, str]:
        """The definition of a class, in a pickle of its own, and the identity of its code; worked
        out once for all dumps that have the same :attr:`definitions`."""
        known = self.definitions.get(id(cls))
        if known is None:
            met = Met()
            sink = io.BytesIO()
            inside = self._inside | {id(cls)}
            inner = type(self)(
                sink, self._namespace, None, self._reducer, inside, self.missing, met
            )
            inner.twins = self.twins
            inner.dump(classes.definition(cls))
            pickled, code = sink.getvalue(), identity.of_class(cls)
            known = Defined(cls, pickled, code, met, classes.variables(cls))
            if not self._inside and self.missing is None:
                self.definitions[id(cls)] = known
        self.enclosed.note(cls, known.variables)
        self.met.code += known.met.code
        self.met.is_compiled |= known.met.is_compiled
        self.met.described += known.met.described
        return known.pickle, known.identity


class _Exact(NotebookPickler):
    """It tells each NaN from others."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.nans = nans.Numbering()

    def persistent_id(self, obj: Any) -> Any:
        """What stands for an object in the pickle; None for what is in it."""
        return self.nans.reference(obj)


class _Referring(secreted.Referring, _Exact):
    """It puts references for secrets, too."""

    @property
    def names(self) -> dict[str, Any]:
        """The live namespace, where they may stand under a name."""
        return self._namespace


def special(obj: Any) -> Any:
    """The reduction of what is not pickled as its own class says, or None."""
    found = tensors.reduction(obj) or held.reduction(obj) or recipes.reduction(obj)
    found = found or frames.reduction(obj) or views.record(obj) or streams.reduction(obj)
    if found is not None:
        return found
    kind = type(obj)
    if kind is weakref.ProxyType or kind is weakref.CallableProxyType:
        raise TypeError("cannot pickle a weak proxy: what it stands for would come in its place")
    if kind is functools._lru_cache_wrapper:
        # Pickle would look it up by its name, and find another one, or none.
        given = (obj.__wrapped__, obj.cache_parameters())
        extra = {k: v for k, v in vars(obj).items() if k not in compiled.OF_CACHED}
        return _cached, (*given, extra) if extra else given
    found = compiled.reduction(obj)
    if found is not None:
        return found
    if kind is memoryview:
        if obj.readonly != memoryview(obj.obj).readonly or obj.nbytes != memoryview(obj.obj).nbytes:
            raise TypeError("cannot pickle a memoryview of a part of its object")
        return _viewed, (obj.obj, obj.format, obj.shape)
    return None


def own_way(obj: Any) -> Any:
    """The reduction of what is pickled as its own class says, if that leaves something out, or
    changes the object; else None."""
    return (
        leftover.reduction(obj)
        or observed.reduction(obj)
        or undisturbed.reduction(obj)
        or untouched.reduction(obj)
        or forwarding.reduction(obj)
    )


def _cached(
    function: Any, parameters: dict[str, Any], extra: Mapping[str, Any] = MappingProxyType({})
) -> Any:
    made = functools.lru_cache(**parameters)(function)
    vars(made).update(extra)
    return made


def _viewed(of: Any, code: Any, shape: tuple[int, ...]) -> memoryview:
    whole = memoryview(of)
    if (whole.format, whole.shape) == (code, shape):
        return whole
    found: memoryview = whole.cast("B").cast(code, shape)
    return found


def _array(array: Any) -> tuple[Any, ...] | None:
    """How an array is pickled that is not as NumPy does it, or None."""
    exact = type(array) is sys.modules["numpy"].ndarray
    if exact:
        return texts.reduction(array) or times.reduction(array) or views.fixed(array)
    return views.attributes(array) or leftover.reduction(array)


def dump(
    value: object,
    live: dict[str, Any],
    reducer: Reducer | None = None,
    missing: Missing | None = None,
    definitions: Definitions | None = None,
    root: str = "",
) -> Dump:
    """A value as bytes, with references to the secrets in it; with ``missing``, without its parts
    that cannot be pickled. ``definitions`` serve for several values that nothing changes in
    between; ``root`` is the first variable in the value. Raises whatever pickling it raises."""
    return steady(lambda: _dump(value, live, reducer, missing, definitions, root))


def _dump(
    value: object,
    live: dict[str, Any],
    reducer: Reducer | None,
    missing: Missing | None,
    definitions: Definitions | None,
    root: str,
) -> Dump:
    whole: frozenset[int] = frozenset()
    of_classes: enclosed.Owners = {}
    refilled: frozenset[int] = frozenset()
    kind = NotebookPickler
    while True:
        sink = Pieces()
        beside: list[pickle.PickleBuffer] = []
        windows = views.Windows(whole)
        pickler = kind(sink, live, beside.append, reducer, missing=missing, windows=windows)
        if kind is NotebookPickler and definitions is not None:
            pickler.definitions = definitions
        pickler.twins.root = root
        pickler.enclosed = enclosed.Variables(of_classes)
        pickler.omitting = omitted.Omitting(refilled)
        pickler.dump(value)
        if pickler.enclosed.are_torn:
            of_classes = pickler.enclosed.of
            continue
        if pickler.twins.torn:
            continue
        if pickler.omitting and (more := pickler.omitting.torn(pickler.memo.copy())):
            refilled |= more
            continue
        torn = windows.torn(pickler.memo.copy()) if windows.found else frozenset()
        if not torn <= whole:
            whole |= torn
            continue
        if kind is NotebookPickler and nans.may_be_in(sink.pieces):
            kind, whole = _Exact, frozenset()
            continue
        texts_beside = [b.raw() for b in beside if secreted.is_text(memoryview(b))]
        if not (secreted.holds(sink.pieces) or secreted.holds(texts_beside)):
            return Dump(sink.pieces, [b.raw() for b in beside], pickler, value)
        if kind is _Referring:
            return Dump(sink.pieces, secreted.without(beside), pickler, value)
        kind, whole = _Referring, frozenset()


def load(
    artifacts: Artifacts, digest: str, into: Target, stand_in: tolerant.StandIn | None = None
) -> Any:
    """The value that :meth:`Dump.put` kept, loaded into a namespace. Its arrays can be written to.

    With ``stand_in`` what fails inside of it is replaced, and the rest is loaded. Loading runs code
    that the bytes name: ``artifacts`` only gives out what the user stands for. Raises what loading
    raises, and :class:`duranb.errors.StoreError`.
    """
    data = artifacts.get(digest)
    table, at = _table(data)
    pieces: list[memoryview] = []
    for entry in table:
        if isinstance(entry, int):
            piece = data[at : at + entry]
            pieces.append(memoryview(bytearray(piece)) if pieces else piece)
            at += entry
        else:
            pieces.append(assembled(entry, artifacts))
    with loading_into(into):
        if stand_in is not None:
            return tolerant.load(pieces[0], pieces[1:], stand_in)
        return loads(pieces[0], pieces[1:])


def _table(data: memoryview) -> tuple[list[int | Entry], int]:
    """The header of a stored value, and where it ends."""
    (length,) = _HEAD.unpack_from(data)
    at = _HEAD.size + length
    return _decode_table(data[_HEAD.size : at]), at


def parts(data: memoryview) -> set[str]:
    """The digests of the artifacts beside the one with these bytes that loading it needs."""
    found: set[str] = set()
    for entry in _table(data)[0]:
        if isinstance(entry, str):
            found.add(entry)
        elif not isinstance(entry, int):
            found |= {entry[0], *entry[1].values()}
    return found
