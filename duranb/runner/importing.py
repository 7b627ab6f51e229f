"""A run that was carried out elsewhere, taken into a notebook's history.

Workers leave a journal for each node in a bucket; an exported script or graph has one store. Their
events are appended to the notebook's own history as what they are, each journal in one append: a
process that dies on the way leaves whole journals, and the next import brings the rest. Then the
notebook runs once, and each of its cells is given what was made of it there
(:mod:`duranb.engine.imported`); no step runs.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

import duranb
from duranb.engine.runtime import Runtime
from duranb.errors import StoreDamaged, Untrusted, UsageError
from duranb.record import events as e
from duranb.record.events import Event
from duranb.record.imports import Imported
from duranb.record.model import Origin
from duranb.runner import fitting, headless, renumbering
from duranb.runner.parameters import check_parameters, inject
from duranb.session.places import store_path
from duranb.session.session import Session
from duranb.store import StoreView, is_store, objects
from duranb.store.buckets import Bucket, open_bucket
from duranb.store.keys import key_of
from duranb.store.paths import real
from duranb.views.lines import NOT_KEPT

MODULE = "steps"
"""What workers import an export's functions as."""


@dataclass(frozen=True)
class Journal:
    """The events of one journal of a run, and where its artifacts are read. ``place`` is its node's
    name, empty where the run has one for all."""

    run: str
    place: str
    events: Sequence[Event]
    get: Callable[[str], bytes | memoryview]
    modules: tuple[str, ...] = (MODULE,)


@dataclass
class Taken:
    """What came of an import: the run and the branch it is on now, what is new here, and the names
    of steps that cells were given. ``stopped`` says at which cell it went no further, and why;
    ``notes`` are what cells said of what they were given."""

    run: str
    branch: str
    executions: int = 0
    calls: int = 0
    cost: float = 0.0
    given: list[str] = field(default_factory=list)
    stopped: str = ""
    notes: tuple[str, ...] = ()
    failed: bool = False


def take(
    notebook: Path,
    source: str,
    *,
    run: str = "",
    key: Path | None = None,
    trust: bool = False,
    parameters: Mapping[str, Any] | None = None,
    only_record: bool = False,
    hooks: headless.Hooks | None = None,
) -> Taken:
    """Take a run from ``source`` into a notebook's history; done again, it brings what is new.

    ``source`` is a bucket (a folder or a URL) in which workers keep their journals, a script or
    notebook with a store, or such a store. ``run`` is the run's name, or the identifier it was
    started with; the latest where there are several in a store. What is in a bucket must be sealed
    with this user's key, or with that in the file ``key``; ``trust`` takes what anybody has made.
    ``parameters`` are those of the run that are not recorded. With ``only_record`` no cell runs.

    Raises :class:`UsageError`, :class:`duranb.errors.Untrusted`, :class:`StoreLocked` while a
    kernel has the notebook's store, and :class:`StoreDamaged`.
    """
    document = headless.read(notebook)
    headless.check_names(document, notebook)
    journals = _journals(source, run, key, trust)
    given = {n: v for each in journals for n, v in renumbering.parameters(each.events).items()}
    given |= parameters or {}
    check_parameters(given)
    fits = fitting.fits(notebook)
    session = Session.visit(real(notebook), store_path(notebook))
    try:
        session.need_trust()
        branch = _stand(session.runtime, notebook, journals[0].run)
        taken = Taken(journals[0].run, branch)
        for each in journals:
            _copy(session, each, source, branch, fits, given, taken)
    finally:
        session.close()
    if not only_record:
        _give(notebook, document, given, hooks or headless.Hooks(), taken)
    return taken


# -- where it comes from -----------------------------------------------------------------------


def _journals(source: str, run: str, key: Path | None, trust: bool) -> list[Journal]:
    """The journals of one run, the one that was begun first before the others."""
    path = Path(source)
    is_url = len(urlsplit(source).scheme) > 1
    for folder in () if is_url else (path, store_path(path)):
        if is_store(folder):
            return [_of_store(folder, path, run, trust)]
    if not is_url and not (path / objects.RUNS).is_dir():
        raise UsageError(
            f"there is no run at {source}: it takes a bucket (a folder or URL that workers have as "
            "DURANB_BUCKET), or a script, a notebook or a store that has run"
        )
    bucket = open_bucket(source)
    sealed = None if trust else objects.OWN if key is None else key_of(key.read_text())
    name = _chosen(bucket, source, run)
    found = []
    for node in objects.places(bucket, name)[name]:
        try:
            events, short = objects.read(bucket, objects.place_of(name, node), sealed)
        except Untrusted as error:
            raise Untrusted(
                f"{source} is sealed with another key than yours. --key FILE takes the workers' "
                "(their DURANB_KEY); --trust takes what anybody may have put there: values are "
                f"code when they are loaded ({error.message})"
            ) from error
        read = _reading(objects.ObjectArtifacts(bucket, sealed), short)
        found.append(Journal(name, node, events, read))
    return sorted((x for x in found if x.events), key=lambda x: x.events[0].ts)


def _reading(
    artifacts: objects.ObjectArtifacts, short: Mapping[str, bytes]
) -> Callable[[str], bytes | memoryview]:
    return lambda digest: short[digest] if digest in short else artifacts.get(digest)


def _chosen(bucket: Bucket, source: str, run: str) -> str:
    """The name of a run in a bucket; ``run`` may be the identifier of its workflow."""
    names = [*objects.places(bucket)]
    found = [n for n in names if run in ("", n, n.rpartition("/")[0])]
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted(found or names)[:20]) or "none"
    what = "no run" if not names else f"no run {run!r}" if not found else "more than one run"
    raise UsageError(f"there is {what} in {source}: --run says which; there are: {known}")


