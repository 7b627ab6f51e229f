"""What a restored value shares with values that are alive.

A step made ``y = x[2:5]``, a view. When the step is restored, ``x`` is there already, made by the
cells above, and must stay the object it is: so the stored ``y`` is bound to the live ``x``. Both
were stored together. The stored ``x`` and the live one have equal content; walking both in the
same order finds for each part of the one its counterpart in the other, and the stored ``y`` is
copied with those in place. Of the memory of arrays the live values may show a part only, and other
names another part: where the restored ones show something that is not as it was stored, that is
written to, if nothing else lies in this memory.
"""

from __future__ import annotations

import io
import pickle
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from duranb.code.looking import is_class, own_failure, qualname_of, which
from duranb.code.moving import is_moving, steady
from duranb.state import reconnect
from duranb.state.capture import Capture
from duranb.state.classes import whole
from duranb.state.drawing import undrawn
from duranb.state.groups import Holders, components
from duranb.state.placeholder import Placeholder, absent
from duranb.values import cached, codec, dispatched, enclosed, frames, immutable, nans, views
from duranb.values.classes import carried, hold, variables
from duranb.values.immutable import ATOMS
from duranb.values.target import Target, class_in, loading_into


@dataclass
class Linked:
    """Values that share ``alive`` objects with live values, and live memory that is to get other
    content: arrays that show it, and those that have what it gets."""

    values: dict[str, Any]
    alive: list[object] = field(default_factory=list)
    memory: list[tuple[Any, Any]] = field(default_factory=list)

    def write(self) -> None:
        """Give live memory its content."""
        for alive, stored in self.memory:
            alive[...] = stored


def linked(
    capture: Capture,
    loaded: Mapping[str, Any],
    wanted: Collection[str],
    anchors: Collection[str],
    holders: Holders,
    *,
    alone: bool,
) -> Linked | None:
    """The ``wanted`` values of a stored group, sharing with the live values of ``anchors`` what
    they shared with the stored ones. What several of these share is that of the first. ``holders``
    says which live names reach an object.

    Where the two are not built alike, though equal, ``anchors`` get the stored values too, if they
    are ``alone``: no other names share with them. None where they are not, or share with each other
    otherwise than they did.
    """
    if not anchors:
        return None
    try:
        made = _linked(capture, loaded, wanted, anchors, holders.of)
        if made is None and alone and _share_alike(capture, loaded, anchors, holders):
            return Linked({n: loaded[n] for n in (*wanted, *anchors)})
    except BaseException as error:  # pickling runs the values' own code
        if not own_failure(error):
            raise
        return None
    return made


def _share_alike(
    capture: Capture, loaded: Mapping[str, Any], names: Collection[str], holders: Holders
) -> bool:
    """Whether live values share state with those that they shared it with when stored, and the same
    of it as far as content tells."""
    reached = {n: capture.dump_values({n: loaded[n]}).reached for n in names}
    if set(components(reached)) != set(holders.parts(names)):
        return False
    then, now = {n: loaded[n] for n in names}, {n: whole(capture.live[n]) for n in names}
    told = all(capture.version(then[n]) == capture.version(now[n]) for n in names)
    return not told or capture.version(then) == capture.version(now)


def _linked(
    capture: Capture,
    loaded: Mapping[str, Any],
    wanted: Collection[str],
    anchors: Collection[str],
    holders: Callable[[Iterable[int]], set[str]],
) -> Linked | None:
    """Linked values; None where the stored and the live ones are not built alike."""
    stored = {n: loaded[n] for n in anchors}
    values = {n: loaded[n] for n in sorted(wanted)}
    mine, told = capture.dump_values(stored), capture.dump_values(values)
    common = {
        i
        for i, seal in told.reached.items()
        if i in mine.reached and (seal is None or mine.reached[i] != seal)
    }
    if not common:
        return Linked(values)
    there = {n: whole(capture.live[n]) for n in stored}
    then, now = (parts(each, capture.live, _is_handle) for each in (stored, there))
    # Which of several equal clients or secrets that are alive stands for one is of no account.
    common -= {id(part) for part in then if _is_handle(part)}
    if not common:
        return Linked(values)
    built = _built_alike(*([part for part in each if not _is_handle(part)] for each in (then, now)))
    if built is None:
        built = _built_alike(_apart(stored, capture.live), _apart(there, capture.live))
    if built is None or not common <= built.pairs.keys() | built.moves.keys():
        return None
    pairs = {i: built.pairs[i] for i in common & built.pairs.keys()}
    pairs |= {i: pair for i, pair in built.pairs.items() if frames.is_note(pair[0])}
    pairs |= dispatched.registries(pairs.values())
    memory = []
    met = parts(values, capture.live)
    if not all(_has_moved(part, built.moves) for part in met if views.is_array(type(part))):
        return None
    for was, alive, shown in _shown(met, pairs, built.moves):
        if _alike(was, shown):
            continue
        if not shown.flags.writeable or not holders([id(alive)]) <= {*wanted, *anchors}:
            return None
        memory.append((shown, was))
    shared = {i: alive for i, (_, alive) in pairs.items()}
    linked = copied(capture, values, shared, built.moves)
    return Linked(linked, [*shared.values(), *_owners(built.moves)], memory)


