"""Running a notebook without anybody watching, through any number of kernels.

The store is what remembers; this only runs the cells in order. When the kernel dies it starts
another one and begins at the top: what was done is restored, and the cell that died goes on.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import os
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import ensure_async, run_sync

from duranb.engine import wanting
from duranb.engine.options import first_line, parse
from duranb.errors import NotRestorable, UsageError
from duranb.export.notebook import document as document_of
from duranb.record.history import History
from duranb.record.model import CallStatus, Origin, Status
from duranb.runner import kernels, undoing
from duranb.runner.ahead import PLAIN, WAITS, Waits
from duranb.runner.parameters import inject
from duranb.runner.told import masked
from duranb.store import StoreView, is_store, store_path
from duranb.store.paths import real
from duranb.terminal import uncolored
from duranb.views.status import differing

DONE, FAILED, WAITING, INTERRUPTED = 0, 1, 75, 130
"""Exit codes; 75 is what ``sysexits.h`` calls a temporary failure: run it again later."""

RESTARTS = 10

STARTING = 600
"""Seconds until a kernel that lives and says nothing is given up. One that dies is seen at once; on
a busy machine a start takes minutes."""

GRACE = 3.0
"""Seconds that a cell has to end in when it is interrupted."""

CHECKING = 1.0
"""Seconds at the end of a run in which what was stored is checked, at most; ``DURANB_CHECK`` is
another number of them, 0 for no check at all."""


@dataclass(frozen=True)
class RunResult:
    """How a headless run ended. ``error`` is what to tell the user, or empty; ``steps`` came to
    their end, and ``restored`` of them without running. ``notes`` are about values of theirs that
    do not come back as they were; ``values`` are those that were asked for, as JSON has them, and
    ``untold`` says which of them could not be told, and why."""

    exit_code: int
    restarts: int
    error: str = ""
    steps: int = 0
    restored: int = 0
    notes: tuple[str, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    untold: tuple[str, ...] = ()


@dataclass
class Hooks:
    """What a caller wants to be told: cells as they begin, kernels as they start, and why all
    begins at the top again in another one."""

    on_cell: Callable[[int, int, str], None] = lambda number, total, label: None
    on_kernel: Callable[[int], None] = lambda pid: None
    on_restart: Callable[[int], None] = lambda number: None
    on_again: Callable[[str], None] = lambda why: None


def run(
    notebook: Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    out: Path | None = None,
    restarts: int = RESTARTS,
    kernel: str = "",
    timeout: float | None = None,
    budget: float | None = None,
    hooks: Hooks | None = None,
    on_failure: str | None = None,
    name: str = "",
    wanted: Sequence[str] | None = (),
) -> RunResult:
    """Run a notebook to its end, to a question, or to an error.

    ``parameters`` are assigned in a cell after the one tagged ``parameters``; ``out`` is where the
    executed notebook is written (the source is never changed); ``restarts`` bounds how many dead
    kernels in a row may make no progress; ``timeout`` is seconds for each cell, ``budget`` the US
    dollars that models may cost from now on. With ``on_failure`` all that the run did is undone
    when a cell fails; what an earlier one had begun to undo is undone first, and ends this one.
    ``name`` is that of one of many runs of the notebook; ``wanted`` are the variables whose values
    it is to tell at its end, None for what its last step made.

    Raises, before anything runs, :class:`UsageError` when the notebook cannot be one, and
    :class:`duranb.errors.Untrusted` when somebody else wrote its store.
    """
    hooks, at = hooks or Hooks(), ""

    def on_cell(number: int, total: int, label: str) -> None:
        nonlocal at
        at = f", at last in {f'step {label!r}' if label else f'cell {number}'}"
        hooks.on_cell(number, total, label)

    _checking()
    document = read(notebook)
    check_names(document, notebook)
    if parameters:
        inject(document, parameters)
    env = {"DURANB_PARAMETERS": json.dumps(dict(parameters or {})), "DURANB_RUN": name}
    source, notebook = notebook, notebook / name  # where its history lies
    values: dict[str, Any] = {}
    untold: list[str] = []
    if budget is not None:
        env["DURANB_BUDGET"] = json.dumps([budget, time.time_ns() // 1000])
    first = _history(notebook, trusted=True).last_execution
    died = in_vain = 0
    begun_again: set[str] = set()
    while True:
        before = _progress(notebook)
        try:
            told = run_cells(
                source,
                document,
                kernel=kernel,
                timeout=timeout,
                hooks=replace(hooks, on_cell=on_cell),
                env=env,
                on_failure=on_failure,
                undo_first=bool(_history(notebook).to_undo),
                history=lambda: _history(notebook),
                ending=lambda client: _tell_values(client, notebook, wanted, values, untold),
            )
            result = _done(notebook, died, first) if not told else RunResult(FAILED, died, told)
            result = replace(result, values=values, untold=tuple(untold))
        except CellTimeoutError:
            result = RunResult(
                FAILED,
                died,
                f"a cell took longer than the {timeout:g} seconds of --timeout, and was stopped; "
                f"duranb resume {notebook} goes on with it",
            )
        except DeadKernelError as dead:
            died += 1
            in_vain = 0 if _progress(notebook) > before else in_vain + 1
            if in_vain < max(restarts, 1) and restarts:
                hooks.on_restart(died)
                continue
            why = f" ({dead.__cause__})" if dead.__cause__ else ""
            said = f"the kernel died {died} times{why}{at}"
            result = RunResult(FAILED, died, f"{said}; duranb resume {notebook} goes on")
        except CellExecutionError as error:
            is_wanting = error.ename == NotRestorable.__name__ and on_failure is None
            why = wanting.told(_history(notebook)) if is_wanting else ""
            if is_wanting and not why and "DURANB_CAREFUL" not in env:
                env["DURANB_CAREFUL"] = "1"  # something could not be loaded: its step runs then
                why = "what a cell needs could not be loaded, so the step that makes it runs"
            if why and why not in begun_again:
                begun_again.add(why)
                hooks.on_again(why)
                continue
            result = _stopped(notebook, error, died)
        except KeyboardInterrupt:
            result = RunResult(INTERRUPTED, died, f"interrupted: duranb resume {notebook} goes on")
        break
    if out is not None:
        nbformat.write(document, out)
    return result


def read(notebook: Path) -> nbformat.NotebookNode:
    """The notebook's document. Raises :class:`UsageError` when there is none."""
    try:
        return document_of(notebook)
    except FileNotFoundError:
        raise UsageError(f"there is no notebook {notebook}") from None
    except OSError as error:
        raise UsageError(f"cannot read {notebook}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{notebook} is not a notebook: {error}") from error


