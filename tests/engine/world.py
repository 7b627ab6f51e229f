"""A notebook without a kernel, a disk or a network: the engine over a store in memory."""

from __future__ import annotations

import ast
import asyncio
import inspect
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import duranb
from duranb.code import commands, dataflow, fingerprint, mentions
from duranb.code.fingerprint import Uses
from duranb.engine import context, flows, restoring, saga
from duranb.engine.decide import decide
from duranb.engine.keeping import CellState
from duranb.engine.options import parse
from duranb.engine.runtime import Runtime, Settings, activate, using
from duranb.engine.spec import Spec
from duranb.engine.steprun import NOTHING, StepRun
from duranb.llm.refusals import met_again
from duranb.record import events as e
from duranb.record.fold import Fold
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.record.model import Call, Execution
from duranb.state import Namespace, seeding
from duranb.store import MemoryStore


class Model:
    """A model that counts what it is paid for. ``answers`` gives what it says to a prompt, in turn
    and then the last for ever; an exception among them is raised. Others get ``PROMPT 1``, …"""

    def __init__(self) -> None:
        self.paid: list[str] = []
        self.answers: dict[str, list[str | BaseException]] = {}
        self.delay = 0.0
        self._numbers = itertools.count(1)

    def _answer(self, prompt: str) -> str:
        self.paid.append(prompt)
        planned = self.answers.get(prompt)
        if planned is None:
            return f"{prompt} {next(self._numbers)}"
        answer = planned.pop(0) if len(planned) > 1 else planned[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def exchange(self, prompt: str, kind: Kind) -> flows.Flow[str]:
        here = context.current()
        claim = here.journal.claim(kind, kind.key(prompt), f"ask {prompt}") if here else None
        if claim is None:
            yield flows.Pause(self.delay)
            return self._answer(prompt)
        if claim.failure is not None and claim.failure.error is not None:
            raise met_again(claim.failure.error)
        if claim.settled:
            return bytes(claim.response()).decode()
        try:
            yield flows.Pause(self.delay)
            answer = self._answer(prompt)
        except Exception as error:
            claim.fail(error)
            raise
        except BaseException:
            claim.release()
            raise
        yield from claim.complete(response=[answer.encode()], preview=answer)
        return answer


class _Asked:
    """The model of the world that runs: cells reach it through functions of this module, so that
    it is no part of their namespace."""

    model = Model()


def ask(prompt: object) -> str:
    """What an SDK does: a request to the model through the journal."""
    return flows.run(_Asked.model.exchange(str(prompt), Kind.LLM))


async def aask(prompt: object) -> str:
    """The same on an event loop."""
    return await flows.arun(_Asked.model.exchange(str(prompt), Kind.LLM))


def get(url: object) -> str:
    """A request that is not to a model."""
    return flows.run(_Asked.model.exchange(str(url), Kind.HTTP))


class World:
    """One notebook: a store that outlives restarts, and the process that has it open."""

    def __init__(self, root: Path = Path("/nowhere"), **settings: Any) -> None:
        self.store = MemoryStore()
        self.root = root
        self.model = Model()
        self.notices: list[str] = []
        self.start(**settings)

    def start(self, **settings: Any) -> None:
        """A new process opens the store; nothing of the old one's namespace is left."""
        self.functions = commands.Functions()
        settings = {"headless": True, **settings}
        self.store.listeners.clear()
        self.live: dict[str, Any] = {"ask": ask, "aask": aask, "get": get, "duranb": duranb}
        self.live["__name__"] = "__main__"
        _Asked.model = self.model
        folding = Fold(self.store.events())
        namespace = Namespace(self.live, self.store, Uses(self.live, root=self.root))
        self.runtime = Runtime(self.store, folding, namespace, Settings(**settings))
        self.runtime.run_body = exec
        if not self.history.run:
            self.runtime.record(e.RunStarted(run="run"))
        self.runtime.record(e.SessionOpened(pid=1))
        activate(self.runtime)

    @property
    def history(self) -> History:
        """All that is recorded."""
        return self.runtime.history

    def plain(self, source: str) -> None:
        """Run a plain cell."""
        tree = ast.parse(source)
        exec(compile(tree, "<cell>", "exec", dont_inherit=True), self.live)
        self.runtime.namespace.touched(None)
        self.runtime.surroundings.note_given(mentions.of_cell(tree).chains)
        self.runtime.surroundings.commanded.note(self.functions.of_cell(tree))

    def cell(self, line: str, source: str) -> Any:
        """Run a durable cell with this first line (after ``%%durable``), as a kernel would; the
        value of its last expression, or NOTHING. Raises what the cell raises."""
        return asyncio.run(self.acell(line, source))

    async def acell(self, line: str, source: str, *, replays: int = 0) -> Any:
        """The same on the event loop that runs."""
        tree = ast.parse(source)
        spec = self.spec(line, source, tree)
        saga.settle(self.runtime, self.history.last_carried_out(spec.name))
        decision = decide(self.runtime, spec, replay=bool(replays))
        self.reason = decision.reason
        if decision.restore is not None:
            result, *self.lost = restoring.restore(self.runtime, spec, decision)
            self.lost[2] += self.runtime.surroundings.commanded.again(spec.commands)
            return result
        cell = Cell(self, tree)
        state = CellState(self.runtime, spec, decision, {})
        failed = partial(saga.failed, self.runtime) if spec.on_failure else None
        run = StepRun(self.runtime, spec, decision, cell, state, replays=replays, failed=failed)
        with using(self.runtime):
            if dataflow.is_async(tree):
                async for attempt in run:
                    async with attempt:
                        await cell.abody()
            else:
                for attempt in run:
                    with attempt:
                        cell.body()
        return cell.value

    def spec(self, line: str, source: str, tree: ast.Module) -> Spec:
        """The step that a cell is."""
        options, names = parse(line), dataflow.analyse(tree)
        return Spec(
            name=options.name or names.writes[0],
            source=source,
            fingerprint=fingerprint.of_tree(tree),
            reads=names.reads,
            writes=names.writes,
            sure=names.sure,
            deletes=names.deletes,
            unset=names.unset,
            imports=names.imports,
            blind=bool(names.blind),
            loads=None if names.opaque else names.loads | set(names.writes) | names.deletes,
            policy=options.policy,
            validate=options.validate,
            outputs=options.outputs,
            inputs=options.inputs,
            ignore=options.ignore,
            budget=options.budget,
            always=options.always,
            on_failure=options.on_failure,
            fresh=options.fresh,
            seeds=seeding.calls(tree),
            mentions=mentions.of_cell(tree),
            commands=self.functions.of_cell(tree),
        )

    def last(self, step: str) -> Execution:
        """The latest execution of a step."""
        return self.history.executions_of(step)[-1]

    def calls(self, step: str = "") -> list[Call]:
        """The calls of a step (of all steps), oldest first."""
        return [c for c in self.history.calls.values() if step in ("", c.step)]

    @contextmanager
    def inside(self, step: str = "step", **options: Any) -> Iterator[context.StepContext]:
        """Be inside an attempt of a step, without any loop over attempts."""
        number = self.runtime.next_id("execution")
        body = e.ExecutionStarted(execution=number, step=step, run="run", branch="main")
        self.runtime.record(body)
        made = context.StepContext(self.runtime, step=step, execution=number, **options)
        with self.attempt(made):
            yield made

    @contextmanager
    def attempt(self, step: context.StepContext) -> Iterator[None]:
        """Be inside the current attempt of a step."""
        token = step.enter(process_wide=True)
        try:
            yield
        finally:
            step.exit(token, process_wide=True)


class Cell:
    """A durable cell's body, and its host."""

    def __init__(self, world: World, tree: ast.Module) -> None:
        self._world = world
        self._shows = bool(tree.body) and isinstance(tree.body[-1], ast.Expr)
        if self._shows:
            last = tree.body[-1]
            assert isinstance(last, ast.Expr)
            target = ast.Name("__shown__", ast.Store())
            tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._code = compile(
            ast.fix_missing_locations(tree), "<cell>", "exec", flags, dont_inherit=True
        )
        self.value: Any = NOTHING

    def body(self) -> None:
        """Run it."""
        exec(self._code, self._world.live)
        self._take_value()

    async def abody(self) -> None:
        """Run it where it awaits."""
        made = eval(self._code, self._world.live)
        if inspect.isawaitable(made):
            await made
        self._take_value()

    def _take_value(self) -> None:
        if self._shows:
            self.value = self._world.live.pop("__shown__")

    # -- the host of a step run ------------------------------------------------------------

    def begin_attempt(self) -> None:
        self.value = NOTHING

    def outputs(self) -> list[dict[str, Any]]:
        return []

    def result(self) -> object:
        return self.value

    def evaluate(self, expression: str) -> object:
        return eval(expression, self._world.live)

    def notice(self, text: str) -> None:
        self._world.notices.append(text)

    def completed(self, execution: int) -> None:
        """Nobody looks."""
