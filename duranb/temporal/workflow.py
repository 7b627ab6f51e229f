"""The one workflow that runs any plan. It handles references alone, and imports nothing of the
user's: adding a step to a notebook never breaks the replay of a run that began before.

All that it does follows from its input and from what the activities gave, in their order.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    import msgspec

    from duranb.plan import Node, load
    from duranb.temporal.board import Board, Conflict

NODE = "duranb_node"
"""The activity that runs a node."""

ITEMS = "duranb_items"
"""The activity that carries out a share of a node's map."""

UNDO = "duranb_undo"
"""The activity that undoes one."""

TELL = "duranb_tell"
"""The activity that tells values of variables as JSON."""

COMPENSATE = "compensate"

HEARTBEAT = 10.0
"""Seconds without a sign of life after which a worker is taken for dead."""

LONGEST = timedelta(days=365)
"""What a node may take at most; it is heartbeats that tell a dead worker."""

SPREAD = 200
"""Items of a map from which on several workers carry it out."""

SHARE = 50
"""Items that a worker is given at least."""

SHARES = 64
"""Shares of a map at most: the history stays short however many items there are."""

AT_ONCE = 16
"""Shares that are given to workers at once."""

TELLING = timedelta(minutes=10)
"""What loading the values for a result may take."""

SUMS = ("calls", "cost", "tokens", "unpriced")
"""What is added up over the nodes of a run (:class:`duranb.temporal.node.Spent`)."""

_SUMMARIES = {NODE: "", ITEMS: "items of ", UNDO: "undo "}

_AGAIN = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=30),
)
"""For a worker that died, or a bucket that failed. What a step's own policy retries is retried by
the engine, in the activity."""


