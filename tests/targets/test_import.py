"""The way back: a run of workers, or of an exported graph, in the notebook that it came from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from duranb.cli.main import cli
from duranb.errors import Untrusted, UsageError
from duranb.export import export
from duranb.record.history import History
from duranb.runner import importing
from duranb.session.reader import open_reader
from duranb.store import StoreView, store_path
from duranb.temporal.export import write as write_export
from tests.kernel.harness import Kernel
from tests.servers.process import CountingServer
from tests.targets.cluster import ROOT

CELLS = (
    "limit = 2",
    """import dataclasses, json, os, urllib.request
import duranb
from openai import OpenAI

client = OpenAI(base_url=os.environ["MODEL_SERVER"] + "/v1", api_key="x", max_retries=0)

@dataclasses.dataclass
class Part:
    text: str
    notes: list = dataclasses.field(default_factory=list)

def note(word):
    with open("ran.txt", "a") as file:
        print(word, file=file)

def ask(prompt):
    asked = [{"role": "user", "content": prompt}]
    return client.chat.completions.create(model="gpt-4o-mini", messages=asked)

@duranb.tool
def publish(text: str) -> str:
    "Publish a text."
    note("published")
    return text.upper()
""",
    """%%durable parts
note("parts")
parts = [Part(ask(f"part {i}").choices[0].message.content) for i in range(limit)]
unused = len(parts)
print(f"{unused} parts")""",
    "shelf = {'all': parts}",
    """%%durable mark
note("mark")
for part in parts:
    part.notes.append(ask("mark " + part.text).choices[0].message.content)""",
    """%%durable gate
note("gate")
answer = duranb.ask("Publish?")""",
    """%%durable published
note("published step")
published = publish(f"{answer} {len(shelf['all'])}")""",
    "assert shelf['all'] is parts",
)
STEPS = ["parts", "mark", "gate", "published"]
BEFORE_GATE = 3
"""Nodes before the question: of two steps, and of the plain cell between them."""


def notebook(folder: Path, *cells: str) -> Path:
    """A notebook with these code cells, of which the first has its parameters."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    made.cells[0].metadata["tags"] = ["parameters"]
    path = folder / "agent.ipynb"
    nbformat.write(made, path)
    return path


def elsewhere(folder: Path, *words: str, **env: str) -> None:
    """Carry a run out in another process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.targets.elsewhere", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def on_workers(path: Path, server: str, most: int = 99, **env: str) -> str:
    """Export a notebook and carry it out; the bucket."""
    folder = path.parent
    write_export(path, folder / "export")
    bucket = str(folder / "bucket")
    words = ("export", bucket, "agent-7/once", '{"limit": 3}', str(most))
    elsewhere(folder, "workers", *words, MODEL_SERVER=server, **env)
    return bucket


def ran(folder: Path) -> list[str]:
    """The bodies that ran, and what was done in them."""
    file = folder / "ran.txt"
    return file.read_text().splitlines() if file.exists() else []


def history_of(path: Path) -> History:
    with open_reader(path) as reader:
        return reader.history


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    with CountingServer() as started:
        yield started


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, server: CountingServer) -> Path:
    """A folder with a notebook that was carried out by workers, up to its question."""
    folder = tmp_path_factory.mktemp("done")
    on_workers(notebook(folder, *CELLS), server.url, BEFORE_GATE)
    (folder / "ran.txt").unlink()
    return folder


@pytest.fixture
def folder(
    done: Path, tmp_path: Path, server: CountingServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A copy of it. Nobody asks the model anything any more."""
    shutil.copytree(done, tmp_path / "here")
    monkeypatch.setenv("MODEL_SERVER", server.url)
    monkeypatch.chdir(tmp_path / "here")
    paid = len(server.journal)
    yield tmp_path / "here"
    assert len(server.journal) == paid