def _owners(moves: Moves) -> list[object]:
    return [move.owner for each in moves.values() for move in each]


def _has_moved(array: Any, moves: Moves) -> bool:
    """Whether memory that an array shows has moved as a whole, if it has."""
    where = moves.get(id(views.owner(array)))
    return where is None or not array.size or views.moved(array, where) is not None


def _shown(
    met: list[object], pairs: Mapping[int, tuple[object, Any]], moves: Moves
) -> Iterator[tuple[Any, object, Any]]:
    """The arrays among the parts that were ``met`` that show memory with a live counterpart: as
    they were stored, with the owner of that, and an array at the same place of it."""
    for part in met:
        if views.is_memory(part) and id(part) in pairs:
            alive = pairs[id(part)][1]
            yield views.memory(part), alive, views.memory(alive)
        elif views.is_array(type(part)) and not part.dtype.hasobject:  # type: ignore[attr-defined]
            array: Any = part
            for owner in views.owners(array):
                if id(owner) in pairs:
                    alive = pairs[id(owner)][1]
                    if (now := views.beside(array, owner, alive)) is not None:
                        yield array, alive, now
            if array.size and (made := views.moved(array, moves.get(id(views.owner(array)), []))):
                yield array, made[0], views.load(*made)


def _alike(one: Any, other: Any) -> bool:
    """Whether two arrays, built alike, have the same bytes."""
    flat = views.memory(one), views.memory(other)
    if flat[0] is None or flat[1] is None or flat[0].shape != flat[1].shape:
        return bool(one.tobytes() == other.tobytes())
    return bool((flat[0] == flat[1]).all())


def parts(
    values: object,
    live: dict[str, Any],
    is_whole: Callable[[object], bool] | None = None,
    *,
    by_name: bool = False,
) -> list[object]:
    """The parts of a value in the order in which pickling meets them, without what has no identity
    of its own, nor what is inside of parts that ``is_whole`` says yes to. With ``by_name`` as where
    the namespace is an imported module, whose classes are told by their names."""
    kind = _ByName if by_name else _Walking

    def walk() -> list[object]:
        pickler = kind(io.BytesIO(), live, None, _reduced)
        pickler.is_whole = is_whole
        return _met(pickler, values)

    return steady(walk)


def _is_handle(part: object) -> bool:
    return reconnect.has_stand_in(type(part))


def _reduced(value: Any) -> tuple[Any, ...] | None:
    """As values are stored: without what a library's objects have worked out on one side only."""
    return reconnect.reduction(value) or cached.reduction(value)


def _apart(values: object, live: dict[str, Any]) -> list[object]:
    """The same without types of elements and indexes, and what is in them: two frames that were
    stored together may have one, and each its own where they were loaded one after the other."""
    pickler = _PastIndexes(io.BytesIO(), live, None, _reduced)
    pickler.is_whole = _is_handle
    met = (part for part in _met(pickler, values) if not immutable.is_of_frames(type(part)))
    return [part for part in met if not _is_handle(part)]


def _met(pickler: _Walking, values: object) -> list[object]:
    pickler.dump(values)
    met = sorted(pickler.memo.copy().values(), key=lambda entry: entry[0])
    return [part for _, part in met if type(part) not in _WITHOUT_IDENTITY]


_WITHOUT_IDENTITY = ATOMS | {tuple, frozenset}


