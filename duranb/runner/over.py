"""Many runs of one notebook: one for each row of a table of parameters, several at once.

Each row is a run of its own in a store of its own, named by what the row says: rows may be added,
moved or taken out, and the others are not run again. What came out of a row is kept beside the
stores, so that a row that is done needs no kernel to say so.
"""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import blake3
import msgspec
import nbformat

from duranb.errors import DuranbError, UsageError
from duranb.record.history import History
from duranb.runner import headless
from duranb.runner.parameters import is_variable
from duranb.store import StoreView, is_store, store_path
from duranb.store.lines import Lines
from duranb.store.paths import OUTCOMES as OUTCOMES, runs_path
from duranb.text import given
from duranb.text.known import KNOWN

STATUSES = {
    headless.DONE: "done",
    headless.FAILED: "failed",
    headless.WAITING: "waiting",
    headless.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True)
class Row:
    """One row: its ``number`` in the file, from 1, the name of its ``run``, and its parameters."""

    number: int
    run: str
    parameters: Mapping[str, Any]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of a row. ``cost`` is in US dollars, over all its tries; ``unpriced`` counts
    calls whose cost is not known; ``code`` is the digest of the notebook's cells that ran, and
    ``wanted`` are the variables whose values it was asked for."""

    run: str
    code: str
    exit: int
    wanted: tuple[str, ...] | None = None
    values: dict[str, Any] = {}
    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    error: str = ""

    def is_all(self, code: str, wanted: tuple[str, ...] | None) -> bool:
        """Whether these cells are done, and the values that are wanted are there."""
        told = self.wanted == wanted or (wanted is not None and self.values.keys() >= {*wanted})
        return self.exit == headless.DONE and self.code == code and told

    @property
    def status(self) -> str:
        """How it ended, in a word."""
        return STATUSES[self.exit]


Ended = Callable[[Outcome, bool], None]
"""Is told of each row what came out, and whether it had been done before."""


@dataclass(frozen=True)
class How:
    """How each row is run; see :func:`duranb.runner.headless.run`. ``wanted`` are the variables of
    the table of results, None for what the last step made."""

    timeout: float | None = None
    budget: float | None = None
    restarts: int = headless.RESTARTS
    kernel: str = ""
    on_failure: str | None = None
    wanted: tuple[str, ...] | None = None


def read_rows(file: Path, always: Mapping[str, Any]) -> list[Row]:
    """The rows of a ``.csv`` file (a header, then values that are JSON or else text) or ``.jsonl``
    file (an object on each line). ``always`` are parameters of every row, unless it has its own.

    Raises :class:`UsageError` that names the line.
    """
    if file.suffix not in _READERS:
        raise UsageError(f"--over takes a .csv or a .jsonl file, not {file}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}") from error
    seen: Counter[str] = Counter()
    rows = []
    for number, parameters in enumerate(_READERS[file.suffix](file, text), 1):
        wrong = [n for n in parameters if not is_variable(n)]
        if wrong:
            raise UsageError(f"{file}: {wrong[0]!r} cannot be the name of a variable")
        parameters = {**always, **parameters}
        said = json.dumps(parameters, sort_keys=True).encode()
        name = blake3.blake3(said).hexdigest(6)
        seen[name] += 1
        rows.append(Row(number, f"{name}-{seen[name]}" if seen[name] > 1 else name, parameters))
    if not rows:
        raise UsageError(f"{file} has no rows")
    return rows


def _csv(file: Path, text: str) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise UsageError(f"{file}, line {reader.line_num}: not as many values as columns")
            yield {name.strip(): given.value(value) for name, value in row.items()}
    except csv.Error as error:
        raise UsageError(f"{file}, line {reader.line_num}: {error}") from error


def _jsonl(file: Path, text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{file}, line {number} is no JSON: {error}") from error
        if not isinstance(found, dict):
            raise UsageError(f"{file}, line {number} is no object")
        yield found


_READERS: dict[str, Callable[[Path, str], Iterator[dict[str, Any]]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
}


def over(
    notebook: Path,
    rows: Sequence[Row],
    how: How,
    *,
    workers: int,
    ended: Ended = lambda outcome, before: None,
) -> dict[str, Outcome]:
    """Run a notebook once for each row, ``workers`` at a time; what came out, by the run's name.

    A row that was done by these very cells is not run again, and one that is half done goes on.
    ``ended`` is told of each, and whether it had been done before. Interrupted, it stops all, and
    what is there so far is what came out. Raises :class:`UsageError` for what is no notebook.
    """
    document = headless.read(notebook)
    headless.check_names(document, notebook)
    code = code_of(document)
    folder = runs_path(notebook)
    found = {}
    lines = Lines(folder / OUTCOMES)
    lines.begin()
    for outcome in kept(folder / OUTCOMES):
        found[outcome.run] = outcome
    done = {n: o for n, o in found.items() if o.is_all(code, how.wanted)}
    outcomes: dict[str, Outcome] = {}
    left = []
    for row in rows:
        if row.run in done and is_store(store_path(notebook / row.run)):
            outcomes[row.run] = done[row.run]
            ended(done[row.run], True)
        else:
            left.append(row)
    for outcome in _all(notebook, left, how, code, min(workers, len(left))):
        lines.append(_line(outcome))
        outcomes[outcome.run] = outcome
        ended(outcome, False)
    return outcomes


def _all(
    notebook: Path, rows: Sequence[Row], how: How, code: str, workers: int
) -> Iterator[Outcome]:
    """Run the rows in processes of their own; what came out of each, as it comes."""
    if not rows:
        return
    spawned = multiprocessing.get_context("spawn")  # a fork would carry threads' locks along
    with ProcessPoolExecutor(workers, spawned, initializer=_begin) as pool:
        asked = {pool.submit(_one, notebook, row, how, code): row for row in rows}
        left = set(asked)
        try:
            while left:
                ended, left = wait(left, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
        except KeyboardInterrupt:  # the workers were interrupted too, and end their rows
            pool.shutdown(cancel_futures=True)
            yield from (f.result() for f in left if f.done() and not f.cancelled())
        except BrokenProcessPool as error:
            raise DuranbError(
                f"a process that ran rows was killed. What is done is kept: the same command "
                f"goes on with the rest ({error})"
            ) from error


def _begin() -> None:
    """A worker that is interrupted while it has no row ends without a traceback, and none outlives
    the process that gives it rows: whoever goes on with them must not meet it there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_parent, name="duranb-parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(headless.INTERRUPTED)  # its kernel ends itself when it finds that it has no parent


