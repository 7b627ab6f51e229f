"""The tables for SQL say what the history says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

import duckdb
import pytest
from hypothesis import given, settings, strategies as st

from duranb.record import events as e
from duranb.record.events import Binding, ErrorInfo, Event, Usage
from duranb.record.fold import Fold
from duranb.record.history import History
from duranb.record.model import CallStatus, Status
from duranb.store import Store, StoreView, schema
from duranb.store.summaries import VIEWS
from duranb.store.tables import LAYOUT, Tables
from tests.examples import examples

README = Path(__file__).parents[2] / "README.md"
FAILED = ErrorInfo(type="ValueError", message="no")


def stories(seed: int, length: int) -> Iterator[e.EventBody]:
    """Events in random order, as a notebook could have recorded them: each is about something that
    the history knows."""
    random = Random(seed)
    folding = Fold()
    history = folding.history
    yield (body := e.RunStarted(run="r"))
    folding.apply(Event(1, 1000, body))
    for seq in range(2, length):
        body = _next(random, history)
        folding.apply(Event(seq, seq * 1000, body))
        yield body
    assert not history.unread


def _next(random: Random, history: History) -> e.EventBody:
    running = sorted(history.running)
    done = [x for x in history.executions.values() if x.status is Status.COMPLETED]
    calls = [c for c in history.calls.values() if c.status is not CallStatus.INTENDED]
    intended = [c for c in history.calls.values() if c.status is CallStatus.INTENDED]
    choices = ["begin", "snapshot", "session", "branch", "move"]
    choices += ["attempt", "call", "call", "call", "intend", "end", "complete"] * bool(running)
    choices += ["restore", "restore", "undo", "differ"] * bool(done)
    effects = [c for c in calls if c.kind.traits.effect]
    choices += ["reject"] * bool(calls) + ["outcome"] * bool(intended)
    choices += ["resolve", "compensate"] * bool(effects)
    what = random.choice(choices)
    execution = history.executions[random.choice(running)] if running else None
    ended = random.choice(done) if done else None
    if what == "begin":
        undone = ended.id if ended and random.random() < 0.2 else 0
        return e.ExecutionStarted(
            execution=history.next_id("execution"),
            step=f"s{random.randrange(3)}",
            run="r",
            branch=history.branch,
            kind="compensation" if undone else "cell",
            identity=str(random.randrange(2)),
            compensates=undone,
        )
    if what == "snapshot":
        names = {f"n{random.randrange(4)}": Binding("d", str(random.random()))}
        return e.SnapshotCaptured(
            snapshot=history.next_id("snapshot"),
            parent=history.head,
            branch=history.branch,
            changed=names,
        )
    if what == "session":
        return e.SessionOpened(pid=random.randrange(9))
    if what == "branch":
        name = f"b{random.randrange(3)}"
        return e.BranchCreated(branch=name, parent=history.branch, snapshot=history.head)
    if what == "move":
        head = random.choice([0, *history.snapshots])
        return e.HeadMoved(branch=random.choice(list(history.branches)), snapshot=head)
    if what == "outcome":
        asked = random.choice(intended)
        return _outcome(random, asked.id, asked.execution, asked.attempt, asked.step, asked.kind)
    if what == "reject":
        return e.CallRejected(call=random.choice(calls).id, reason="bad")
    if what == "resolve":
        verdict = random.choice(["happened", "not-happened", "compensated"])
        return e.CallResolved(call=random.choice(effects).id, verdict=verdict)
    if what == "compensate":
        return e.CallCompensated(call=random.choice(effects).id, by=1)
    if what in ("restore", "undo", "differ"):
        assert ended is not None
        if what == "restore":
            return e.ExecutionRestored(
                execution=history.next_id("execution"),
                of=ended.of or ended.id,
                step=ended.step,
                run="r",
                branch=history.branch,
                before=0,
                snapshot=history.head,
            )
        if what == "undo":
            ok = random.random() < 0.7
            return e.ExecutionCompensated(execution=ended.id, by=ended.id, ok=ok)
        return e.ValuesDiffer(execution=ended.id, artifact="d", differences={"x": "is lost"})
    assert execution is not None
    here = execution.id
    last = execution.attempts[-1]
    if what == "attempt":
        if last.ended:
            return e.AttemptStarted(execution=here, attempt=last.number + 1)
        return e.AttemptFailed(
            execution=here, attempt=last.number, cause="transport", error=FAILED, wait=0.5
        )
    if what == "call":
        kind = random.choice(["llm", "llm", "http", "value"])
        number = history.next_id("call")
        return _outcome(random, number, here, last.number, execution.step, kind)
    if what == "intend":
        return e.CallIntended(
            call=history.next_id("call"),
            execution=here,
            attempt=last.number,
            step=execution.step,
            key="k",
            occurrence=random.randrange(3),
            kind=random.choice(["effect", "ask"]),
            name="pay",
        )
    served = random.sample([c.id for c in calls], min(2, len(calls)))
    if what == "end":
        status = random.choice(["failed", "waiting", "cancelled", "in doubt"])
        return e.ExecutionEnded(execution=here, status=status, attempts=1, served=served)
    return e.ExecutionCompleted(
        execution=here,
        origin=random.choice(["executed", "resumed", "replayed"]),
        attempts=len(execution.attempts),
        snapshot=history.head,
        outputs={"x": Binding("d", "v", "int")},
        served=served,
    )


def _outcome(
    random: Random, call: int, execution: int, attempt: int, step: str, kind: str
) -> e.EventBody:
    about = {"call": call, "execution": execution, "attempt": attempt, "step": step, "key": "k"}
    place = {"occurrence": random.randrange(3), "kind": kind, "name": "chat"}
    if random.random() < 0.2:
        return e.CallFailed(**about, **place, error=FAILED, status=500)  # type: ignore[arg-type]
    usage = None
    if random.random() < 0.8:
        cost = random.choice([0.0, 0.25, 0.5])
        usage = Usage(model="m", input_tokens=3, output_tokens=4, cost=cost, priced=cost > 0)
    return e.CallCompleted(**about, **place, started=1500, usage=usage)  # type: ignore[arg-type]


@settings(max_examples=examples(12), deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 90), st.integers(1, 30))
def test_sql_says_what_the_history_says(seed: int, length: int, pause: int) -> None:
    """Whatever happened, and however often the tables were filled a little meanwhile: every
    status, cost and count is the history's."""
    connection = duckdb.connect(":memory:")
    folding = Fold()
    history = folding.history
    tables = Tables(history)
    for seq, body in enumerate(stories(seed, length), 1):
        folding.apply(Event(seq, seq * 1000, body))
        if seq % pause == 0:
            tables.fill_some(connection, 3)
    tables.fill(connection)
    same_as(connection, history)
    assert tables.fill_some(connection, 3), "all is filled"

    anew = duckdb.connect(":memory:")
    Tables(history).fill(anew)
    for table in ("executions", "attempts", "outputs", "calls", "snapshots", "branches", "history"):
        everything = f"SELECT * FROM {table} ORDER BY ALL"
        rows = connection.execute(everything).fetchall()
        assert rows == anew.execute(everything).fetchall()