def test_a_run_of_workers_goes_on_in_the_notebook(folder: Path) -> None:
    """What they did is on record with its cost; rewind brings their values; Run All restores their
    steps and runs the others, changes made in place and shared objects included; and the run is
    looked at as any other."""
    path = folder / "agent.ipynb"
    taken = importing.take(path, "bucket")
    assert (taken.run, taken.executions, taken.calls) == ("agent-7/once", 2, 6)
    assert taken.given == ["parts", "mark"], taken.stopped
    assert not taken.failed and ran(folder) == []
    names = [note.partition(" was not kept there")[0].split()[-1] for note in taken.notes]
    assert names == ["unused", "part"]
    assert "step 'gate' was not taken over: it was not carried out there" in taken.stopped
    history = history_of(path)
    assert sum(history.ledger(i).cost for i in history.executions) == taken.cost > 0
    ledgers = [history.ledger(history.find(step).id) for step in STEPS[:2]]
    assert [x.saved_calls for x in ledgers] == [3, 3]
    assert (
        history.find("mark").started > history.executions[2].ended > history.executions[2].started
    )
    for words in (["status"], ["log"], ["show", "mark"], ["diff", "@2", "mark"], ["verify"]):
        cli.main([words[0], str(path), *words[1:]], standalone_mode=False)
    cli.main(["timeline", str(path), "-o", str(folder / "t.html")], standalone_mode=False)
    kernel = Kernel(path).start()
    try:
        kernel.run("%duranb rewind --yes")
        assert kernel.run("[len(p.notes) for p in parts], type(parts[0]).__name__").value == (
            "([1, 1, 1], 'Part')"
        )
        assert kernel.run("shelf['all'] is parts").value == "True"
        assert kernel.run("%duranb rewind parts --yes\nlen(parts[0].notes)").value == "0"
        results = [kernel.run(c) for c in ("limit = 3", *CELLS[1:6])]
        assert all("nothing ran" in results[i].notices for i in (2, 4))
        assert "3 parts" in results[2].stdout, "what it printed there"
        assert "Waiting" in results[5].text and ran(folder) == ["gate"]
        number = next(c.id for c in history_of(path).calls.values() if c.kind == "ask")
        kernel.run(f"%duranb answer {number} yes")
        results = [kernel.run(c) for c in CELLS[5:]]
        assert [x.status for x in results] == ["ok"] * 3
        assert kernel.run("published").value == "'YES 3'"
        assert ran(folder) == ["gate", "gate", "published step", "published"]
        edited = CELLS[4].replace("part.notes", "part.notes[:0] = ['x']; part.notes")
        assert kernel.run(edited).status == "ok", "its calls are answered from the journal"
        assert kernel.run("[len(p.notes) for p in parts]").value == "[3, 3, 3]"
    finally:
        kernel.stop()


def test_run_all_alone_gives_the_steps_what_they_made(folder: Path) -> None:
    """An import that ran no cell; the cells are given the rest when they run. What a cell binds and
    no other step takes was not kept there, and that is said; what does not fit says why, runs, and
    pays for nothing again."""
    path = folder / "agent.ipynb"
    importing.take(path, "bucket", only_record=True)
    kernel = Kernel(path).start()
    try:
        kernel.run("limit = 3")
        kernel.run(CELLS[1])
        kernel.run("unused = 'of another time'")
        first = kernel.run(CELLS[2])
        assert "parts: imported from agent-7/once, nothing ran" in first.notices
        assert "unused was not kept there" in first.notices
        assert kernel.run("unused").status == "error", "it is not what the cell would have made"
        kernel.run(CELLS[3])
        kernel.run("parts[0].notes.append('mine')")
        changed = kernel.run(CELLS[4])
        assert "does not fit here: parts is not what it was there" in changed.notices
        assert kernel.run("[len(p.notes) for p in parts]").value == "[2, 1, 1]"
        kernel.run("for part in parts: part.notes.clear()")
        assert "nothing ran" in kernel.run(CELLS[4]).notices
        assert ran(folder) == ["mark"]
        kernel.run(CELLS[1].replace("asked = ", "prompt = str(prompt)\n    asked = "))
        other = kernel.run(CELLS[2])
        assert "does not fit here: ask is other code than there" in other.notices
        kernel.run(CELLS[1])
        kernel.run("%duranb replay parts --yes")
        assert kernel.run("unused").value == "3", "replayed from the calls that were made there"
    finally:
        kernel.stop()


