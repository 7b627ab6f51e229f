"""``duranb.memory``: what an agent remembers, and finds again by meaning.

Facts and conversations are entries of a trail (:mod:`duranb.engine.trails`), so they go with the
timeline: a rewind rewinds what the agent remembers. Vectors come from the user's embedding model,
whose calls are journaled like any other, and are compared in DuckDB.
"""

from __future__ import annotations

import array
import asyncio
import inspect
import math
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from duranb.engine.trails import Trail
from duranb.errors import UsageError

if TYPE_CHECKING:
    import duckdb

Vectors: TypeAlias = Sequence[Sequence[float]]
Embed: TypeAlias = Callable[[list[str]], Vectors | Awaitable[Vectors]]
"""Gives each text its vector, all of the same length."""


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something to remember. ``id`` counts the facts of a memory from 1; ``about`` is whatever the
    agent noted beside the text; ``score`` is its cosine similarity to what was asked, from -1 to 1
    (1 where nothing was asked)."""

    id: int
    text: str
    about: dict[str, Any] = {}
    score: float = 1.0


class _Remembered(msgspec.Struct, frozen=True, tag="fact", array_like=True):
    text: str
    about: dict[str, Any]
    vector: bytes
    """float32, little-endian."""
    model: str = ""
    """The name of the embedding model, where that is known."""


class _Forgotten(msgspec.Struct, frozen=True, tag="forgotten", array_like=True):
    fact: int


class _Said(msgspec.Struct, frozen=True, tag="said", array_like=True):
    conversation: str
    message: dict[str, Any]


_encoder = msgspec.msgpack.Encoder()
_in_order = msgspec.msgpack.Encoder(order="deterministic")
_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(_Remembered | _Forgotten | _Said)
_adding = threading.Lock()


class Memory:
    """One agent's memory, made by :func:`memory`. Safe from threads and tasks."""

    def __init__(self, trail: Trail, embed: Embed | None) -> None:
        self.trail = trail
        self._embed = embed

    # -- facts -----------------------------------------------------------------------------

    def add(self, text: str, **about: Any) -> Fact:
        """Remember a text. ``about`` are values of JSON to choose by later.

        Raises :class:`UsageError` where the memory has no ``embed``, or its vectors do not fit.
        """
        about = _as_stored(about)
        return self._add(text, about, self._vectors([text]))

    async def aadd(self, text: str, **about: Any) -> Fact:
        """What :meth:`add` does, without blocking the event loop."""
        about = _as_stored(about)
        vectors = await self._avectors([text])
        return await asyncio.to_thread(self._add, text, about, vectors)

    def _add(self, text: str, about: dict[str, Any], vectors: Vectors) -> Fact:
        vector = self._vector(vectors)
        self._check(self._held(), vector)
        with _adding:
            self._write(_Remembered(text, about, vector.tobytes(), self._model))
            return self._held().latest()

    def recall(self, query: str, k: int = 5, **about: Any) -> list[Fact]:
        """The ``k`` facts that come closest to a query, the closest first; with ``about``, only
        those that were noted with the same values."""
        held, about = self._held(), _as_stored(about)
        if not held.facts:
            return []
        return self._closest(held, self._vectors([query]), k, about)

    async def arecall(self, query: str, k: int = 5, **about: Any) -> list[Fact]:
        """What :meth:`recall` gives, without blocking the event loop."""
        about = _as_stored(about)
        held = await asyncio.to_thread(self._held)
        if not held.facts:
            return []
        vectors = await self._avectors([query])
        return await asyncio.to_thread(self._closest, held, vectors, k, about)

    def _closest(self, held: _Held, vectors: Vectors, k: int, about: dict[str, Any]) -> list[Fact]:
        vector = self._vector(vectors)
        self._check(held, vector)
        return held.closest(vector, k, about)

    def facts(self, **about: Any) -> list[Fact]:
        """All facts, the oldest first; with ``about``, those noted with the same values."""
        about = _as_stored(about)
        return [_copied(f) for f in list(self._held().facts.values()) if _fits(f, about)]

    def forget(self, fact: Fact | int) -> None:
        """Remember a fact no longer. Raises :class:`UsageError` for one that is not remembered."""
        number = fact if isinstance(fact, int) else fact.id
        with _adding:
            if number not in self._held().facts:
                raise UsageError(f"{self.trail.name} remembers no fact {number}")
            self._write(_Forgotten(number))

    # -- conversations ---------------------------------------------------------------------

    def say(self, role: str, content: Any = None, *, conversation: str = "", **more: Any) -> None:
        """Add a message to a conversation, as chat APIs have them: a role and a content (and
        ``tool_calls``, ``tool_call_id``, …)."""
        message = {"role": role, "content": content, **more}
        self._write(_Said(conversation, msgspec.to_builtins(message, enc_hook=_plain)))

    def messages(self, conversation: str = "", last: int | None = None) -> list[dict[str, Any]]:
        """A conversation's messages, the oldest first, to be given to a chat API; at most the
        ``last`` ones."""
        said = self._held().said.get(conversation, [])
        some = said if last is None else said[max(0, len(said) - last) :]
        return [_own(message) for message in some]

    def conversations(self) -> list[str]:
        """The names of all conversations, in the order in which they began."""
        return list(self._held().said)

    def __repr__(self) -> str:
        held = self._held()
        said = sum(map(len, list(held.said.values())))
        return f"<memory {self.trail.name!r}: {len(held.facts)} facts, {said} messages>"

    # -- how -------------------------------------------------------------------------------

    def _held(self) -> _Held:
        return self.trail.follow(_Held, _Held.take)

    def _write(self, entry: msgspec.Struct) -> None:
        self.trail.add(_encoder.encode(entry)).wait()

    def _vectors(self, texts: list[str]) -> Vectors:
        found = self._need_embed()(texts)
        if inspect.isawaitable(found):
            if inspect.iscoroutine(found):
                found.close()
            raise UsageError(f"{self.trail.name}: its embed is async: await aadd() and arecall()")
        return found

    async def _avectors(self, texts: list[str]) -> Vectors:
        embed = self._need_embed()
        if inspect.iscoroutinefunction(embed):
            awaited: Vectors = await embed(texts)
            return awaited
        return await asyncio.to_thread(self._vectors, texts)

    def _vector(self, vectors: Vectors) -> array.array[float]:
        """The vector of the one text that was given."""
        if len(vectors) != 1:
            raise UsageError(
                f"{self.trail.name}: its embed was given 1 text and gave {len(vectors)} vectors: "
                "it takes a list of texts, and gives a list with the vector of each"
            )
        vector = array.array("f", vectors[0])
        if not vector or not all(map(math.isfinite, vector)):
            raise UsageError(
                f"{self.trail.name}: its embed gave a vector that cannot be compared "
                f"({'it is empty' if not vector else 'not all of it are finite numbers'})"
            )
        return vector

    def _check(self, held: _Held, vector: array.array[float]) -> None:
        """Vectors of another model may be as long, and say nothing about one another."""
        advice = "use the embedding model that they were made with, or a memory of another name"
        if held.length not in (0, len(vector)):
            raise UsageError(
                f"{self.trail.name}: its facts have vectors of {held.length} numbers, and this one "
                f"has {len(vector)}: {advice}"
            )
        if held.model and self._model and held.model != self._model:
            raise UsageError(
                f"{self.trail.name}: its facts have vectors of {held.model}, and this one is of "
                f"{self._model}: {advice}"
            )

    @property
    def _model(self) -> str:
        """The name of the embedding model, where that is known."""
        return self._embed.name if isinstance(self._embed, _Model) else ""

    def _need_embed(self) -> Embed:
        if self._embed is None:
            raise UsageError(
                f"{self.trail.name} has nothing to find facts with: "
                'make it with embed="text-embedding-3-small", or with a function'
            )
        return self._embed