def same_as(connection: duckdb.DuckDBPyConnection, history: History) -> None:
    """Compare the tables with the history, object by object, and in sums."""

    def rows(sql: str) -> list[tuple[object, ...]]:
        return connection.execute(sql).fetchall()

    executions, calls = history.executions.values(), history.calls.values()
    ledgers = [history.ledger(x.id) for x in executions]
    found = rows(
        "SELECT execution, status, origin, attempts, epoch_us(ended), calls, tokens, cost, "
        "unpriced, saved_calls, saved_tokens, saved_cost, saved_seconds FROM executions ORDER BY 1"
    )
    assert found == [
        (
            x.id,
            x.status,
            x.origin,
            len(x.attempts),
            x.ended or None,
            sums.calls,
            sums.tokens,
            sums.cost,
            sums.unpriced,
            sums.saved_calls,
            sums.saved_tokens,
            sums.saved_cost,
            sums.saved_seconds,
        )
        for x, sums in zip(executions, ledgers, strict=True)
    ]
    assert rows("SELECT call, kind, status, coalesce(cost, 0) FROM calls ORDER BY 1") == [
        (c.id, c.kind, c.status, c.usage.cost if c.usage else 0) for c in calls
    ]
    asked = [c for c in calls if c.kind.traits.answer]
    paid = [c for c in asked if c.status in (CallStatus.COMPLETED, CallStatus.REJECTED)]
    assert rows(
        "SELECT count(*), coalesce(sum(cost), 0), coalesce(sum(input_tokens + output_tokens), 0) "
        "FROM calls WHERE kind = 'llm' AND status IN ('completed', 'rejected')"
    ) == [(len(paid), sum(x.cost for x in ledgers), sum(x.tokens for x in ledgers))]
    assert rows("SELECT snapshot, changed, execution FROM snapshots ORDER BY 1") == [
        (s.id, list(s.changed), s.execution or None) for s in history.snapshots.values()
    ]
    assert rows("SELECT execution, attempt, cause FROM attempts ORDER BY ALL") == [
        (x.id, a.number, a.cause) for x in executions for a in x.attempts
    ]
    assert rows("SELECT count(*) FROM outputs") == [(sum(len(x.outputs) for x in executions),)]
    assert dict(rows("SELECT branch, head FROM branches")) == {
        b.name: b.head or None for b in history.branches.values()
    }
    cost = pytest.approx(sum(x.cost for x in ledgers))
    if executions:
        (of_runs,) = rows("SELECT sum(executions), sum(calls), sum(cost) FROM runs")
        assert of_runs == (len(executions), sum(x.calls for x in ledgers), cost)
    ((count, sum_of_costs),) = rows("SELECT coalesce(sum(calls), 0), sum(cost) FROM costs")
    assert (count, sum_of_costs or 0) == (len(paid), cost)
    latest = {x.step: x for x in executions if x.run == history.run and x.kind != "compensation"}
    assert dict(rows("SELECT step, status FROM steps")) == {n: x.status for n, x in latest.items()}
    effects = [(c.id, c.status) for c in calls if c.kind.traits.effect]
    assert rows("SELECT call, status FROM effects ORDER BY 1") == effects


