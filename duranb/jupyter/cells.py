"""A durable cell in a running kernel.

Four hooks make one: a transformer turns the ``%%durable`` line into a comment, ``pre_run_cell``
notices it, an AST transformer decides (restore or run) and rewrites the body, ``post_run_cell``
cleans up. Between them the body runs as IPython runs any cell.
"""

from __future__ import annotations

import ast
import contextlib
import sys
import threading
import tokenize
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.error import InputRejected

from duranb.code import commands, dataflow, fingerprint, loading, mentions
from duranb.code.deep import deeply
from duranb.code.interrupts import held_off
from duranb.engine import imported, plain, restoring, saga, watch
from duranb.engine.decide import Decision
from duranb.engine.keeping import CellState
from duranb.engine.options import Options, check_names, first_line, is_misplaced, parse
from duranb.engine.runtime import Runtime
from duranb.engine.settings import Settings, Standing
from duranb.engine.settings.written import written_of
from duranb.engine.spec import Spec
from duranb.engine.steprun import NOTHING, StepRun
from duranb.errors import NotRestorable, StepError, StoreError, UsageError
from duranb.jupyter import bystep, figures, instrument
from duranb.jupyter.noting import noting
from duranb.jupyter.outputs import Outputs
from duranb.session.session import Session
from duranb.views import lines as say


@dataclass
class Cell:
    """One cell on its way through the hooks. ``line`` is None for a plain one."""

    raw: str
    line: str | None
    id: str
    tree: ast.Module | None = None
    replays: int = 0
    fresh: bool = False
    unsure: Collection[str] = ()
    running: Running | None = None
    outer: Running | None = None
    """Whose handle was in place before this one's."""


class Running:
    """What a rewritten body finds under its handle, and the engine's host for it."""

    def __init__(self, shell: Any, outputs: Outputs, source: str, settings: Settings) -> None:
        self._shell = shell
        self._outputs = outputs
        self._source = source
        self._value: object = NOTHING
        self._figures: frozenset[int] | None = None
        self.settings = settings
        self.run: StepRun | None = None
        self.attempt: StepRun | None = None
        self.error: BaseException | None = None
        self.is_complete = False
        self.restoring: Callable[[], None] | None = None

    # what the body calls

    def show(self, value: object) -> None:
        """Display the last expression's value, as IPython does: not before a semicolon."""
        if _ends_quietly(self._source):
            return
        self._value = value
        sys.displayhook(value)

    def ended(self) -> None:
        """The body has come to its end: send what would be sent when the cell is over."""
        self._outputs.ended(self._shell)

    def restore(self) -> None:
        """Stand in for the body: nothing runs."""
        assert self.restoring is not None
        self.restoring()

    def fail(self) -> None:
        """Stand in for the body when the step cannot even begin."""
        assert self.error is not None
        raise self.error

    # what the engine calls

    def begin_attempt(self) -> None:
        self._value = NOTHING
        if self._figures is None:
            self._figures = figures.open_ones()
        figures.close_all_but(self._figures)
        self.settings.begin()
        self._outputs.begin()

    def outputs(self) -> list[dict[str, Any]]:
        shown = self._outputs.end()
        assert self.run is not None
        written = written_of(self._shell.user_ns, self.run.spec, shown)
        return shown + self.settings.changes(shown, written)

    def result(self) -> object:
        return self._value

    def evaluate(self, expression: str) -> object:
        assert self.run is not None
        need(self.run.runtime, ast.parse(expression))
        return eval(expression, self._shell.user_ns)

    def notice(self, text: str) -> None:
        notice(self._outputs, text)

    def completed(self, execution: int) -> None:
        assert self.run is not None
        self.is_complete = True
        text = say.completed(self.run.runtime.history, execution)
        if text:
            notice(self._outputs, text)


def need(runtime: Runtime, tree: ast.Module, *, to_run: bool = True) -> None:
    """Load the pending values that code could use (:func:`duranb.engine.plain.need`)."""
    if runtime.namespace.has_pending:
        held = figures.open_ones()
        plain.need(runtime, tree, to_run=to_run)
        figures.close_all_but(held)  # pyplot has had other cells since


def _read_by(expression: str) -> frozenset[str]:
    return dataflow.analyse(ast.parse(expression)).reads


