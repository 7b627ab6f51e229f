"""Secrets in a store are found, and taken out of it; what is left verifies."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from duranb.cli.main import cli
from duranb.engine.runtime import Settings
from duranb.engine.trails import Trail, _encoder, _Entry
from duranb.errors import UsageError
from duranb.llm.exchange import Header, encode
from duranb.record import events as e
from duranb.record.fold import Fold
from duranb.record.redacted import FORGOTTEN, MASKED, replace
from duranb.session.session import Session
from duranb.store import Store, StoreView, chain, segments, store_path
from duranb.store.lines import Lines
from duranb.store.paths import OUTCOMES, runs_path
from duranb.store.verify import verify
from duranb.text.known import MASK

LONG = "x" * 50_000


def canary() -> str:
    """A secret that nothing else looks like."""
    return f"canary_{secrets.token_hex(12)}"


def everything(folder: Path) -> bytes:
    """All bytes of a folder, and all rows of its database."""
    return b"\0".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def opened(path: Path, live: dict[str, Any] | None = None) -> Session:
    """A session of a notebook."""
    return Session.open(path, store_path(path), {} if live is None else live, Settings(check=False))


def step(session: Session, name: str, live: dict[str, Any], *, source: str, said: str) -> int:
    """Record a step that has made these variables, printed something and called something."""
    runtime = session.runtime
    number = runtime.next_id("execution")
    run, branch = session.history.run, session.history.branch
    runtime.record(
        e.ExecutionStarted(
            execution=number, step=name, run=run, branch=branch, source=source, identity=name
        )
    )
    runtime.namespace.live.update(live)
    runtime.namespace.touched(None)
    snapshot, bodies = runtime.snapshot(runtime.namespace.sync())
    bindings = runtime.namespace.bindings()
    call = runtime.next_id("call")
    made = e.CallCompleted(
        call=call,
        execution=number,
        attempt=1,
        step=name,
        key=name * 4,
        occurrence=0,
        kind="llm",
        name="ask",
        response=session.store.put([f"answered {said}".encode()]),
        preview=f"answered {said}",
    )
    completed = e.ExecutionCompleted(
        execution=number,
        origin="executed",
        attempts=1,
        snapshot=snapshot,
        outputs={n: bindings[n] for n in live},
        messages=session.store.put([json.dumps([{"text": f"printed {said}"}]).encode()]),
    )
    runtime.record(made, *bodies, completed)
    return number


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """Where a notebook lies."""
    return tmp_path / "agent.ipynb"


def filled(notebook: Path, secret: str) -> Session:
    """A session in which a step has stored a secret that nobody knew to be one."""
    session = opened(notebook)
    variables = {"key": f"<{secret}>", "long": LONG + secret, "other": [1, 2, 3]}
    step(session, "ask", variables, source=f"value = {secret!r}", said=secret)
    step(session, "rest", {"more": "harmless"}, source="more = 1", said="nothing")
    session.runtime.record(e.Answered(call=1, value={"said": secret}))
    session.query("SELECT * FROM events")
    return session


def test_what_was_forgotten_and_is_made_again_is_stored_again(notebook: Path) -> None:
    """Equal parts of large values are kept once: not those that are not there any more."""
    session, large = opened(notebook), np.arange(500_000.0)
    step(session, "ask", {"x": large}, source="x = 1", said="nothing")
    asyncio.run(session.forget("ask").apply())
    step(session, "again", {"y": large + 0}, source="y = 1", said="nothing")
    namespace = session.runtime.namespace
    found = namespace.load_value(namespace.bindings()["y"], "y")
    assert np.array_equal(found, large)
    session.close()


def test_what_is_redacted_is_nowhere_and_the_rest_verifies(notebook: Path) -> None:
    """No byte of the store, the database or the view holds it any more; nothing else is lost, and
    the chain, its seals and the artifacts are as they should be."""
    secret = canary()
    session = filled(notebook, secret)
    path = session.store_path
    aside = path / "quarantine" / "1"
    aside.mkdir(parents=True)
    (aside / "old.seg").write_bytes(secret.encode())
    assert secret.encode() in everything(path)
    change = session.redact(secret)
    assert secret not in str(change) and "ask" in str(change)
    asyncio.run(change.apply())
    assert secret.encode() not in everything(path)
    assert secret not in repr(session.history.executions) and secret not in repr(session.events())
    assert secret not in str(session.query("SELECT * FROM events"))
    session.runtime.record(e.Answered(call=1, value="goes on"))
    session.close()
    with StoreView.open(path) as view:
        assert verify(view) == [] and not view.foreign
        told = [x.body for x in view.events() if isinstance(x.body, e.Redacted)]
    assert len(told) == 1 and told[0].events and len(told[0].artifacts) >= 4
    again = opened(notebook)
    assert secret.encode() not in everything(path) and not again.store.damage
    ask, rest = (again.history.executions_of(n)[-1] for n in ("ask", "rest"))
    assert MASK in ask.source and ask.outputs["key"].why == MASKED and not rest.outputs["more"].why
    loaded = again.runtime.namespace.load_value(ask.outputs["key"], "key")
    assert loaded == f"<{MASK.ljust(len(secret), '*')}>"
    assert again.runtime.namespace.load_value(ask.outputs["other"], "other") == [1, 2, 3]
    change = again.redact(secret)
    assert "0 events and 0 artifacts" in str(change)
    again.close()


def test_a_value_that_was_redacted_is_whole_when_it_is_stored_again(notebook: Path) -> None:
    """What happens to have been taken out of an artifact does not stand in for it later."""
    word = "harmless-but-found-everywhere"
    session = filled(notebook, word)
    data = [b"y" * 40_000, word.encode()]
    digest = session.store.put(data)
    session.store.flush()
    taking = session.redact(word)
    asyncio.run(taking.apply())
    path = session.store_path
    session.close()
    code = (
        "import sys; from pathlib import Path; from duranb.store import Store\n"
        "store = Store.open(Path(sys.argv[1])); word = sys.argv[2].encode()\n"
        "digest = store.put([b'y' * 40_000, word]); store.flush()\n"
        "assert bytes(store.get(digest)).endswith(word); print(digest); store.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), word], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest
    with StoreView.open(path) as view:
        assert verify(view) == []


CRASH = """
import asyncio, os, sys
from pathlib import Path
from duranb.engine.runtime import Settings
from duranb.session.session import Session
session = Session.visit(Path(sys.argv[1]), Path(sys.argv[2]))
left = int(sys.argv[4])
real = os.fsync
def fsync(descriptor):
    global left
    left -= 1
    if left < 0:
        os._exit(9)
    real(descriptor)