def test_the_readme_has_every_table_and_column() -> None:
    """Its examples run, too."""
    connection = duckdb.connect(":memory:")
    assert not schema.version(connection)
    schema.create(connection)
    Tables(Fold([Event(1, 1, e.RunStarted(run="r"))]).history).fill(connection)
    readme = README.read_text()
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", readme, re.MULTILINE)
    told = {name: re.findall(r"\w+", re.sub(r"\([^)]*\)", "", columns)) for name, columns in rows}
    found = connection.execute(
        "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        "WHERE NOT internal GROUP BY table_name"
    ).fetchall()
    hidden = {"events": ["payload", "hash"], "history": [], "migrations": [], "artifacts": []}
    for name, columns in found:
        if hidden.get(name, [""]):
            assert told.pop(name) == [c for c in columns if c not in hidden.get(name, ())]
    assert not {n for n in told if n in VIEWS}
    queries = re.findall(r"```python\n%%duranb_sql\n(.*?)```", readme, re.DOTALL)
    assert queries
    for query in queries:
        connection.execute(query)


@pytest.mark.parametrize("left", ["nothing", "another layout", "less", "more"])
def test_tables_that_do_not_fit_are_made_anew(left: str) -> None:
    """What another version, or a process that was killed, has left is filled again from the first
    event on."""
    connection = duckdb.connect(":memory:")
    folding = Fold(Event(i, i, body) for i, body in enumerate([e.RunStarted(run="r"), begun(1)], 1))
    if left != "nothing":
        Tables(folding.history).fill(connection)
        layout = LAYOUT + (left == "another layout")
        seq = {"less": 1, "more": 3}.get(left, 2)
        connection.execute("UPDATE history SET layout = ?, seq = ?", [layout, seq])
        connection.execute("DELETE FROM executions")
    Tables(folding.history).fill(connection)
    assert connection.execute("SELECT execution FROM executions").fetchall() == [(1,)]
    assert connection.execute("SELECT layout, seq FROM history").fetchall() == [(LAYOUT, 2)]