def check_names(document: nbformat.NotebookNode, notebook: Path) -> None:
    """Refuse a notebook in which two cells are the same step, or a first line does not parse."""
    seen: dict[str, int] = {}
    for number, cell in enumerate(document.cells, 1):
        line = first_line(cell.source) if cell.cell_type == "code" else None
        if line is None:
            continue
        name = parse(line).name
        if name in seen and name:
            raise UsageError(
                f"{notebook}: cells {seen[name]} and {number} are both the step {name!r}; give "
                "one of them another name"
            )
        seen[name] = number


def run_cells(
    notebook: Path,
    document: nbformat.NotebookNode,
    *,
    hooks: Hooks,
    kernel: str = "",
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    on_failure: str | None = None,
    undo_first: bool = False,
    history: Callable[[], History] = History,
    ending: Callable[[NotebookClient], None] = lambda client: None,
) -> str:
    """Run a document's cells in order in a fresh kernel of ``notebook``; outputs go into them.
    While a step waits those go on that need nothing of it; ``history`` is what is recorded then.

    ``env`` is added to the kernel's environment. With ``undo_first`` the kernel undoes what is half
    undone instead of running any cell: what to tell the user of that, else an empty string. Raises
    nbclient's ``CellExecutionError`` at the first cell that fails (unless it is tagged
    ``raises-exception``), with a note that says what ``on_failure`` undid, at the end for those
    that wait, and its ``DeadKernelError``.
    """
    manager = kernels.manager(document, kernel)
    wires = kernels.wires(manager)
    client = NotebookClient(document, km=manager, allow_errors=False, startup_timeout=STARTING)
    # The plain option takes whole seconds only.
    client.timeout_func = lambda cell: timeout  # type: ignore[assignment]
    client.on_cell_execute = lambda cell, cell_index: _tell(hooks, document, cell, cell_index)
    environment = {
        **os.environ,
        "DURANB_NOTEBOOK": str(real(notebook)),
        "DURANB_HEADLESS": "1",
        **(env or {}),
    }
    with wires, _closing(client):
        # ipykernel warns on every start that it listens on this machine's own loopback.
        client.extra_arguments = ["--ext=duranb", "--log-level=ERROR"]
        client.start_new_kernel(env=environment, cwd=str(real(notebook).parent))
        try:
            client.start_new_kernel_client()
        except RuntimeError as error:  # of jupyter_client: it died, or says nothing
            raise DeadKernelError(str(error)) from error
        hooks.on_kernel(int(manager.provisioner.pid))  # type: ignore[union-attr]
        if undo_first:
            return undoing.carry_on(client, document)
        waits = Waits(document, history)
        try:
            for index, cell in enumerate(document.cells):
                if not waits.may_go(index):
                    continue
                try:
                    client.execute_cell(cell, index)
                except CellExecutionError as error:
                    if waits.take(index, error):
                        continue
                    if on_failure:
                        error.add_note(undoing.after_failure(client, document, index))
                    raise
            waits.end()
        except CellExecutionError as error:
            _mask(client, error)
            raise
        ending(client)
        run_sync(_finish)(client)
    return ""