def _one(notebook: Path, row: Row, how: How, code: str) -> Outcome:
    """Run one row; in a worker's process."""
    values: dict[str, Any] = {}
    try:
        result = headless.run(
            notebook,
            parameters=row.parameters,
            timeout=how.timeout,
            budget=how.budget,
            restarts=how.restarts,
            kernel=how.kernel,
            on_failure=how.on_failure,
            name=row.run,
            wanted=how.wanted,
        )
        ended, values = result.exit_code, result.values
        error = result.error or "; ".join(result.untold)
    except KeyboardInterrupt:
        ended, error = headless.INTERRUPTED, "interrupted"
    except (DuranbError, OSError) as refused:
        ended, error = headless.FAILED, str(refused)
    sums = _sums(notebook / row.run)
    return Outcome(
        run=row.run,
        code=code,
        exit=ended,
        wanted=how.wanted,
        values=values,
        error=error,
        **sums,
    )


def _sums(run: Path) -> dict[str, Any]:
    """What the calls of a run have cost so far."""
    folder = store_path(run)
    history = History()
    if is_store(folder):
        with StoreView.open(folder) as view:
            history = view.history()
    ledgers = [history.ledger(number) for number in history.executions]
    names = ("calls", "tokens", "cost", "unpriced")
    return {name: sum(getattr(each, name) for each in ledgers) for name in names}


def carry_out(notebook: Path, row: Row, how: How) -> Outcome:
    """Run one row in this process, and keep what came out of it. Raises :class:`UsageError` for
    what is no notebook."""
    document = headless.read(notebook)
    headless.check_names(document, notebook)
    folder = runs_path(notebook)
    lines = Lines(folder / OUTCOMES)
    lines.begin()
    outcome = _one(notebook, row, how, code_of(document))
    lines.append(_line(outcome))
    return outcome


def _line(outcome: Outcome) -> bytes:
    """A line of what is kept: no secret is, whatever an error says."""
    KNOWN.look_around()
    return KNOWN.masked(msgspec.json.encode(outcome))


def kept(file: Path) -> Iterator[Outcome]:
    """What came out of rows earlier; the last line may have been cut off by a kill."""
    for line in Lines(file):
        try:
            yield msgspec.json.decode(line, type=Outcome)
        except msgspec.MsgspecError:
            continue  # its row is run again: everything in it is restored


def code_of(document: nbformat.NotebookNode) -> str:
    """The digest of a notebook's cells, by which it is known whether a row was done by these."""
    cells = [[c.source, c.get("metadata", {}).get("tags", [])] for c in document.cells]
    return blake3.blake3(json.dumps(cells).encode()).hexdigest(16)


def table(rows: Iterable[Row], outcomes: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    """The table of results: for each row its parameters, what it made, how it ended and what that
    cost. Columns of results that have the name of another one end with an underscore."""
    made = []
    for row in rows:
        outcome = outcomes.get(row.run)
        line: dict[str, Any] = {"row": row.number, **row.parameters}
        line["status"] = outcome.status if outcome else "not run"
        if outcome is not None:
            for name, value in outcome.values.items():
                line[name if name not in line else f"{name}_"] = value
            line |= {"calls": outcome.calls, "cost": outcome.cost}
            line["error"] = outcome.error
        line["run"] = row.run
        made.append(line)
    return made


def written(made: Sequence[Mapping[str, Any]], suffix: str) -> str:
    """A table as the text of a ``.csv`` or a ``.jsonl`` file. Raises :class:`UsageError`."""
    if suffix == ".jsonl":
        return "".join(json.dumps(line) + "\n" for line in made)
    if suffix != ".csv":
        raise UsageError("the table of results is a .csv or a .jsonl file")
    columns = list(dict.fromkeys(name for line in made for name in line))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for line in made:
        writer.writerow({n: v if isinstance(v, str) else json.dumps(v) for n, v in line.items()})
    return out.getvalue()
