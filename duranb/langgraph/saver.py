"""A LangGraph checkpointer whose threads lie in the notebook's own store.

What LangGraph writes becomes entries of a trail (:mod:`duranb.engine.trails`), so that a thread
goes with the timeline: a rewind takes the conversation back, a fork lets it go on another way, a
step that is run again does not find its own earlier turn in it. To read, LangGraph's own saver in
memory follows the trail.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from duranb.engine.trails import Trail
from duranb.store.port import Receipt

_Packed = tuple[str, tuple[str, bytes]]
"""What an entry holds: the name of the operation, and its arguments as the serializer has them."""
_decoder = msgspec.msgpack.Decoder(_Packed)


class DuckDBSaver(BaseCheckpointSaver[str]):
    """Keeps the threads of LangGraph's agents in the notebook's store, beside its steps.

    Make it in a cell, and compile with it: ``builder.compile(checkpointer=DuckDBSaver())``. All of
    LangGraph's optional operations are there. What ``delete_thread`` and ``prune`` take away is
    gone for LangGraph, and stays in the history, which a rewind can go back to. Agents that must
    not see each other's threads have savers of different ``name``. Safe from threads and tasks.

    ``serde`` is how values become bytes; those that msgpack cannot hold (a DataFrame) are pickled:
    the store is the user's own, or is not read.

    Raises :class:`duranb.errors.UsageError` where no store is open: ``%load_ext duranb``, or
    ``duranb.durable()`` in a script, opens one.
    """

    def __init__(
        self, *, name: str = "LangGraph threads", serde: SerializerProtocol | None = None
    ) -> None:
        super().__init__(serde=serde or JsonPlusSerializer(pickle_fallback=True))
        self.trail = Trail(name)

    # -- writing ---------------------------------------------------------------------------

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint; it is durable when this returns."""
        receipt, after = self._put(config, checkpoint, metadata, new_versions)
        receipt.wait()
        return after

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """What :meth:`put` does, without blocking the event loop."""
        receipt, after = self._put(config, checkpoint, metadata, new_versions)
        await receipt
        return after

    def _put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> tuple[Receipt, RunnableConfig]:
        config, values = _named(config), checkpoint["channel_values"]
        new = {k: v for k, v in values.items() if k in new_versions}  # the others are there already
        kept = {**checkpoint, "channel_values": new}
        receipt = self._write("put", config, kept, metadata, new_versions)
        here = {**config["configurable"], "checkpoint_id": checkpoint["id"]}
        named = {k: here[k] for k in ("thread_id", "checkpoint_ns", "checkpoint_id")}
        return receipt, {"configurable": named}

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Keep what a task wrote after a checkpoint."""
        self._write("put_writes", _named(config), list(writes), task_id, task_path).wait()

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """What :meth:`put_writes` does, without blocking the event loop."""
        await self._write("put_writes", _named(config), list(writes), task_id, task_path)

    def delete_thread(self, thread_id: str) -> None:
        """Take a thread away."""
        self._write("delete_thread", thread_id).wait()

    async def adelete_thread(self, thread_id: str) -> None:
        """What :meth:`delete_thread` does, without blocking the event loop."""
        await self._write("delete_thread", thread_id)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Take away the checkpoints that runs with these ids (in their metadata) have made."""
        self._write("delete_for_runs", list(run_ids)).wait()

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """What :meth:`delete_for_runs` does, without blocking the event loop."""
        await self._write("delete_for_runs", list(run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Give a thread's checkpoints and writes to another one too."""
        self._write("copy_thread", source_thread_id, target_thread_id).wait()

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """What :meth:`copy_thread` does, without blocking the event loop."""
        await self._write("copy_thread", source_thread_id, target_thread_id)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Take away all checkpoints of some threads, or (``keep_latest``) all but the latest one of
        each. Raises ValueError for another ``strategy`` than ``keep_latest`` and ``delete``."""
        self._write("prune", list(thread_ids), _known(strategy)).wait()

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """What :meth:`prune` does, without blocking the event loop."""
        await self._write("prune", list(thread_ids), _known(strategy))

    def _write(self, operation: str, *arguments: Any) -> Receipt:
        packed = operation, self.serde.dumps_typed(list(arguments))
        return self.trail.add(msgspec.msgpack.encode(packed))

    # -- reading ---------------------------------------------------------------------------

    def _threads(self) -> _Threads:
        return self.trail.follow(lambda: _Threads(serde=self.serde), _Threads.take)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that ``config`` names, the latest of its thread where it names none."""
        return self._threads().get_tuple(config)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """What :meth:`get_tuple` gives, without blocking the event loop."""
        return await asyncio.to_thread(self.get_tuple, config)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """The checkpoints of a thread (of all where ``config`` is None), the latest first."""
        yield from [*self._threads().list(config, filter=filter, before=before, limit=limit)]

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """What :meth:`list` gives, without blocking the event loop."""
        found = await asyncio.to_thread(
            lambda: [*self.list(config, filter=filter, before=before, limit=limit)]
        )
        for each in found:
            yield each

    def get_delta_channel_history(self, *, config: RunnableConfig, channels: Sequence[str]) -> Any:
        """What was written to some channels on the way to a checkpoint."""
        return self._threads().get_delta_channel_history(config=config, channels=channels)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Any:
        """What :meth:`get_delta_channel_history` gives, without blocking the event loop."""
        return await asyncio.to_thread(
            lambda: self.get_delta_channel_history(config=config, channels=channels)
        )

    def get_next_version(self, current: str | None, channel: None) -> str:
        """The version of a channel after ``current``. It sorts as text, and is another one on each
        way that a thread goes on from a checkpoint; no random number is drawn for it."""
        number = int(current.partition(".")[0]) if current else 0
        return f"{number + 1:032}.{self.trail.end[:16]}"


class _Threads(InMemorySaver):
    """LangGraph's saver in memory, as it stands after the entries that it took.

    Checkpoints that were pruned are hidden, not dropped: later ones may hold a channel as what
    changed since one of them (LangGraph's ``DeltaChannel``).
    """

    def __init__(self, serde: SerializerProtocol) -> None:
        super().__init__(serde=serde)
        self._hidden: set[tuple[str, str, str]] = set()

    def take(self, entry: bytes) -> None:
        """Do what an entry says was done."""
        operation, arguments = _decoder.decode(entry)
        getattr(self, operation)(*self.serde.loads_typed(arguments))

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See :meth:`DuckDBSaver.get_tuple`."""
        here = config["configurable"]
        thread, space = here["thread_id"], here.get("checkpoint_ns", "")
        number = get_checkpoint_id(config) or max(self._shown(thread, space), default="")
        if not number or (thread, space, number) in self._hidden:
            return None
        named = {"thread_id": thread, "checkpoint_ns": space, "checkpoint_id": number}
        return super().get_tuple({"configurable": {**here, **named}})

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """See :meth:`DuckDBSaver.list`."""
        found = super().list(config, filter=filter, before=before)
        return islice((x for x in found if _place(x.config) not in self._hidden), limit)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """See :meth:`DuckDBSaver.delete_for_runs`."""
        made = [x for x in self.list(None) if x.metadata.get("run_id") in run_ids]
        self._hidden.update(_place(x.config) for x in made)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """See :meth:`DuckDBSaver.copy_thread`."""
        source, target = source_thread_id, target_thread_id
        for space, checkpoints in [*self.storage.get(source, {}).items()]:
            self.storage[target][space].update(checkpoints)
        for (thread, space, number), writes in [*self.writes.items()]:
            if thread == source:
                self.writes[target, space, number].update(writes)
        for (thread, space, channel, version), blob in [*self.blobs.items()]:
            if thread == source:
                self.blobs[target, space, channel, version] = blob
        self._hidden |= {
            (target, space, n) for thread, space, n in self._hidden if thread == source
        }

    def prune(self, thread_ids: Sequence[str], strategy: str = "keep_latest") -> None:
        """See :meth:`DuckDBSaver.prune`."""
        for thread in thread_ids:
            if strategy == "delete":
                self.delete_thread(thread)
                continue
            for space in self.storage.get(thread, {}):
                older = sorted(self._shown(thread, space))[:-1]
                self._hidden.update((thread, space, number) for number in older)

    def _shown(self, thread: str, space: str) -> Iterator[str]:
        numbers = self.storage.get(thread, {}).get(space, {})
        return (n for n in numbers if (thread, space, n) not in self._hidden)


def _place(config: RunnableConfig) -> tuple[str, str, str]:
    here = config["configurable"]
    return here["thread_id"], here["checkpoint_ns"], here["checkpoint_id"]


def _named(config: RunnableConfig) -> RunnableConfig:
    """Of a config what names a checkpoint and says who made it: the rest is not the saver's."""
    here = {k: v for k, v in config["configurable"].items() if not k.startswith("__")}
    here.setdefault("checkpoint_ns", "")
    return {"configurable": here, "metadata": dict(config.get("metadata") or {})}


def _known(strategy: str) -> str:
    if strategy not in ("keep_latest", "delete"):
        raise ValueError(f"the strategy is keep_latest or delete, not {strategy!r}")
    return strategy