class _Walking(codec.NotebookPickler):
    """Goes into what has parts. Arrays count as one, however their memory lies, and so does what
    could not be stored, or stands for it."""

    is_whole: Callable[[object], bool] | None = None

    def reducer_override(self, obj: Any) -> Any:
        """The reduction of an object for the sake of its parts."""
        kind = type(obj)
        if kind is Placeholder or (self.is_whole is not None and self.is_whole(obj)):
            return _leaf, ()
        if views.is_array(kind):
            return _leaf, _elements(obj) if obj.dtype.hasobject else ()
        try:
            found = self.reduction(obj)
            if found is NotImplemented and not issubclass(kind, (type, types.FunctionType)):
                if kind in self.dispatch_table:  # of cloudpickle's: it refuses a file, say
                    return self.dispatch_table[kind](obj)
                obj.__reduce_ex__(5)
        except BaseException as error:  # of any kind: it is the value's own code
            if not own_failure(error) or is_moving(error):
                raise
            return _leaf, ()
        return found


class _ByName(_Walking):
    def reduction(self, obj: Any) -> Any:
        """Of a class that its name stands for, that name."""
        if is_class(obj) and class_in(self._namespace, qualname_of(obj)) is obj:
            return NotImplemented
        return super().reduction(obj)


class _PastIndexes(_Walking):
    def reducer_override(self, obj: Any) -> Any:
        """As it is, without going into what cannot be changed of a frame."""
        return (_leaf, ()) if immutable.is_of_frames(type(obj)) else super().reducer_override(obj)


def _elements(array: Any) -> tuple[object, ...]:
    """The objects in an array, but for texts, numbers and the like: a table's column may have
    hundreds of thousands, and none of them has an identity of its own."""
    found: list[object] = array.ravel().tolist()
    if _ATOMS.issuperset(map(which, set(map(type, found)))):
        return ()
    return ([each for each in found if which(type(each)) not in _ATOMS],)


_ATOMS = frozenset(map(which, ATOMS))


def _leaf(*parts: object) -> None:
    """Stands in a pickle that nobody loads."""


Moves = Mapping[int, list[views.Move]]
"""Of the owners of memory of which the live one is another size, or laid out in another way, by id:
to where what is shown of it has moved."""


@dataclass
class _Alike:
    """Each stored part, by its id, with the live one: ``pairs``, and ``moves``."""

    pairs: dict[int, tuple[object, object]] = field(default_factory=dict)
    moves: dict[int, list[views.Move]] = field(default_factory=dict)


def _built_alike(mine: list[object], theirs: list[object]) -> _Alike | None:
    """What stands for what in values that are built alike; None for those that are not."""
    if len(mine) != len(theirs):
        return None
    made = _Alike()
    found = made.pairs
    shown: dict[int, list[tuple[Any, Any]]] = {}
    # What pandas guards it may have copied on one side only.
    guarded = any(map(frames.is_note, mine))
    for stored, alive in zip(mine, theirs, strict=True):
        if type(stored) is not type(alive) and type(stored) is not Placeholder:
            return None
        if not guarded and found.get(id(stored), (stored, alive))[1] is not alive:
            return None  # it is memory of another one, and that one's is somewhere else
        found[id(stored)] = stored, alive
        # A part of a class that is alive was loaded as what it is.
        if stored is not alive and views.is_array(type(stored)):
            shown.setdefault(id(views.owner(stored)), []).append((stored, alive))
    for each in shown.values():
        if not _pair_memory(made, each, guarded):
            return None
    return made


def paired(stored: Any, alive: Any) -> dict[int, object] | None:
    """What of a live array stands for which memory of a stored one, by its id; None if the two are
    laid out in different ways."""
    built = _built_alike([stored], [alive])
    if built is None or built.moves:
        return None
    return {i: live for i, (_, live) in built.pairs.items()}


def _pair_memory(made: _Alike, shown: list[tuple[Any, Any]], guarded: bool) -> bool:
    """Pair the owners of stored arrays, which have one, and of live ones, or tell where what they
    show has moved; False where the live ones share it otherwise."""
    owner, beyond = views.owners(shown[0][0])
    is_shown = any(stored is owner for stored, _ in shown)
    apart = False
    for stored, alive in shown:
        live_owner, live_beyond = views.owners(alive)
        # Of objects only those were compared that the array shows.
        known = is_shown or not owner.dtype.hasobject
        if not known or not _lies_alike(stored, owner, alive, live_owner):
            apart = True
            continue
        ends = [(owner, live_owner)]
        if beyond is not None:  # what was loaded lies in a bytearray of ours
            ends.append((beyond, live_owner if live_beyond is None else live_beyond))
        for one, other in ends:
            if made.pairs.setdefault(id(one), (one, other))[1] is not other and not guarded:
                return False
    if not apart:
        return True
    moves = [views.Move.of(*each) for each in shown if each[0].size]
    kept = views.joined([move for move in moves if move is not None])
    if is_shown or kept is None:
        return guarded
    for memory in (owner, beyond) if beyond is not None else (owner,):
        made.pairs.pop(id(memory), None)
        made.moves[id(memory)] = kept
    return True