def test_what_is_imported_again_is_there_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two journals, and with the run gone on meanwhile: in the end all is there,
    once, in the order in which it happened."""
    path = folder / "agent.ipynb"
    copy, copied = importing._copy, 0

    def dies(*args: Any) -> None:
        nonlocal copied
        copied += 1
        if copied == 2:
            raise KeyboardInterrupt
        copy(*args)

    monkeypatch.setattr(importing, "_copy", dies)
    with pytest.raises(KeyboardInterrupt):
        importing.take(path, "bucket", only_record=True)
    monkeypatch.setattr(importing, "_copy", copy)
    assert len(history_of(path).executions) == 1
    importing.take(path, "bucket", run="agent-7", only_record=True)
    again = importing.take(path, "bucket", only_record=True)
    assert (again.executions, again.calls) == (0, 0)
    history = history_of(path)
    assert [x.step for x in history.executions.values()] == ["parts", "mark"]
    assert [c.execution for c in history.calls.values()] == [1, 1, 1, 2, 2, 2]
    with StoreView.open(store_path(path)) as view:
        assert not view.problems and not view.foreign
    with pytest.raises(UsageError, match=r"no run 'other' in bucket.*agent-7/once"):
        importing.take(path, "bucket", run="other")


def test_a_run_beside_the_notebooks_own_is_a_branch(folder: Path) -> None:
    """What was carried out here before stays; it does not take the place of what is imported, and
    the other way round."""
    path = notebook(
        folder, "limit = 3", "%%durable made\nimport random\nmade = [limit, random.random()]"
    )
    bucket = on_workers(path, "http://127.0.0.1:9")
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", str(path), "-p", "limit=3"], standalone_mode=False)
    assert ended.value.code == 0
    mine = history_of(path).find("made").outputs["made"].version
    taken = importing.take(path, bucket, run="agent-7/once")
    assert taken.branch == "agent-7-once"
    assert taken.given == ["made"], taken.stopped
    history = history_of(path)
    assert history.binding("made", history.head).version != mine
    assert history.binding("made", history.branches["main"].head).version == mine


def test_what_somebody_else_recorded_is_data(
    done: Path, tmp_path: Path, server: CountingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket that is sealed with another key is refused, and nothing of it is here; with the
    workers' key, or trusted, it is this user's."""
    path = notebook(tmp_path, *CELLS)
    key = "ab" * 32
    bucket = on_workers(path, server.url, BEFORE_GATE, DURANB_KEY=key)
    with pytest.raises(Untrusted, match="--key FILE takes the workers'"):
        importing.take(path, bucket)
    assert not store_path(path).exists()
    (tmp_path / "key").write_text(key)
    assert importing.take(path, bucket, key=tmp_path / "key", only_record=True).executions == 2
    shutil.rmtree(store_path(path))
    assert importing.take(path, bucket, trust=True, only_record=True).executions == 2
    with StoreView.open(store_path(path)) as view:
        assert not view.foreign


def test_a_run_of_a_graph_and_its_threads(
    tmp_path: Path, server: CountingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exported LangGraph run with a question that was answered: all its steps are restored, and
    the threads of its checkpointer are the notebook's."""
    pytest.importorskip("langgraph.graph", reason="needs duranb[langgraph]")
    plain = ("count = len(parts)", *CELLS[4:6], CELLS[6].replace("len(shelf['all'])", "count"))
    path = notebook(tmp_path, *CELLS[:3], *plain)
    (tmp_path / "graph.py").write_text(export(path, "langgraph"))
    elsewhere(tmp_path, "graph", "graph.py", '{"limit": 3}', "yes", MODEL_SERVER=server.url)
    (tmp_path / "ran.txt").unlink()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL_SERVER", server.url)
    taken = importing.take(path, "graph.py", parameters={"limit": 3})
    assert taken.given == STEPS, taken.stopped
    assert ran(tmp_path) == []
    kernel = Kernel(path).start()
    try:
        assert kernel.run("%duranb rewind --yes\npublished").value == "'YES 3'"
        kernel.run("limit = 3")
        kernel.run(CELLS[1])
        assert "3 parts" in kernel.run(CELLS[2]).stdout, "what it printed there"
        made = "from duranb.langgraph import DuckDBSaver\nsaver = DuckDBSaver()"
        assert kernel.run(made).status == "ok"
        last = "saver.get_tuple({'configurable': {'thread_id': '1'}}).checkpoint['channel_values']"
        assert kernel.run(f"{last}['published']").value == "'YES 3'"
    finally:
        kernel.stop()