os.fsync = fsync
asyncio.run(session.redact(sys.argv[3]).apply())
os.fsync = real
session.close()
"""


def test_a_redaction_that_is_cut_off_leaves_a_whole_store_and_is_finished_later(
    notebook: Path, tmp_path: Path
) -> None:
    """Killed at any of its writes, the store verifies, and the same again takes the rest out."""
    secret = canary()
    filled(notebook, secret).close()
    outcomes = set()
    for syncs in range(0, 40, 3):
        path = tmp_path / str(syncs) / "agent"
        shutil.copytree(store_path(notebook), path)
        words = [str(notebook), str(path), secret]
        done = subprocess.run([sys.executable, "-c", CRASH, *words, str(syncs)], check=False)
        outcomes.add(done.returncode)
        with StoreView.open(path) as view:
            assert verify(view) == []
        if done.returncode == 0:
            break
        subprocess.run([sys.executable, "-c", CRASH, *words, "10000"], check=True)
        assert secret.encode() not in everything(path)
        with StoreView.open(path) as view:
            assert verify(view) == []
    assert outcomes == {0, 9}


def test_only_what_was_said_to_be_taken_out_may_differ(notebook: Path) -> None:
    """A tombstone excuses no other change of the event that it is about."""
    secret = canary()
    session = filled(notebook, secret)
    asyncio.run(session.redact(secret).apply())
    path = session.store_path
    session.close()
    first = sorted((path / "log").glob("*.seg"))[0]
    data = first.read_bytes()
    assert data.count(MASK.encode()) > 2
    first.write_bytes(data.replace(MASK.encode(), b"*forged*"))
    with StoreView.open(path) as view:
        assert verify(view)


def test_what_is_forgotten_is_gone_and_used_by_nothing(notebook: Path) -> None:
    """Code, outputs, messages and answers of a step are written over, those of others stay; it is
    neither restored nor answered from, and its variables say why they are not there."""
    secret = canary()
    session = filled(notebook, secret)
    path = session.store_path
    change = session.forget("ask")
    assert "1 execution" in str(change)
    asyncio.run(change.apply())
    stored = everything(path)
    assert secret.encode() not in stored and b"more = 1" in stored
    session.close()
    with StoreView.open(path) as view:
        assert verify(view) == []
    again = opened(notebook)
    (ask,) = again.history.executions_of("ask")
    assert ask.outputs["key"].why == FORGOTTEN and not ask.outputs["key"].artifact
    assert again.history.recorded("ask", "ask" * 4, 0) is None
    assert again.history.recorded("rest", "rest" * 4, 0) is not None
    more = again.history.executions_of("rest")[0].outputs["more"]
    assert again.runtime.namespace.load_value(more, "more") == "harmless"
    again.close()


def test_the_undo_of_what_is_forgotten_is_forgotten_with_it(notebook: Path) -> None:
    """The code that would undo a step, what that did, and what was asked in it, go with the step's
    executions; those of another step stay. Steps inside of it are named, since they stay."""
    secret = canary()
    session = filled(notebook, "nothing")
    runtime, history, path = session.runtime, session.history, session.store_path
    session.register_compensation("ask", f"refund({secret!r})")
    session.register_compensation("rest", "refund('kept')")
    (ask,) = history.executions_of("ask")
    call = runtime.next_id("call")
    question = session.store.put([secret.encode()])
    of_call = {"call": call, "execution": ask.id, "attempt": 1, "step": "ask", "key": "q"}
    runtime.record(
        e.CallIntended(**of_call, occurrence=0, kind="ask", name="ask", question=question)
    )
    about = {"run": history.run, "branch": history.branch}
    undone, inner = runtime.next_id("execution"), runtime.next_id("execution")
    runtime.record(
        e.ExecutionStarted(
            execution=undone,
            step="compensate ask",
            kind="compensation",
            compensates=ask.id,
            source=f"refund({secret!r})",
            **about,
        ),
        e.ExecutionEnded(
            execution=undone,
            status="failed",
            attempts=1,
            error=e.ErrorInfo(type="KeyError", message=secret, traceback=secret),
        ),
        e.ExecutionStarted(execution=inner, step="part", parent=ask.id, source="", **about),
    )
    session.query("SELECT * FROM executions")
    assert everything(path).count(secret.encode()) >= 5
    change = session.forget("ask")
    assert "not what part recorded" in str(change)
    asyncio.run(change.apply())
    assert secret.encode() not in everything(path)
    assert history.compensations == {"rest": "refund('kept')"}
    session.register_compensation("ask", "refund('anew')")
    session.close()
    with StoreView.open(path) as view:
        assert verify(view) == []
        found = Fold(view.events()).history
    assert found.compensations == {"rest": "refund('kept')", "ask": "refund('anew')"}


def test_scan_says_where_and_shows_nothing(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the environment now, and lies in a store from before, is found: in the code,
    the output, the variable and the answer; the store is as it was."""
    secret = canary()
    filled(notebook, secret).close()
    monkeypatch.setenv("LATE_API_KEY", secret)
    path = store_path(notebook)
    before = everything(path)
    done = CliRunner().invoke(cli, ["scan", str(notebook)])
    assert done.exit_code == 1 and secret not in done.output and "$LATE_API_KEY" in done.output
    for where in ("source", "step ask@1, variable long", "call 1 (ask)", "its printed output"):
        assert where in " ".join(done.output.split()), done.output
    assert everything(path) == before
    done = CliRunner().invoke(cli, ["redact", str(notebook), "--found", "--yes"])
    assert done.exit_code == 0 and "taken out of" in done.output, done.output
    assert secret.encode() not in everything(path)
    done = CliRunner().invoke(cli, ["scan", str(notebook)])
    assert done.exit_code == 0 and "no secret" in done.output
    assert CliRunner().invoke(cli, ["verify", str(notebook)]).exit_code == 0