def _ends_quietly(source: str) -> bool:
    """Whether the cell ends with a semicolon. The display hook would look at the last cell of the
    input history, which a replayed one is not."""
    try:
        return ";" in source and DisplayHook.semicolon_at_end_of_expression(source)
    except (tokenize.TokenError, SyntaxError):
        return False  # IPython's own syntax, which is no Python until it is transformed


def notice(outputs: Outputs, text: str) -> None:
    """Show one quiet line, which is not part of the step's own output."""
    from IPython.display import publish_display_data

    with outputs.paused():
        publish_display_data(say.quiet(text))


@dataclass(frozen=True)
class Ended:
    """A durable cell that has run to its end: its execution, the state after it, and how it left
    what can be set."""

    execution: int
    at: int
    left: Standing


class Cells(ast.NodeTransformer):
    """The hooks. Registered as event callbacks and as an AST transformer of the shell."""

    def __init__(self, shell: Any, outputs: Outputs, session: Callable[[], Session | None]) -> None:
        self._shell = shell
        self._outputs = outputs
        self._settable = bystep.all_of(shell)
        self._session = session
        self.need_session: Callable[[], Session] = self._no_session
        self._stack: list[Cell] = []
        self._next: Cell | None = None
        self._named: dict[str, str] = {}
        self.ran_before: list[plain.Code] = []
        self.mentioned_before: set[mentions.Chain] = set()
        self._functions = commands.Functions()
        self.told_before: list[commands.Command] = []
        """What ran before there was a store."""
        self._ended: Ended | None = None
        """The cell that has just run, if it was a durable one and nothing has run since."""
        self.is_duplicate: Callable[[str, str], bool] = lambda name, cell: False
        instrument.install()
        self.news: Callable[[], str] = lambda: ""

    @staticmethod
    def _no_session() -> Session:
        raise UsageError("no store is open: %load_ext duranb")

    # -- hooks -----------------------------------------------------------------------------

    @held_off
    def before(self, info: Any) -> None:
        """``pre_run_cell``."""
        cell, self._next = self._next, None
        if cell is None:
            line = first_line(info.raw_cell)
            if line is None and is_misplaced(info.raw_cell):
                line = ""  # durable it is meant to be: it is refused, not run as a plain one
            cell = Cell(info.raw_cell, line, info.cell_id or "")
        self._stack.append(cell)

    @held_off
    def visit(self, node: ast.AST) -> ast.AST:
        """The AST transformer: decide on a durable cell, take note of a plain one."""
        cell = self._stack[-1] if self._stack else None
        if not isinstance(node, ast.Module):
            return node
        if cell is None or cell.tree is not None:
            self._make_ready_for(node)
            self._touched(node)
            if cell is not None:
                with deeply():
                    node.body = noting(
                        node.body, cell.unsure
                    )  # what a magic runs is the cell's code
            return node
        cell.tree = node
        if cell.line is None:
            self._make_ready_for(node)
            # Within a step (``%%capture`` runs its body as a cell) it is the step's code.
            node.body = noting(node.body, {n for each in self._stack for n in each.unsure})
            return node
        settings = Settings(self._settable, self._stood)
        running = cell.running = Running(self._shell, self._outputs, cell.raw, settings)
        cell.outer = instrument.put(running)
        try:
            return self._decide(cell, node, running)
        except InputRejected:
            raise
        except BaseException as error:
            running.error = error
            return instrument.replaced(node, "fail")

    @held_off
    def after(self, result: Any) -> None:
        """``post_run_cell``; ``result`` may be None."""
        if not self._stack:
            return
        cell = self._stack.pop()
        if cell.line is None:
            if cell.tree is not None:
                self._touched(cell.tree, getattr(result, "error_in_exec", None))
            return
        self._outputs.stop()
        if cell.tree is not None:
            instrument.put(cell.outer)
        session = self._session()
        if session is not None:
            session.runtime.namespace.uses.modules.loaded(())
            self._ended = self._end_of(cell, session.runtime)
        news = self.news()
        if news:
            notice(self._outputs, news)

    @staticmethod
    def _end_of(cell: Cell, runtime: Runtime) -> Ended | None:
        """How a cell has ended, where that was a step that ran to its end, and alone."""
        running = cell.running
        if running is None or running.run is None or not running.is_complete:
            return None
        if runtime.namespace.had_company:
            return None
        return Ended(running.run.id, runtime.at, running.settings.standing)

    def _stood(self) -> Standing | None:
        """How what can be set stands as a step begins, where that is how the cell before has left
        it; None where something else may have set it since."""
        before, self._ended = self._ended, None
        session, running = self._session(), self._stack[-1].running
        if before is None or session is None or running is None or running.run is None:
            return None
        at_once = running.run.id == before.execution + 1 and session.runtime.at == before.at
        return before.left if at_once else None

    @property
    def running(self) -> bool:
        """Whether a cell is being run."""
        return bool(self._stack)

    def unknown_code_ran(self) -> None:
        """Something other than a cell ran (a widget's callback): it may have changed anything. This
        is also called for a cell, while it runs, in its thread."""
        session = self._session()
        elsewhere = threading.current_thread() is not threading.main_thread()
        if elsewhere or not self._stack:
            self._ended = None
        if session is not None and (elsewhere or not self._stack):
            session.runtime.namespace.touched(None, plain.Code.unknown())

    # -- deciding --------------------------------------------------------------------------

    def _decide(self, cell: Cell, tree: ast.Module, running: Running) -> ast.Module:
        assert cell.line is not None
        if is_misplaced(cell.raw):
            raise UsageError(
                "%%durable belongs on the cell's first line, once: above comments and other magics"
            )
        options = parse(cell.line)
        session = self.need_session()
        jump = instrument.loose_jump(tree, cell.raw)
        if jump is not None:
            # IPython itself says that it is a syntax error, and where. Alone, so that nothing runs.
            return ast.Module([jump], tree.type_ignores)
        self._shell.compile.flags |= instrument.future_flags(tree)
        need(session.runtime, tree, to_run=False)
        spec = self._spec(cell, tree, options)
        self._check_name(spec.name, cell)
        runtime = session.runtime
        saga.settle(runtime, runtime.history.last_carried_out(spec.name))
        decision, elsewhere = imported.decide(runtime, spec, replay=bool(cell.replays))
        if decision.restore is not None:
            running.restoring = lambda: self._restore(session, spec, decision)
            return instrument.replaced(tree, "restore")
        need(runtime, tree)
        if elsewhere is not None and not elsewhere.why:
            elsewhere = imported.give(runtime, spec, decision, elsewhere, tree)
            running.restoring = lambda: self._given(session, elsewhere)
            if not elsewhere.why:
                return instrument.replaced(tree, "restore")
        if elsewhere is not None:
            notice(self._outputs, say.not_given(spec.name, elsewhere.came.run, elsewhere.why))
        state = CellState(runtime, spec, decision, instrument.NOTED)
        cell.unsure = state.unsure
        running.settings.also(bystep.groups(self._shell, spec, decision, tree))
        running.run = StepRun(
            runtime,
            spec,
            decision,
            running,
            state,
            replays=cell.replays,
            failed=partial(saga.failed, runtime) if spec.on_failure else None,
        )
        return instrument.attempts(
            tree,
            unsure=state.unsure,
            is_async=dataflow.is_async(tree),
            interactivity=self._shell.ast_node_interactivity,
        )

    def _spec(self, cell: Cell, tree: ast.Module, options: Options) -> Spec:
        names = dataflow.analyse(tree)
        name = options.name or (options.outputs or names.writes or ("",))[0]
        if not name:
            raise UsageError(
                "this cell assigns nothing that could name the step: %%durable NAME gives it one"
            )
        check_names(options, names, self._shell.user_ns)
        return Spec(
            name=name,
            source=cell.raw,
            fingerprint=fingerprint.of_tree(tree),
            reads=names.reads | _read_by(options.validate) - set(names.writes),
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
            fresh=options.fresh or cell.fresh,
            cell=cell.id,
            seeds=plain.seeds_of(tree),
            mentions=mentions.of_cell(tree),
            commands=self._functions.of_cell(tree),
            below=loading.of_cell(tree),
        )

    def _check_name(self, name: str, cell: Cell) -> None:
        other = self._named.get(name, "")
        if cell.id and other and other != cell.id and self.is_duplicate(name, other):
            raise UsageError(
                f"two cells of this notebook are the step {name!r}: give one of them another name "
                "(if you have just renamed or removed the other, save the notebook first)"
            )
        if cell.id:
            self._named[name] = cell.id

    @held_off
    def _restore(self, session: Session, spec: Spec, decision: Decision) -> None:
        source = decision.restore
        assert source is not None
        messages = restoring.messages_of(session.runtime, source)
        settings = Settings(self._settable)
        held = len(figures.open_ones())
        with self._outputs.hushed():  # what it shows was recorded
            settings.prepare(messages)
            result, lost, unread, unset = restoring.restore(session.runtime, spec, decision)
            missing = settings.apply(messages)
            with watch.kept_in():
                missing += session.runtime.surroundings.commanded.again(spec.commands)
        self._outputs.replay(messages, self._shell.execution_count - 1, held=held)
        if result is not NOTHING:
            hook = self._shell.displayhook
            hook.update_user_ns(result)
            hook.fill_exec_result(result)
        session.runtime.flush()
        with session.lock:
            number = session.history.last_execution
            text = say.restored(session.history, source, number, lost, unread)
        if self._outputs.shows_pictures:
            text += say.PICTURES
        written = written_of(self._shell.user_ns, spec, messages)
        if others := settings.shown_otherwise(messages, written):
            text += say.shown_otherwise(source.step, others)
        if self._outputs.lacks_figures:
            text += say.FIGURES
        if missing or unset:
            text += say.not_set([*missing, *unset])
        notice(self._outputs, text)

    def _given(self, session: Session, found: imported.Elsewhere) -> None:
        """Stand in for the body: it ran elsewhere, and what it made is here."""
        messages = restoring.messages_of(session.runtime, found.execution)
        self._outputs.replay(messages, self._shell.execution_count - 1, held=0)
        notice(self._outputs, say.given(found.execution.step, found.came.run, found.missing))

    def _make_ready_for(self, tree: ast.Module) -> None:
        """Load the pending values that a plain cell could use, and hold nothing whose end it could
        wait for. What cannot be loaded says so when it is used: IPython would take an error here
        for a broken transformer."""
        session = self._session()
        if session is None:
            return
        namespace = session.runtime.namespace
        namespace.loosen({n.id for n in ast.walk(tree) if isinstance(n, ast.Name)})
        with contextlib.suppress(StoreError):
            need(session.runtime, tree)
        if namespace.any_behind:
            for name in sorted(dataflow.analyse(tree).reads):
                if behind := namespace.behind(name):
                    notice(self._outputs, say.behind(name, behind))

    def _touched(self, tree: ast.Module, error: object = None) -> None:
        self._ended = None
        session = self._session()
        code = plain.code_of(tree)
        if session is None:
            self.ran_before.append(code)
            self.mentioned_before |= mentions.of_cell(tree).chains
            self.told_before += self._functions.of_cell(tree)
            return
        if isinstance(error, NotRestorable):
            session.runtime.wanted |= code.loads or set()
        session.runtime.namespace.touched(code.loads, code)
        session.runtime.namespace.note_rebinds()
        session.runtime.surroundings.note_given(mentions.of_cell(tree).chains)
        session.runtime.surroundings.commanded.note(self._functions.of_cell(tree))
        modules = session.runtime.namespace.uses.modules
        modules.patched = self._patched
        modules.loaded(dataflow.analyse(tree).imports)

    def _patched(self, module: str) -> object:
        """When IPython's autoreload last brought a module up to date: it gives the functions there
        are new code, and may load nothing."""
        found = self._shell.magics_manager.registry.get("AutoreloadMagics")
        reloader = getattr(found, "_reloader", None)
        return getattr(reloader, "modules_mtimes", {}).get(module)

    # -- running recorded sources (duranb.session.session.Surface) ---------------------------

    async def run_step(self, source: str, *, replays: int, fresh: bool) -> None:
        """Run a durable cell's source inside this cell."""
        shell = self._shell
        transformed = shell.transform_cell(source)
        depth = len(self._stack)
        self._next = Cell(source, first_line(source), "", replays=replays, fresh=fresh)
        try:
            result = await shell.run_cell_async(
                source, store_history=False, transformed_cell=transformed
            )
        finally:
            while len(self._stack) > depth:
                self.after(None)
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            raise StepError(f"the replay stopped: {type(error).__name__}: {error}") from error

    def run_body(self, source: str, namespace: dict[str, Any]) -> Any:
        """Run a cell's source in a namespace of its own."""
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | self._shell.compile.flags
        text = self._shell.transform_cell(source)
        code = compile(text, "<%%compensate>", "exec", flags, dont_inherit=True)
        return eval(code, namespace)