def begun(number: int, **more: object) -> e.ExecutionStarted:
    return e.ExecutionStarted(execution=number, step="s", run="r", branch="main", **more)  # type: ignore[arg-type]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[tuple[Store, Path]]:
    """A store whose history is followed, as a session does."""
    store = Store.open(tmp_path / "store")
    folding = store.fold()
    store.listeners.append(lambda events: [folding.apply(x) for x in events] and None)
    store.append(e.RunStarted(run="r"), e.SessionOpened(pid=1), begun(1)).wait()
    yield store, tmp_path / "store"
    store.close()


STATUSES = "SELECT execution, status, error FROM executions ORDER BY 1"


def test_a_query_sees_what_was_acknowledged(told: tuple[Store, Path]) -> None:
    """An execution that completes, and is undone later, says so at once; a reader in another
    process sees the same."""
    store, path = told
    assert store.query(STATUSES)[1] == [(1, "running", None)]
    done = e.ExecutionCompleted(execution=1, origin="executed", attempts=1, snapshot=0)
    store.append(done, e.ExecutionCompensated(execution=1, by=2)).wait()
    assert store.query(STATUSES)[1] == [(1, "compensated", None)]
    with StoreView.open(path) as view:
        assert view.query(STATUSES)[1] == [(1, "compensated", None)]


def test_what_a_dead_kernel_left_running_has_failed(told: tuple[Store, Path]) -> None:
    """For a reader once nobody has the store open, and for the next process that opens it."""
    store, path = told
    assert store.query(STATUSES)[1] == [(1, "running", None)]
    store.close()
    with StoreView.open(path) as view:
        assert view.query(STATUSES)[1] == [(1, "failed", "KernelDied")]
    again = Store.open(path)
    folding = again.fold()
    again.listeners.append(lambda events: [folding.apply(x) for x in events] and None)
    again.append(e.SessionOpened(pid=2)).wait()
    assert again.query(STATUSES)[1] == [(1, "failed", "KernelDied")]
    again.close()


def test_an_item_of_a_map_has_what_its_calls_cost() -> None:
    """Those that were made until it ended, in every execution of its step in the run, and of no
    other item: each call is counted once, however often an item was done again."""
    of = {"step": "s", "key": "k", "attempt": 1}
    usage = Usage(model="m", cost=0.5, priced=True)
    bodies = [
        e.RunStarted(run="r"),
        begun(1),
        e.CallCompleted(
            call=1, execution=1, occurrence=1, kind="llm", name="m", item="aa", usage=usage, **of
        ),
        e.ExecutionEnded(execution=1, status="failed", attempts=1),
        begun(2),
        e.CallCompleted(
            call=2, execution=2, occurrence=2, kind="llm", name="m", item="aa", usage=usage, **of
        ),
        e.CallCompleted(
            call=3, execution=2, occurrence=3, kind="llm", name="m", item="bb", usage=usage, **of
        ),
        e.CallFailed(
            call=4,
            execution=2,
            occurrence=1,
            kind="map",
            name="read",
            item="aa",
            error=FAILED,
            **of,
        ),
        e.CallCompleted(
            call=5, execution=2, occurrence=4, kind="llm", name="m", item="aa", usage=usage, **of
        ),
        e.CallCompleted(
            call=6, execution=2, occurrence=2, kind="map", name="read", item="aa", **of
        ),
    ]
    connection = duckdb.connect(":memory:")
    folding = Fold(Event(i, i, body) for i, body in enumerate(bodies, 1))
    assert not folding.history.unread
    Tables(folding.history).fill(connection)
    query = "SELECT map, status, message, calls, cost FROM items ORDER BY call"
    assert connection.execute(query).fetchall() == [
        ("read", "failed", "no", 2, 1.0),
        ("read", "completed", None, 1, 0.5),
    ]
    last = "SELECT status FROM items WHERE NOT retried"
    assert connection.execute(last).fetchall() == [("completed",)]