def _tell_values(
    client: NotebookClient,
    notebook: Path,
    wanted: Sequence[str] | None,
    values: dict[str, Any],
    untold: list[str],
) -> None:
    """Ask a run's kernel for the values of variables at its end: into ``values``, or into
    ``untold`` why there is none."""
    if wanted is None:
        history = _history(notebook)
        done = [x for x in history.line() if x.kind == "cell"]
        wanted = [*done[-1].outputs] if done else []
    for name, answer in (
        run_sync(_asked)(client, {n: n for n in wanted}) if wanted else {}
    ).items():
        if answer["status"] == "ok":
            values[name] = json.loads(ast.literal_eval(answer["data"]["text/plain"]))
        else:
            untold.append(f"{name} is not in the table: {answer['ename']}: {answer['evalue']}")


def _mask(client: NotebookClient, error: CellExecutionError) -> None:
    """Have the kernel, which knows most, mask the secrets in what a failed cell says: that is
    printed into logs, and kept. One that cannot answer any more leaves it to this process."""
    said = {name: getattr(error, name) for name in ("evalue", "traceback")}
    found: dict[str, Any] = {}
    with contextlib.suppress(DeadKernelError, TimeoutError, queue.Empty, RuntimeError):
        found = run_sync(_asked)(client, {n: repr(text) for n, text in said.items()}, "masked")
    for name, text in said.items():
        answer = found.get(name, {"status": "error"})
        ok = answer["status"] == "ok"
        own = str(ast.literal_eval(answer["data"]["text/plain"])) if ok else text
        setattr(error, name, masked(own))


async def _asked(
    client: NotebookClient, expressions: Mapping[str, str], how: str = "told"
) -> dict[str, Any]:
    """What a function of :mod:`duranb.runner.told` says of some expressions in the kernel."""
    called = f"__import__('duranb.runner.told', fromlist=['told']).{how}(%s)"
    kernel: Any = client.kc
    asked = {name: called % expression for name, expression in expressions.items()}
    reply = await kernel.execute("", silent=True, user_expressions=asked, reply=True, timeout=60)
    found: dict[str, Any] = reply["content"]["user_expressions"]
    return found


async def _finish(client: NotebookClient) -> None:
    """Let the kernel check what it stored last. An expression is no cell: it changes nothing."""
    code = "__import__('duranb.jupyter.extension').jupyter.extension.loaded().finish(%r)"
    seconds = _checking()
    asked = {"finish": code % seconds}
    kernel: Any = client.kc
    with contextlib.suppress(TimeoutError, queue.Empty):
        await kernel.execute(
            "", silent=True, user_expressions=asked, reply=True, timeout=seconds + GRACE
        )