@dataclass
class _Held:
    """What a memory holds at one point of its trail. ``length`` is that of its vectors, ``model``
    the embedding model that made them, where that is known."""

    facts: dict[int, Fact] = field(default_factory=dict)
    said: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    length: int = 0
    model: str = ""
    _count: int = 0
    _new: list[tuple[int, bytes]] = field(default_factory=list)
    _table: duckdb.DuckDBPyConnection | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, entry: bytes) -> None:
        """Take one entry of the trail in."""
        match _decoder.decode(entry):
            case _Remembered(text, about, vector, model):
                self._count += 1
                self.length = len(vector) // 4
                self.model = model or self.model
                self.facts[self._count] = Fact(self._count, text, about)
                self._new.append((self._count, vector))
            case _Forgotten(fact):
                self.facts.pop(fact, None)  # two branches may have forgotten it
            case _Said(conversation, message):
                self.said.setdefault(conversation, []).append(message)

    def latest(self) -> Fact:
        """The fact that was remembered last."""
        return _copied(self.facts[self._count])

    def closest(self, vector: Sequence[float], k: int, about: dict[str, Any]) -> list[Fact]:
        """See :meth:`Memory.recall`."""
        fit = [n for n, fact in list(self.facts.items()) if _fits(fact, about)]
        with self._lock:
            rows = self._query(
                # DuckDB gives a vector of zeros a NaN, and sorts that before the closest.
                "SELECT id, CASE WHEN isnan(s) THEN 0 ELSE s END AS score FROM "
                "(SELECT id, array_cosine_similarity(vector, $1) AS s FROM facts "
                "WHERE id IN (SELECT unnest($2::INTEGER[]))) ORDER BY score DESC, id LIMIT $3",
                list(vector),
                fit,
                max(0, k),
            )
        known = [(self.facts.get(n), score) for n, score in rows]
        return [_copied(f, score) for f, score in known if f is not None]

    def _query(self, sql: str, vector: list[float], fit: list[int], k: int) -> list[Any]:
        import duckdb  # a notebook whose agent remembers no facts need not load it

        kind = f"FLOAT[{self.length}]"
        try:
            if self._table is None:
                self._table = duckdb.connect(":memory:", config={"threads": 1})
                self._table.execute(f"CREATE TABLE facts (id INTEGER, vector {kind})")
            while self._new:
                some = self._new[:_ROWS]  # more may be added while these are put there
                vectors = [array.array("f", v).tolist() for _, v in some]
                self._table.execute(
                    f"INSERT INTO facts SELECT unnest($1::INTEGER[]), unnest($2::{kind}[])",
                    [[n for n, _ in some], vectors],
                )
                del self._new[: len(some)]
            sql = sql.replace("$1", f"$1::{kind}")
            return self._table.execute(sql, [vector, fit, k]).fetchall()
        except RuntimeError as error:
            if "interrupt" not in str(error).lower():
                raise
            raise KeyboardInterrupt from None  # DuckDB's way to say that the user stopped the cell