def _of_store(folder: Path, path: Path, run: str, trust: bool) -> Journal:
    """The latest run in a store, or the one of that name."""
    with StoreView.open(folder) as view:
        if not trust:
            view.need_trust()
        events = [*view.events()]
        bytes_of = {
            x.body.digest: bytes(view.raw(x.body.digest) if trust else view.get(x.body.digest))
            for x in events
            if isinstance(x.body, e.ArtifactStored) and not view.problem(x.body.digest)
        }
    begun = {x.body.run: i for i, x in enumerate(events) if isinstance(x.body, e.RunStarted)}
    name = run or next(reversed(begun), "")
    if name not in begun:
        raise UsageError(
            f"there is no run {run!r} in {folder}: there are: {', '.join(begun) or 'none'}"
        )
    end = min((i for i in begun.values() if i > begun[name]), default=len(events))
    modules = (MODULE, path.stem)
    return Journal(name, "", events[begun[name] : end], bytes_of.__getitem__, modules)


# -- into the notebook's history ---------------------------------------------------------------


def _stand(runtime: Runtime, notebook: Path, run: str) -> str:
    """Where the run goes: the first in a history is its run, a later one is a branch of it. The
    head is moved there."""
    history = runtime.history
    if not history.run:
        began = e.RunStarted(run=run, notebook=str(notebook), version=duranb.__version__)
        runtime.record(began, e.SessionOpened(pid=0, host=socket.gethostname()))
    name = "main" if history.run == run else "".join(c if c.isalnum() else "-" for c in run)
    if name not in history.branches:
        created = e.BranchCreated(branch=name, parent=history.branch, snapshot=0)
        runtime.record(created, e.HeadMoved(branch=name, snapshot=0, reason="import"))
    elif history.branch != name:
        head = history.branches[name].head
        runtime.record(e.HeadMoved(branch=name, snapshot=head, reason="import"))
    return name


def _copy(
    session: Session,
    journal: Journal,
    source: str,
    branch: str,
    fits: fitting.Fits,
    given: dict[str, Any],
    taken: Taken,
) -> None:
    """Append what is not here yet of a journal, durable when this returns."""
    history, store = session.history, session.store
    known = history.imports.numbers(journal.run, journal.place)
    if known.events > len(journal.events):
        raise StoreDamaged(
            f"{source} has {len(journal.events)} events of {journal.place or journal.run}, and "
            f"{known.events} are here: it was written anew. Nothing was changed"
        )
    new = journal.events[known.events :]
    digests: dict[str, str] = {}
    for event in new:
        if isinstance(event.body, e.ArtifactStored):
            data = bytes(journal.get(event.body.digest))
            digests[event.body.digest] = store.put([data])
    numbers = renumbering.Renumbering(history, known, branch, digests, given)
    bodies = [(x.ts, made) for x in new if (made := numbers.of(x.body)) is not None]
    earlier = (history.executions[i].step for i in known.executions.values())
    steps = sorted({*(b.step for b in numbers.started), *earlier})
    found = {step: fits.of(step, numbers.source_of(step)) for step in steps}
    told = Imported(
        source=source,
        run=journal.run,
        place=journal.place,
        events=len(journal.events),
        executions=numbers.new.executions,
        calls=numbers.new.calls,
        snapshots=numbers.new.snapshots,
        scopes={b.execution: fitting.scope_of(b) for b in numbers.started},
        modules=list(journal.modules),
        fits={step: fit for step, fit in found.items() if fit is not None},
    )
    store.take_in([*bodies, (0, told)]).wait()
    taken.executions += len(numbers.new.executions)
    calls = [history.calls[i] for i in numbers.new.calls.values() if i in history.calls]
    taken.calls += len(calls)
    taken.cost += sum(c.usage.cost for c in calls if c.usage is not None)


def _give(
    notebook: Path, document: Any, given: dict[str, Any], hooks: headless.Hooks, taken: Taken
) -> None:
    """Run the notebook's plain cells in a fresh kernel, with its steps given what was imported."""
    before = _history(notebook).last_execution
    if given:
        inject(document, given)
    env = {
        "DURANB_IMPORTING": "1",
        "DURANB_CHECK": "0",
        "DURANB_PARAMETERS": json.dumps(given),
        "DURANB_RUN": "",
    }
    try:
        headless.run_cells(notebook, document, hooks=hooks, env=env)
    except CellExecutionError as error:
        taken.stopped = headless.told(error)
        taken.failed = error.ename != "NotImported"
    except (DeadKernelError, CellTimeoutError):
        taken.stopped, taken.failed = "the kernel died in a plain cell", True
    taken.notes = tuple(n for cell in document.cells for n in _notes(cell.get("outputs", ())))
    executions = _history(notebook).executions
    done = [executions[x.of or x.id] for x in executions.values() if x.id > before]
    taken.given = [x.step for x in done if x.origin is Origin.RESTORED]


def _notes(outputs: Sequence[Any]) -> Iterator[str]:
    """What a cell said of a step that was given, beside that it was."""
    for output in outputs:
        text = output.get("data", {}).get("text/plain", "")
        if output.get("output_type") == "display_data" and NOT_KEPT in text:
            yield text


def _history(notebook: Path) -> Any:
    with StoreView.open(store_path(notebook)) as view:
        return view.history()