@workflow.defn(name="duranb")
class Notebook:
    """One run of a plan.

    Its input is a dict: ``plan``, as its JSON says; ``parameters``, by name, as JSON; and where
    they are not the usual, ``on_failure`` (``"compensate"`` undoes all that a failed run did),
    ``heartbeat`` (seconds) and ``continue_after`` (nodes after which it continues as new; else it
    does when Temporal suggests so). ``run`` is a name for its journals in the bucket, under which
    it goes on with what an earlier try of it has done; else it has journals of its own. With
    Maps of ``spread`` items and more (0: none) are carried out by several workers. With
    ``wanted`` (names, or None for what the last step made) its result has what JSON can tell of
    those as ``told``, and why not of the others as ``untold``. Its result has the ``values`` of all
    variables, by reference, and what it ``cost``.
    """

    @workflow.init
    def __init__(self, start: dict[str, Any]) -> None:
        self._start = start
        self._plan = load(msgspec.json.encode(start["plan"]))
        carried = start.get("carried") or {}
        given = {f":{n}": [[-1, {"json": v}]] for n, v in start.get("parameters", {}).items()}
        self._board = Board(self._plan, carried.get("board") or {"versions": given})
        info = workflow.info()
        own = f"{info.workflow_id}/{info.first_execution_run_id}"
        self._run: str = carried.get("run") or start.get("run") or own
        # Later than the epochs of an earlier try under that name.
        self._first_turn = int(info.start_time.timestamp()) if start.get("run") else 0
        self._turns: dict[str, int] = carried.get("turns", {})
        self._said: dict[str, dict[str, dict[str, Any]]] = carried.get("said", {})
        self._totals: dict[str, Any] = dict.fromkeys(SUMS, 0) | carried.get("totals", {})
        self._undoable: list[str] = carried.get("undoable", [])
        self._maps: dict[str, list[dict[str, Any]]] = carried.get("maps", {})
        self._questions: dict[str, dict[str, Any]] = {}
        self._states: dict[str, str] = {}
        self._errors: dict[str, str] = {}
        self._finished_here = 0

    @workflow.run
    async def run(self, start: dict[str, Any]) -> dict[str, Any]:
        """Run the nodes that are left, each as soon as the edges allow."""
        try:
            await self._nodes()
        except BaseException as error:
            if not is_cancelled_exception(error):
                raise
            if start.get("on_failure") == COMPENSATE:
                await asyncio.shield(asyncio.create_task(self._undo_all()))
            raise
        if self._errors:
            await self._fail()
        values = {v.rpartition(":")[2]: found[-1][1] for v, found in self._board.latest()}
        result = {"values": values, **self._totals}
        return result | await self._tell() if "wanted" in start else result

    # -- what people ask and say -----------------------------------------------------------

    @workflow.query
    def status(self) -> dict[str, Any]:
        """How far it is: the state of each node, open questions, calls and cost so far."""
        states = {
            n.name: self._states.get(n.name, "done" if n.name in self._board.done else "to do")
            for n in self._plan.nodes
        }
        return {
            "run": self._run,
            "nodes": states,
            "questions": self._questions,
            "errors": self._errors,
            **self._totals,
        }

    @workflow.query
    def questions(self) -> dict[str, Any]:
        """The open questions, by the name to answer them by."""
        return self._questions

    @workflow.update
    def answer(self, question: str, value: Any) -> str:
        """Answer an open question. That of an effect in doubt is answered by ``[true]`` (it
        happened), ``[true, RESULT]`` or ``[false]`` (it did not)."""
        asked = self._questions.pop(question)
        said = self._said.setdefault(asked["node"], {"answers": {}, "verdicts": {}})
        said["verdicts" if asked["doubt"] else "answers"][str(asked["call"])] = value
        return f"{asked['node']} goes on"

    @answer.validator
    def _may_answer(self, question: str, value: Any) -> None:
        if question not in self._questions:
            known = ", ".join(self._questions) or "none"
            raise ApplicationError(f"there is no open question {question!r}; open are: {known}")
        doubt = self._questions[question]["doubt"]
        if doubt and not (isinstance(value, list) and value and isinstance(value[0], bool)):
            raise ApplicationError(
                "an effect in doubt: [true] says that it happened, [true, RESULT] with what "
                "result, and [false] that it did not"
            )

    # -- the nodes -------------------------------------------------------------------------

    async def _nodes(self) -> None:
        running: dict[str, asyncio.Task[None]] = {}
        while True:
            leaving = self._wants_to_continue()
            if not (self._errors or leaving):
                for node in self._board.ready():
                    if node.name not in running:
                        running[node.name] = asyncio.create_task(self._node(node))
            else:  # who only waits for an answer would keep it for ever
                for name in [n for n in running if self._states.get(n) == "waiting"]:
                    running.pop(name).cancel()
            if not running:
                break
            done, _ = await workflow.wait(running.values(), return_when=asyncio.FIRST_COMPLETED)
            for name in [n for n, task in running.items() if task in done]:
                running.pop(name).result()
        if self._wants_to_continue() and not self._errors:
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new({**self._start, "carried": self._carry()})

    def _wants_to_continue(self) -> bool:
        """Whether the history grows long, and there is something left to do."""
        if len(self._board.done) == len(self._plan.nodes) or not self._finished_here:
            return False
        limit = self._start.get("continue_after", 0)
        suggested = workflow.info().is_continue_as_new_suggested()
        return suggested or bool(limit and self._finished_here >= limit)

    def _carry(self) -> dict[str, Any]:
        return {
            "board": self._board.carry(),
            "run": self._run,
            "turns": self._turns,
            "said": self._said,
            "totals": self._totals,
            "undoable": self._undoable,
            "maps": self._maps,
        }

    async def _node(self, node: Node) -> None:
        """Run a node to its end, or until it failed: that is noted, and nothing is raised."""
        try:
            while True:
                self._states[node.name] = "running"
                found = await self._activity(NODE, node, self._order(node))
                if "shared" in found:
                    await self._share(node, found["shared"])
                elif "held" in found:
                    await self._hold(node, found["held"])
                else:
                    break
            self._board.finish(node, found["values"], found["random"])
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._note(node, _said(error))
            for spent in getattr(error.cause, "details", ())[:1]:
                self._spent(spent)
            return
        except Conflict as error:
            self._note(node, str(error))
            return
        finally:
            self._states.pop(node.name, None)
        self._finished_here += 1
        self._spent(found)
        if found["undoable"]:
            self._undoable.append(node.name)

    def _spent(self, sums: dict[str, Any]) -> None:
        """Take in what a node has cost, done or failed."""
        for name in SUMS:
            self._totals[name] += sums.get(name, 0)

    async def _tell(self) -> dict[str, Any]:
        """The values that were asked for, as the last to give each name has left it."""
        wanted = self._start["wanted"]
        if wanted is None:
            last = next((n for n in reversed(self._plan.nodes) if n.is_step), None)
            wanted = last.writes if last is not None else ()
        latest = {v: found[-1][1] for v, found in self._board.latest()}
        by_name = {v.rpartition(":")[2]: v for v in latest}
        takes = {n: latest[by_name[n]] for n in wanted if n in by_name}
        order = {"takes": takes, "names": list(wanted), "variables": by_name}
        told: dict[str, Any] = await workflow.execute_activity(
            TELL,
            order,
            start_to_close_timeout=TELLING,
            retry_policy=_AGAIN,
            summary="tells results",
        )
        return told

    def _note(self, node: Node, error: str) -> None:
        self._errors[node.name] = error
        if node.is_step:
            self._undoable.append(node.name)

    def _order(self, node: Node) -> dict[str, Any]:
        """What the activity is told; see :class:`duranb.temporal.node.Order`."""
        turn = self._turns[node.name] = self._turns.get(node.name, self._first_turn) + 1
        said = self._said.get(node.name, {})
        return {
            "run": self._run,
            "node": msgspec.to_builtins(node),
            "sources": self._plan.sources[node.name],
            "takes": self._board.begin(node),
            "random": self._board.random(node) if node.draws else "",
            "epoch": turn,
            "answers": said.get("answers", {}),
            "verdicts": said.get("verdicts", {}),
            "least": self._start.get("spread", SPREAD) if _can_be_spread(node) else 0,
            "maps": self._maps.get(node.name, []),
        }

    async def _share(self, node: Node, shared: dict[str, Any]) -> None:
        """Have workers carry out the items of a map. A share that fails ends it early: the node
        goes on with what is there, and fails as it would have by itself."""
        count = shared["count"]
        size = max(SHARE, -(-count // SHARES))
        gate, failed = asyncio.Semaphore(AT_ONCE), False

        async def one(first: int) -> str:
            nonlocal failed
            async with gate:
                if failed:
                    return ""
                mine = {**shared, "first": first, "last": min(first + size, count)}
                found = await self._activity(ITEMS, node, {**self._order(node), "share": mine})
                failed = failed or not found["whole"]
                return str(found["share"])

        names = await asyncio.gather(*(one(first) for first in range(0, count, size)))
        done = {**shared, "done": [name for name in names if name]}
        self._maps.setdefault(node.name, []).append(done)

    async def _hold(self, node: Node, held: dict[str, Any]) -> None:
        """Wait until one of a node's questions is answered, or its time has come."""
        mine = {f"{node.name}:{o['call']}": {**o, "node": node.name} for o in held["opens"]}
        self._questions.update(mine)
        self._states[node.name] = "waiting"
        until = held["until"]
        left = timedelta(microseconds=until - int(workflow.now().timestamp() * 1e6))
        try:
            await workflow.wait_condition(
                lambda: not (mine.keys() <= self._questions.keys()) if mine else False,
                timeout=max(left, timedelta(0)) if until else None,
                timeout_summary=f"{node.name} sleeps",
            )
        except TimeoutError:
            pass
        finally:
            for question in mine:
                self._questions.pop(question, None)

    async def _activity(self, name: str, node: Node, order: dict[str, Any]) -> dict[str, Any]:
        beats = float(self._start.get("heartbeat", HEARTBEAT))
        found: dict[str, Any] = await workflow.execute_activity(
            name,
            order,
            start_to_close_timeout=LONGEST,
            heartbeat_timeout=timedelta(seconds=beats),
            retry_policy=_AGAIN,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"{_SUMMARIES[name]}{node.name}",
        )
        return found

    # -- failure ---------------------------------------------------------------------------

    async def _fail(self) -> None:
        """End a run that cannot go on, with all that it did undone where that was asked for."""
        told = [f"step {name!r}: {error}" for name, error in self._errors.items()]
        if self._start.get("on_failure") == COMPENSATE:
            told.append(await self._undo_all())
        raise ApplicationError("\n".join(told), type="StepFailed", non_retryable=True)

    async def _undo_all(self) -> str:
        """Undo what the nodes did, the last one first. One that fails stops the chain."""
        undone = []
        for name in reversed(self._undoable):
            node = self._plan.by_name[name]
            self._states[name] = "being undone"
            try:
                found = await self._activity(UNDO, node, self._order(node))
            except ActivityError as error:
                self._states[name] = "not undone"
                return f"undoing what it had done stopped at step {name!r}: {_said(error)}"
            self._states[name] = "undone"
            undone += [name] if found["undone"] else []
        return f"what the run had done was undone, latest first: {', '.join(undone) or 'nothing'}"


def _can_be_spread(node: Node) -> bool:
    """Whether items of its maps may be carried out in several processes: what they do beside their
    results would stay there, and a budget is one for all."""
    beside = node.changes or node.uses or node.draws or node.alone
    budget = node.policy is not None and node.policy.budget is not None
    return node.kind == "map" and not (beside or budget)


def _said(error: ActivityError) -> str:
    cause = error.cause or error
    kind = f"{cause.type}: " if isinstance(cause, ApplicationError) and cause.type else ""
    return f"{kind}{cause.message if isinstance(cause, ApplicationError) else cause}"