_ROWS = 500
"""How many vectors are given to DuckDB at once."""


def _fits(fact: Fact, about: dict[str, Any]) -> bool:
    return all(fact.about.get(name) == value for name, value in about.items())


def _copied(fact: Fact, score: float = 1.0) -> Fact:
    """A fact for whoever asked: what they do to it is not what is remembered."""
    return msgspec.structs.replace(fact, about=_own(fact.about), score=score)


def _own(noted: dict[str, Any]) -> dict[str, Any]:
    copy: dict[str, Any] = msgspec.to_builtins(noted, builtin_types=(bytes, datetime))
    return copy


def _as_stored(about: dict[str, Any]) -> dict[str, Any]:
    """What is noted beside a text, as it comes back: a tuple is a list then, a time a text. So what
    is looked for is found by what was given."""
    try:
        found: dict[str, Any] = msgspec.msgpack.decode(_in_order.encode(about))
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"a memory notes values of JSON beside a text: {error}") from None
    return found


def _plain(value: Any) -> Any:
    """A message's parts that are pydantic's, as the SDKs give them."""
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    raise UsageError(f"a message holds JSON values, and a {type(value).__name__} is none")


def memory(
    name: str = "memory",
    *,
    embed: str | Embed | None = None,
    client: Any = None,
    across_runs: bool = False,
) -> Memory:
    """An agent's memory: facts that are found again by meaning, and conversations.

    Make it in a cell, and use it in steps: it goes with the timeline, so that a rewind, a fork or a
    retry remembers what had been remembered there. ``embed`` gives texts their vectors: the name of
    an OpenAI embedding model (asked through ``client``, or ``openai.OpenAI()``), or a function,
    async ones too. ``across_runs`` begins with what earlier runs of the notebook had remembered.

    Raises :class:`UsageError` where no store is open.
    """
    if isinstance(embed, str):
        embed = _Model(embed, client)
    return Memory(Trail(name, across_runs=across_runs), embed)


@dataclass
class _Model:
    """An embedding model of OpenAI's, or of a server that speaks its language."""

    name: str
    client: Any

    def __call__(self, texts: list[str]) -> Vectors:
        if self.client is None:
            import openai

            self.client = openai.OpenAI()
        answer = self.client.embeddings.create(
            model=self.name, input=texts, encoding_format="float"
        )
        if inspect.isawaitable(answer):
            raise UsageError("a memory's client is a sync one (openai.OpenAI)")
        return [each.embedding for each in answer.data]
