"""What cannot be stored: how it is told apart, and what can be seen of it.

No bytes say whether such an object changed. Its *version* is how it was made: the code of the cells
that bound or may have changed it, and what they read. So it is the same in every life in which the
same is done. Its *look* is a digest of what lies open in it, without asking the object; it is only
compared within one process, to tell whether code that could touch the object did change it.
"""

from __future__ import annotations

import copyreg
import types
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import blake3
import xxhash

from duranb.code import identity, looking
from duranb.code.fingerprint import Uses
from duranb.code.looking import is_a, module_of, own_failure
from duranb.record.events import Binding
from duranb.state import reconnect
from duranb.values import native
from duranb.values.immutable import is_immutable_kind

UNSTORABLE = "unstorable:"
"""What the versions of such values begin with."""

CLOSED = "closed"
"""The look of an object that shows nothing: nobody can tell whether it changed."""

_MOST = 20_000
"""Parts that are looked at. What has more than that is taken for closed."""


@dataclass(frozen=True)
class Code:
    """Code that ran: ``loads`` are the names it could touch (None: any), ``digest`` is what it is,
    ``reads`` what it was given, ``step`` the durable step that it is, if it is one, and ``seeds``
    its calls that may seed a random generator (:mod:`duranb.state.seeding`)."""

    loads: frozenset[str] | None
    digest: str
    reads: frozenset[str] = frozenset()
    step: str = ""
    seeds: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def unknown(cls) -> Code:
        """Code that nobody has seen: a widget's callback."""
        return cls(None, "unknown")

    def could_touch(self, name: str) -> bool:
        """Whether it could have bound or changed the value of a name."""
        return self.loads is None or name in self.loads


class Ran:
    """The code that ran since the last look, in order."""

    def __init__(self, uses: Uses) -> None:
        self._uses = uses
        self.codes: list[Code] = []

    def of(self, name: str) -> list[Code]:
        """What could have bound or changed a value; all that ran, where none is known."""
        return [c for c in self.codes if c.could_touch(name)] or self.codes

    def told(self, name: str, bindings: Mapping[str, Binding]) -> list[str]:
        """What made or changed a value, with what that read: its code, and the versions of the
        other names, from their ``bindings``."""
        return [self._given(code, name, bindings) for code in self.of(name)]

    def _given(self, code: Code, name: str, bindings: Mapping[str, Binding]) -> str:
        if not code.reads:
            return code.digest
        reach = self._uses.of(code.reads)
        told = [f"{n} {f}" for n, f in reach.uses.items()]
        read = (code.reads | reach.data) - reach.uses.keys() - {name}
        told += [f"{n} {bindings[n].version}" for n in read if n in bindings]
        return "\n".join([code.digest, *sorted(told)])


def version(told: str, before: str, codes: Iterable[str]) -> str:
    """The version of a value whose type or content, as far as that is known, tells ``told``, that
    had version ``before`` (empty for a new object), and that code with these digests made or
    changed. One that changes while none runs, by threads of its own, is as it was made."""
    found, ran = before, list(codes)
    if not ran and before.startswith(f"{told}:"):
        return before
    for code in ran:
        found = blake3.blake3(f"{found} {code}".encode()).hexdigest(8)
    return f"{told}:{found}" if found else told


def is_unstorable(version: str) -> bool:
    """Whether a version is that of a value that could not be stored."""
    return version.startswith(UNSTORABLE)


def look(value: object) -> str:
    """What can be seen of an object now, or :data:`CLOSED`."""
    seen = _Look()
    try:
        seen.at(value)
    except BaseException as error:  # changed by another thread, or a type that lies about itself
        if not own_failure(error):
            raise
        return CLOSED
    return seen.told()