def test_scan_tells_scripts_what_it_found_and_what_it_could_not_look_at(
    notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0: nothing; 1: something, also in the store of one of many runs, in a signal, or in a store
    that somebody else has written; 2: it could not be looked, or not everywhere."""

    def scan() -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["scan", str(notebook)])
        return done.exit_code, done.output

    assert scan()[0] == 2
    secret, run = canary(), notebook.with_name("agent.ipynb") / "monday"
    filled(notebook, "harmless").close()
    filled(run, secret).close()
    assert scan()[0] == 0
    monkeypatch.setenv("LATE_API_KEY", secret)
    code, said = scan()
    assert code == 1 and "run monday: step ask@1" in said
    monkeypatch.setenv("DURANB_HOME", str(notebook.with_name("another user")))
    code, said = scan()
    assert code == 1 and "variable long" in said and "trust" in said
    monkeypatch.undo()
    shutil.rmtree(store_path(run).parent)
    assert scan()[0] == 0
    path = store_path(notebook)
    signal = path / "signals" / "1.json"
    signal.parent.mkdir()
    signal.write_text(secret)
    code, said = scan()
    assert code == 1 and "signals" in said
    signal.unlink()
    (artifact,) = [p for p in path.glob("artifacts/*/*") if p.stat().st_size > len(LONG)]
    artifact.unlink()
    code, said = scan()
    assert code == 2 and "variable long" in said


def exchange(said: str, encoding: str) -> bytes:
    """A recorded answer that came compressed."""
    body = gzip.compress(json.dumps({"said": said}).encode())
    header = Header(method="POST", url="http://a/v1", headers=[("content-encoding", encoding)])
    return b"".join(
        bytes(part) for part in encode(replace(header, chunks=[len(body)]), b"", [body])
    )


def test_a_secret_in_a_compressed_answer_is_taken_out_with_it(notebook: Path) -> None:
    """It cannot be masked in there: the answer goes as a whole, and is not answered from again."""
    secret = canary()
    session = filled(notebook, "nothing")
    answer = exchange(f"answered {secret}", "gzip")
    artifact = session.store.put([answer])
    made = e.CallCompleted(
        call=session.runtime.next_id("call"),
        execution=1,
        attempt=1,
        step="ask",
        key="packed",
        occurrence=0,
        kind="http",
        name="x",
        response=artifact,
    )
    session.runtime.record(made)
    assert session.history.recorded("ask", "packed", 0) is not None
    assert answer[-40:] in everything(session.store_path)
    change = session.redact(secret)
    assert "1 answer" in str(change)
    asyncio.run(change.apply())
    path = session.store_path
    assert answer[-40:] not in everything(path)
    session.close()
    with StoreView.open(path) as view:
        assert verify(view) == []
        assert view.history().recorded("ask", "packed", 0) is None
        assert view.history().recorded("ask", "ask" * 4, 0) is not None
    again = opened(notebook)
    assert "0 events and 0 artifacts" in str(again.redact(secret))
    again.close()


def test_what_others_left_there_goes_too_and_the_stores_of_runs_are_named(notebook: Path) -> None:
    """A signal that nobody has taken yet is removed, which is said before, and so is what says that
    it has 8 TB; each of many runs has a store of its own, and how it is reached is said."""
    secret = canary()
    session = filled(notebook, secret)
    path = session.store_path
    for left in ("signals/1.json", "answers/7.json"):
        (path / left).parent.mkdir()
        (path / left).write_text(f"said {secret}")
    (path / "signals" / "2.json").write_text("nothing")
    with (path / "answers" / "8.json").open("wb") as giant:
        giant.truncate(8 << 40)
    filled(notebook / "monday", secret).close()
    for change in (session.redact(secret), session.forget("ask")):
        assert "monday" in str(change) and f"{change.verb} agent.ipynb/RUN" in str(change)
    change = session.redact(secret)
    assert "removes signals/1.json" in str(change) and "removes answers/7.json" in str(change)
    assert "removes answers/8.json" in str(change)
    asyncio.run(change.apply())
    assert not (path / "answers" / "8.json").exists()
    assert secret.encode() not in everything(path) and (path / "signals" / "2.json").exists()
    session.close()
    done = CliRunner().invoke(cli, ["redact", f"{notebook}/monday", "--yes"], input=f"{secret}\n")
    assert done.exit_code == 0, done.output
    assert secret.encode() not in everything(store_path(notebook / "monday"))


def test_what_is_kept_of_many_runs_is_scanned_and_redacted_too(notebook: Path) -> None:
    """With the notebook's store, or with that of one run."""
    secret = canary()
    filled(notebook, "harmless").close()
    filled(notebook / "monday", "harmless").close()
    file = runs_path(notebook) / OUTCOMES
    for where in (str(notebook), f"{notebook}/monday"):
        Lines(file).append(b'{"run":"monday","code":"c","exit":0,"error":"%s"}' % secret.encode())
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LATE_API_KEY", secret)
            found = CliRunner().invoke(cli, ["scan", where])
        assert found.exit_code == 1 and "outcomes of its runs" in found.output
        done = CliRunner().invoke(cli, ["redact", where, "--yes"], input=f"{secret}\n")
        assert done.exit_code == 0 and "in 1 outcome of its runs" in done.output
        assert secret.encode() not in file.read_bytes()
    assert [b"*secret*" in line for line in Lines(file)] == [True, True]


def test_what_a_step_wrote_into_a_memory_or_took_from_a_signal_is_forgotten(notebook: Path) -> None:
    """What others wrote into the memory, before and after, is still found on the way."""
    secret = canary()
    session = filled(notebook, "nothing")
    runtime, history, path = session.runtime, session.history, session.store_path
    trail = Trail("diary")
    run, branch = history.run, history.branch
    for said in ("before", secret, "after"):
        here = 0
        if said == secret:
            here = runtime.next_id("execution")
            runtime.record(
                e.ExecutionStarted(execution=here, step="told", run=run, branch=branch, source="")
            )
        entry = session.store.put([_encoder.encode(_Entry(trail.end, said.encode()))])
        runtime.record(e.EntryAdded(trail="diary", entry=entry, parent=trail.end, execution=here))
        trail.end = entry
        if said == secret:
            call = runtime.next_id("call")
            about = {"call": call, "execution": here, "attempt": 1, "step": "told"}
            runtime.record(
                e.Signalled(name="paid", id="1", value={"other": "kept"}),
                e.Signalled(name="paid", id="2", value={"by": [secret, 3]}),
                e.CallCompleted(
                    **about, key="k", occurrence=0, kind="ask", name="wait_for", preview="paid"
                ),
                e.Answered(call=call, value=[secret], signal=2),
                e.ExecutionCompleted(execution=here, origin="executed", attempts=1, snapshot=0),
            )
    assert secret.encode() in everything(path)
    asyncio.run(session.forget("told").apply())
    stored = everything(path)
    assert secret.encode() not in stored and b"kept" in stored
    assert trail.follow(list, list.append) == [b"before", b"after"]
    session.close()
    with StoreView.open(path) as view:
        assert verify(view) == []


def test_a_secret_is_not_taken_for_an_answer_or_a_signal(
    notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step would go on with a mask: it is refused, and what to do is said. No file holds it."""
    secret = canary()
    session = filled(notebook, "nothing")
    call = session.runtime.next_id("call")
    about = {"call": call, "execution": 1, "attempt": 1, "step": "ask", "key": "q"}
    session.runtime.record(
        e.CallIntended(**about, occurrence=0, kind="ask", name="ask", preview="The key?")
    )
    monkeypatch.setenv("LATE_API_KEY", secret)
    for refused in (
        lambda: session.signal("paid", {"key": [secret]}),
        lambda: session.answer(call, f"use {secret}"),
    ):
        with pytest.raises(UsageError, match=r"\$LATE_API_KEY.*environment"):
            refused()
    session.close()
    for words in (
        ["signal", str(notebook), "paid", secret],
        ["answer", str(notebook), str(call), secret],
    ):
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 2 and "never recorded" in done.output, done.output
    assert secret.encode() not in everything(store_path(notebook))
    assert CliRunner().invoke(cli, ["signal", str(notebook), "paid", "3"]).exit_code == 0


def test_a_value_to_redact_comes_through_a_pipe(notebook: Path) -> None:
    """No shell's history has to hold it."""
    secret = canary()
    filled(notebook, secret).close()
    done = CliRunner().invoke(cli, ["redact", str(notebook), "--yes"], input=f"{secret}\n")
    assert done.exit_code == 0 and secret not in done.output
    assert secret.encode() not in everything(store_path(notebook))
    done = CliRunner().invoke(cli, ["redact", str(notebook), "--yes"], input="abc")
    assert done.exit_code == 2 and "four characters" in done.output


def test_nobody_else_can_say_that_something_was_taken_out(
    notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the history is trusted, and not this user's, an event that was changed is not excused
    by what was added behind it, whatever that says."""
    session = filled(notebook, canary())
    path = session.store_path
    session.close()
    monkeypatch.setenv("DURANB_HOME", str(notebook.with_name("another user")))
    with contextlib.closing(Store.open(path, settled=False)) as store:
        assert store.foreign
        store.trust()
        assert not store.foreign
    (segment,) = (path / "log").glob("*.seg")
    data = bytearray(segment.read_bytes())
    with segment.open("rb") as file:
        frames = list(segments.frames(file, 1, segments.HEAD_SIZE, len(data)))
    record = next(r for f in frames for r in f.records if '"source":"value' in r.data)
    frame = next(f for f in frames if record in f.records)
    forged = record.data.replace("value = ", "forged= ").encode()
    segments.write_over(data, frame, {record.seq: forged}, {})
    said = chain.content(chain.body(forged.decode()), forged.decode())
    told = e.encode(e.Redacted(reason="forged", events=[(record.seq, said)]))[1]
    for seq in (frames[-1].records[-1].seq, frames[-1].records[-1].seq + 1):
        writer = segments.FrameWriter(1, len(data), sealed=False)
        hashed = chain.link(frames[-1].records[-1].hash, seq, 1, told)
        writer.add(seq, 1, hashed, told.encode(), b"")
        segment.write_bytes(data + writer.frame(None))
        with StoreView.open(path) as view:
            assert view.foreign or any("chain of events is broken" in x for x in verify(view))