def _lies_alike(one: Any, its_owner: Any, other: Any, others_owner: Any) -> bool:
    """Whether two arrays lie in the same place of the memory of their owners."""

    def place(array: Any, owner: Any) -> tuple[object, ...]:
        start = owner.__array_interface__["data"][0]
        at = array.__array_interface__["data"][0] - start
        has_gaps = not (owner.flags.c_contiguous or owner.flags.f_contiguous)
        return owner.nbytes, has_gaps, at, array.strides

    return place(one, its_owner) == place(other, others_owner)


def copied(
    capture: Capture, values: Any, parts: Mapping[int, object], moves: Moves = MappingProxyType({})
) -> Any:
    """A copy of values in which some parts, by their ids, are other objects, and some memory has
    moved. Raises what pickling raises, and LookupError for memory of which a part only has."""
    of_classes: enclosed.Owners = {}
    while True:
        sink = io.BytesIO()
        buffers: list[pickle.PickleBuffer] = []
        pickler = _Linking(sink, capture.live, buffers.append, parts, moves)
        pickler.enclosed = enclosed.Variables(of_classes)
        pickler.dump(values)
        if not pickler.enclosed.are_torn:
            break
        of_classes = pickler.enclosed.of
    with undrawn(), loading_into(Target(capture.live, absent=absent)):
        reader = _Linked(io.BytesIO(sink.getbuffer()), pickler.kept, buffers)
        return reader.load()


class _Linking(codec.NotebookPickler):
    """Passes by what has a counterpart, and what is to be one object wherever it is."""

    def __init__(
        self,
        file: Any,
        live: dict[str, Any],
        buffer_callback: Any,
        parts: Mapping[int, object],
        moves: Moves,
    ) -> None:
        windows = views.Windows(frozenset(parts), moves)
        super().__init__(file, live, buffer_callback, _reduced, windows=windows)
        self._parts = {**parts, **{id(owner): owner for owner in _owners(moves)}}
        self.kept: list[object] = []

    def filling(self, variable: types.CellType) -> types.CellType:
        """A live variable keeps what it holds."""
        return types.CellType() if id(variable) in self._parts else super().filling(variable)

    def _kept(self, cls: type) -> bool:
        """Whether a class is passed by: it is, with the variables of its functions, unless it comes
        with what it holds."""
        self.enclosed.note(cls, variables(cls))
        return not carried(cls, self._namespace)

    def reduction(self, obj: Any) -> Any:
        """As it is, but for a class that comes with what it holds: it gets the copies."""
        if is_class(obj):
            self.enclosed.note(obj, variables(obj))
            return _itself, (_Kept(obj),), carried(obj, self._namespace), None, None, hold
        return super().reduction(obj)

    def persistent_id(self, obj: Any) -> int | None:
        """The number of an object that is not copied."""
        kind = type(obj)
        if id(obj) in self._parts:
            self.kept.append(self._parts[id(obj)])
        elif kind is _Kept:
            self.kept.append(obj.value)
        elif issubclass(kind, type) and not self._kept(obj):
            return None
        elif (
            nans.is_nan(obj)
            or kind is Placeholder
            or issubclass(kind, type)
            or reconnect.is_handle(kind)
        ):
            self.kept.append(obj)
        else:
            return None
        return len(self.kept) - 1


@dataclass(frozen=True)
class _Kept:
    """A class that is not copied, while what it holds is."""

    value: type


def _itself(cls: type) -> type:
    return cls


class _Linked(pickle.Unpickler):
    def __init__(self, file: Any, kept: list[object], buffers: Any) -> None:
        super().__init__(file, buffers=buffers)
        self._kept = kept

    def persistent_load(self, pid: int) -> Any:
        """The object that was passed by."""
        return self._kept[pid]