class _Look:
    """One walk through what lies open: attributes, slots and containers, each object once."""

    def __init__(self) -> None:
        self._hasher = xxhash.xxh3_128()
        self._numbers: dict[int, int] = {}
        self._held: list[object] = []
        self._queue: deque[object] = deque()
        self._open = False
        self._hides = False

    def at(self, value: object) -> None:
        """Go through a value."""
        self._queue.append(value)
        while self._queue and len(self._held) <= _MOST:
            self._part(self._queue.popleft())

    def told(self) -> str:
        """The digest, once it is all gone through."""
        if self._queue or self._hides or not self._open:
            return CLOSED
        return self._hasher.hexdigest()

    def _say(self, *words: object) -> None:
        self._hasher.update(repr(words).encode(errors="surrogatepass"))

    def _part(self, value: Any) -> None:
        kind = type(value)
        if kind in _HASHED:
            short = kind is int and value.bit_length() < 64
            self._say(kind.__name__, value if short else hash(value))
            return
        if id(value) in self._numbers:
            self._say("again", self._numbers[id(value)])
            return
        self._numbers[id(value)] = len(self._held)
        self._held.append(value)
        if kind in _ITSELF or issubclass(kind, type) or _is_plumbing(kind):
            self._say(kind.__qualname__, id(value))
            return
        self._say(kind.__qualname__)
        if kind is dict:
            self._several(len(value), [p for pair in list(value.items()) for p in pair])
        elif kind in _ORDERED:
            self._several(len(value), list(value))
        elif kind in (set, frozenset):
            self._several(len(value), sorted(value, key=id))
        elif kind is bytearray:
            self._say(hash(bytes(value)))
            self._open = True
        elif kind in _FRAMES:
            self._frame(value, *_FRAMES[kind])
        elif kind in _ITERATORS:
            self._several(1, [*value.__reduce__()[1:]])
        else:
            self._attributes(value)

    def _several(self, count: int, parts: list[object]) -> None:
        self._say(count)
        self._open = True
        self._queue += parts

    def _frame(self, value: object, frame: str, *state: str) -> None:
        """A generator or coroutine: where it stands, and with what."""
        at = getattr(value, frame)
        self._say(*(getattr(value, s) for s in state))
        self._open = True
        if at is not None:
            self._say(at.f_lasti)
            self._queue.append(dict(at.f_locals))

    def _attributes(self, value: object) -> None:
        kind = type(value)
        shows = kind.__dictoffset__ or any("__slots__" in vars(each) for each in kind.__mro__)
        if shows:
            self._open = True
            self._say(*looking.own(value))
            self._queue += identity.parts(value)
        try:
            buffer = memoryview(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, BufferError):
            if not is_immutable_kind(kind) and native.hides_state(kind):
                self._hidden(value)
            return
        self._hides = self._hides or native.is_address(kind)
        if buffer.contiguous:
            self._open = True
            self._hasher.update(buffer.cast("B") if buffer.nbytes else b"")

    def _hidden(self, value: object) -> None:
        """What has state that nothing shows: a connection to a database in memory, a solver. Where
        its type was made in C and can be pickled, that tells it."""
        kind = type(value)
        asks = [getattr(kind, name) for name in ("__reduce_ex__", "__reduce__", "__getstate__")]
        if kind in copyreg.dispatch_table or any(is_a(each, types.FunctionType) for each in asks):
            return  # the code of whoever wrote it: not run for a look
        if asks[:2] == _NO_REDUCE:
            self._hides = True
        elif module_of(kind) != "itertools":  # which are told to stop being asked
            self._asked(value)

    def _asked(self, value: Any) -> None:
        try:
            reduced = value.__reduce_ex__(4)
        except BaseException as error:
            if not own_failure(error):
                raise
            self._hides = True
            return
        if type(reduced) is tuple:
            self._queue += reduced[1:]


_NO_REDUCE = [object.__reduce_ex__, object.__reduce__]


def _is_plumbing(kind: type) -> bool:
    """Whether objects of a type carry bytes or guard others: what they hold is no state of the
    user's, and changes by itself."""
    top = str(getattr(kind, "__module__", "")).partition(".")[0]
    return top in _PLUMBING or looking.full_name(kind) in _SHOWN or reconnect.is_handle(kind)


_SHOWN = frozenset({"ipywidgets.widgets.widget_output.Output"})
"""What the page writes into by itself: an area of output, when it has shown what was printed."""

_HASHED = frozenset({str, bytes, int, float, complex, bool, type(None), type(Ellipsis), range})
_ORDERED = frozenset({list, tuple, deque})
_ITSELF = frozenset(
    {
        types.ModuleType,
        types.FunctionType,
        types.BuiltinFunctionType,
        types.CodeType,
        types.FrameType,
        types.MappingProxyType,
    }
)
_FRAMES: Mapping[type, tuple[str, ...]] = {
    types.GeneratorType: ("gi_frame", "gi_running"),
    types.CoroutineType: ("cr_frame", "cr_running"),
    types.AsyncGeneratorType: ("ag_frame", "ag_running"),
}
_EMPTY: tuple[Iterable[object], ...] = (
    [],
    (),
    "",
    b"",
    range(0),
    {},
    {}.values(),
    {}.items(),
    set(),
)
_ITERATORS = {type(iter(each)) for each in _EMPTY}
_ITERATORS |= {map, filter, zip, enumerate, reversed, type(reversed([]))}
_PLUMBING = frozenset(
    {
        "IPython",
        "ipykernel",
        "comm",
        "duranb",
        "jupyter_client",
        "threading",
        "_thread",
        "asyncio",
        "_asyncio",
        "ssl",
        "_ssl",
        "socket",
        "_socket",
        "logging",
    }
    | {"selectors", "weakref", "concurrent", "tornado", "zmq", "anyio", "sniffio", "contextvars"}
    | {"httpx", "httpx2", "httpcore", "httpcore2", "h11", "h2", "urllib3", "requests", "aiohttp"}
)