def _checking() -> float:
    given = os.environ.get("DURANB_CHECK") or CHECKING
    try:
        return float(given)
    except ValueError:
        raise UsageError(f"DURANB_CHECK is a number of seconds, not {given!r}") from None


@contextlib.contextmanager
def _closing(client: NotebookClient) -> Any:
    try:
        yield
    except (CellTimeoutError, KeyboardInterrupt):
        # A kernel that is shut down in the middle of a cell ends with a traceback of its own.
        if client.kc is not None:
            run_sync(_interrupt)(client)
        raise
    finally:
        if client.km is not None:  # nbclient ends one itself that did not come up
            client._cleanup_kernel()


async def _interrupt(client: NotebookClient) -> None:
    """Interrupt the running cell, and wait for it to end."""
    assert client.km is not None
    waiting = asyncio.all_tasks() - {asyncio.current_task()}
    await ensure_async(client.km.interrupt_kernel())
    ended, _ = await asyncio.wait(waiting, timeout=GRACE) if waiting else (set(), set())
    for task in ended:
        if not task.cancelled():
            task.exception()  # that it was interrupted is known


def _tell(
    hooks: Hooks, document: nbformat.NotebookNode, cell: nbformat.NotebookNode, index: int
) -> None:
    if cell.cell_type != "code":
        return
    hooks.on_cell(index + 1, len(document.cells), step_of(cell.source))


def step_of(source: str) -> str:
    """What to call the step that a cell is; empty for a plain cell."""
    line = first_line(source)
    return (parse(line).name or "(unnamed step)") if line is not None else ""


def _stopped(notebook: Path, error: CellExecutionError, died: int) -> RunResult:
    if error.ename == WAITS:
        return RunResult(WAITING, died, uncolored(error.evalue))
    said = told(error)
    if error.ename == "StdinNotImplementedError":
        said += (
            "\n\nnobody is there to type: duranb.ask(…) in a step asks once, and waits for duranb "
            "answer"
        )
    elif error.ename not in PLAIN:
        said += f"\n\nmend the cell; then duranb resume {notebook} goes on"
    for note in getattr(error, "__notes__", ()):
        said += f"\n\n{note}"
    return RunResult(FAILED, died, said)


def told(error: CellExecutionError) -> str:
    """What a failed cell says: duranb's own errors their message, all others their traceback."""
    text = error.evalue if error.ename in PLAIN else str(error)
    return uncolored(text).rstrip()


def _history(notebook: Path, *, trusted: bool = False) -> History:
    """The history of a notebook; an empty one where there is none. One that has to be ``trusted``
    and is not raises :class:`duranb.errors.Untrusted`."""
    folder = store_path(notebook)
    if not is_store(folder):
        return History()
    with StoreView.open(folder) as view:
        if trusted:
            view.need_trust()
        return view.history()


def _progress(notebook: Path) -> int:
    """How far the history of a notebook has got: different calls and steps that are done. What is
    restored, or done once more, is no progress: a kernel that always dies would never be given up.
    """
    history = _history(notebook)
    calls = (c for c in history.calls.values() if c.status is not CallStatus.INTENDED)
    steps = (x for x in history.executions.values() if x.status is Status.COMPLETED)
    return len({(c.step, c.place_key, c.occurrence) for c in calls}) + len(
        {(x.step, x.identity) for x in steps if x.origin is not Origin.RESTORED}
    )


def _done(notebook: Path, died: int, first: int) -> RunResult:
    """A run that got to the end; its executions come after ``first``."""
    history = _history(notebook)
    steps = [history.executions_of(s)[-1] for s in history.steps]
    ended = [x for x in steps if x.id > first and x.status is Status.COMPLETED]
    restored = sum(x.origin is Origin.RESTORED for x in ended)
    return RunResult(
        DONE, died, steps=len(ended), restored=restored, notes=tuple(differing(history))
    )
