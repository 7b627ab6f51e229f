"""``%load_ext duranb``: hooks into the shell on load, out of it on unload."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

from duranb import llm
from duranb.engine import budgets, runtime as engine
from duranb.engine.options import first_line
from duranb.engine.runtime import Settings, Shown
from duranb.engine.selfcheck import SelfCheck
from duranb.errors import DuranbError, UsageError
from duranb.jupyter import offline, progress, registries
from duranb.jupyter.cells import Cells, notice
from duranb.jupyter.idle import Idle
from duranb.jupyter.magics import DuranbMagics, await_verbs
from duranb.jupyter.outputs import Outputs
from duranb.jupyter.source import SingleLine, comment_out
from duranb.jupyter.where import UNNAMED, notebook_path
from duranb.record.question import Question
from duranb.session import places
from duranb.session.session import Session
from duranb.terminal import tame
from duranb.text import reading
from duranb.timelines import asked, kernel as timeline_kernel
from duranb.values import held
from duranb.views import lines as say


class Extension:
    """What duranb is in one kernel. The store is opened when it exists or is first needed."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.session: Session | None = None
        self._opening = threading.RLock()
        self.notebook = notebook_path(shell.user_ns, Path.cwd())
        self._kernel = getattr(shell, "kernel", None)
        self._outputs = Outputs(self._kernel)
        self._single_line = SingleLine(shell)
        self._cells = Cells(shell, self._outputs, lambda: self.session)
        self._cells.need_session = self.need_session
        self._cells.is_duplicate = self._is_duplicate
        replayed = offline.store()
        own = self.notebook / os.environ.get("DURANB_RUN", "")  # one of many, or itself
        self._store = Path(replayed) if replayed else places.store_path(own)
        self._woken_by_signals = False
        self._timeline: Any = None
        self._check: SelfCheck | None = None
        self._idle = Idle(self._look, lambda: self._cells.running)
        self._cells.news = self._news

    def load(self) -> None:
        """Install the hooks and say what there is to come back to."""
        shell = self.shell
        manager = shell.input_transformer_manager
        manager.cleanup_transforms.append(comment_out)  # once empty lines before it are gone
        shell.input_transformers_post += [self._single_line, await_verbs]
        shell.ast_transformers.append(self._cells)
        shell.events.register("pre_run_cell", self._cells.before)
        shell.events.register("post_run_cell", self._cells.after)
        shell.events.register("post_run_cell", self._idle.wait)
        shell.events.register("post_execute", self._cells.unknown_code_ran)
        magics = DuranbMagics(shell, self.need_session, self._confirm, self.timeline, self.adopt)
        shell.register_magics(magics)
        llm.install()
        engine.open_when_needed(self.need_session)
        shell.events.register("pre_execute", self._let_stop_reach_async_cells)
        timeline_kernel.listen(self._kernel, self.timeline)
        if offline.store():
            offline.begin()
        if self._kernel is not None:
            with contextlib.suppress(RuntimeError):  # a thread of its own that has no loop
                self._idle.begin(asyncio.get_event_loop_policy().get_event_loop())
        try:
            if self._store.exists():
                self._greet()
            elif left := places.left_behind(self.notebook):
                notice(self._outputs, say.left_behind(left))
        except OSError as error:  # of the disk; whoever needs a store is told more
            print(f"duranb: {error.filename or self._store}: {error.strerror}")

    def unload(self) -> None:
        """Take every hook out and let go of the store; the namespace stays."""
        shell = self.shell
        shell.input_transformer_manager.cleanup_transforms.remove(comment_out)
        for transform in (self._single_line, await_verbs):
            shell.input_transformers_post.remove(transform)
        if self._cells in shell.ast_transformers:
            shell.ast_transformers.remove(self._cells)
        shell.events.unregister("pre_execute", self._let_stop_reach_async_cells)
        shell.events.unregister("pre_run_cell", self._cells.before)
        shell.events.unregister("post_run_cell", self._cells.after)
        shell.events.unregister("post_run_cell", self._idle.wait)
        shell.events.unregister("post_execute", self._cells.unknown_code_ran)
        timeline_kernel.stop_listening(self._kernel)
        if self._timeline is not None:
            self._timeline.close()
            self._timeline = None
        self._outputs.close()
        llm.uninstall()
        engine.open_when_needed(None)
        self._idle.cancel()
        if self._check is not None:
            self._check.close()
            self._check = None
        if self.session is not None:
            self.session.close()
            self.session = None

    def need_session(self) -> Session:
        """The open session; opens the store. Raises :class:`duranb.errors.StoreError`."""
        with self._opening:  # steps of several threads may be the first that need it
            return self._open_session()

    def _open_session(self) -> Session:
        if self.session is None:
            headless = os.environ.get("DURANB_HEADLESS") == "1"
            given = os.environ.get("DURANB_PARAMETERS")
            self.session = Session.open(
                self.notebook,
                self._store,
                self.shell.user_ns,
                Settings(
                    headless=headless,
                    parameters=json.loads(given) if given else None,
                    strict=bool(offline.store()),
                    importing=os.environ.get("DURANB_IMPORTING") == "1",
                    careful=os.environ.get("DURANB_CAREFUL") == "1",
                    check=os.environ.get("DURANB_CHECK", "") != "0",
                    prompt=self._prompt,
                    is_attended=self._is_attended,
                    show=self._show,
                    display=progress.display,
                ),
                self._cells,
            )
            settings = self.session.runtime.settings
            if told := os.environ.get("DURANB_BUDGET"):
                settings.budget = budgets.of_run(self.session.history, *json.loads(told))
            foreign = self.session.store.foreign
            if settings.check and not settings.strict and not foreign:
                self._check = SelfCheck(self.session.runtime, self.session.store_path)
            self.session.runtime.namespace.touched(None, *self._cells.ran_before)
            self.session.runtime.surroundings.note_given(self._cells.mentioned_before)
            self.session.runtime.surroundings.commanded.note(self._cells.told_before)
            for found in (self.session.store.damage, foreign):
                if found:
                    notice(self._outputs, found)
        return self.session

    def _greet(self) -> None:
        try:
            session = self.need_session()
        except DuranbError as error:
            print(f"duranb: {tame(error.message)}")
            return
        text = say.greeting(session.history)
        if text:
            unnamed = self.notebook.stem == UNNAMED
            notice(self._outputs, f"{text}. {say.UNNAMED}" if unnamed else text)

    def adopt(self, old: str) -> None:
        """Take over the store of the notebook this one was renamed from."""
        places.adopt(self.notebook, old)
        self._greet()

    def timeline(self) -> object:
        """The timeline widget of this session, made once."""
        if self._timeline is None:
            from duranb.timelines.widget import Timeline

            self._timeline = Timeline(self.need_session(), self._kernel)
        return self._timeline

    # -- checking what was stored ----------------------------------------------------------

    def _look(self) -> bool:
        held.look_around()
        registries.CONTAINERS.sizes()
        return self._check is not None and self._check.look()

    def _news(self) -> str:
        if self._check is None or self.session is None:
            return ""
        with self.session.lock:
            return say.differing(self.session.history, self._check.unsaid())

    def finish(self, seconds: float) -> None:
        """The last cell has run: check what was stored, for so long at most."""
        if self._check is not None:
            self._check.finish(seconds)

    # -- talking to the user ---------------------------------------------------------------

    def _confirm(self, question: str) -> bool:
        answer = self._prompt(question)
        return isinstance(answer, str) and answer.strip().lower() in ("y", "yes")

    def _prompt(self, question: str) -> str | None:
        """What the user types, or None when nobody can."""
        kernel = self._kernel
        if kernel is None or not self._is_attended():
            return None
        self._outputs.flush()
        return str(kernel.raw_input(f"{question.rstrip()} "))

    def _is_attended(self) -> bool:
        """Whether whoever runs the cell could be asked something."""
        return bool(getattr(self._kernel, "_allow_stdin", False))

    def _show(self, call: int, question: Question, until: int) -> Shown | None:
        """The question with its form, in the output of the cell that runs."""
        session = self.session
        if session is None or not self._is_attended():
            return None
        from duranb.jupyter.questions import Question as Widget

        step = session.history.calls[call].step
        return Widget(asked.shown(call, step, question, until), session.act)

    # -- the notebook's file ---------------------------------------------------------------

    def _is_duplicate(self, name: str, cell_id: str) -> bool:
        """Whether the notebook's file still has cell ``cell_id``, and it is the step ``name``."""
        try:
            cells = json.loads(reading.regular(self.notebook))["cells"]
        except (OSError, ValueError, KeyError, RecursionError):
            return False  # not saved yet, or not a notebook: nothing to compare with
        for cell in cells:
            if cell.get("id") == cell_id:
                source = cell.get("source", "")
                line = first_line("".join(source))
                return line is not None and line.split()[:1] in ([name], [])
        return False

    def _let_stop_reach_async_cells(self) -> None:
        """A loop that idles in select() does not see SIGINT (ipykernel#881) unless it handles
        some signal itself: then every signal wakes it. Done at the first cell, when it runs."""
        in_main = threading.current_thread() is threading.main_thread()
        if self._woken_by_signals or not in_main or not hasattr(signal, "SIGURG"):
            return
        self._woken_by_signals = True
        try:
            asyncio.get_running_loop().add_signal_handler(signal.SIGURG, lambda: None)
        except (RuntimeError, NotImplementedError, ValueError):
            return  # plain IPython, whose loop only runs during a cell, does not need it


_loaded: Extension | None = None


def load(shell: Any) -> None:
    """Load into ``shell``; loading twice does nothing."""
    global _loaded
    if _loaded is None:
        _loaded = Extension(shell)
        _loaded.load()


def unload(shell: Any) -> None:
    """Unload; unloading twice does nothing."""
    global _loaded
    if _loaded is not None:
        _loaded.unload()
        _loaded = None


def loaded() -> Extension:
    """The loaded extension. Raises :class:`UsageError` when there is none."""
    if _loaded is None:
        raise UsageError("duranb is not loaded in this kernel: %load_ext duranb")
    return _loaded
