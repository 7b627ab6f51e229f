"""The tutorials: what they look like in the repository, and that they run."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import nbformat
import pytest

from duranb.demo import StandIn, start_standin
from duranb.demo.run import EDITED, MOMENTS, STEPS, play
from duranb.demo.stage import MARK, NOTEBOOK, set_up, tutorial
from duranb.engine.options import first_line, parse
from duranb.errors import UsageError
from duranb.record.model import Origin
from duranb.store import StoreView, store_path
from tests.servers import forks

BATCH = Path(__file__).parents[2] / "notebooks" / "a_batch.ipynb"
THOUSAND = Path(__file__).parents[2] / "notebooks" / "thousand_documents.ipynb"


@pytest.fixture(scope="module")
def document() -> nbformat.NotebookNode:
    read: nbformat.NotebookNode = nbformat.read(tutorial(), as_version=4)
    return read


def test_the_tutorial_is_a_clean_notebook(document: nbformat.NotebookNode) -> None:
    """It is valid, has no outputs, names its cells, and explains each step before it."""
    nbformat.validate(document)
    for before, cell in zip(document.cells, document.cells[1:], strict=False):
        if cell.cell_type != "code":
            continue
        assert cell.outputs == []
        assert cell.execution_count is None
        if first_line(cell.source) is not None:
            assert cell.id == parse(first_line(cell.source) or "").name
            assert before.cell_type == "markdown" or first_line(before.source) is None


def test_the_demo_knows_the_tutorial(document: nbformat.NotebookNode) -> None:
    """The steps it shows, kills and counts, and the prompt it edits, are those of the notebook."""
    lines = [first_line(c.source) for c in document.cells if c.cell_type == "code"]
    assert [parse(line).name for line in lines if line is not None] == list(STEPS)
    assert set(MOMENTS) <= set(STEPS)
    assert sum(c.source.count(EDITED[0]) for c in document.cells) == 1


def test_the_demo_leaves_other_folders_alone(tmp_path: Path) -> None:
    """A folder that no demo made is not emptied, and says so."""
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        play(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_the_stage_is_set_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier demo's folder starts from nothing, with the notebook and nobody's key."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / MARK).touch()
    (folder / "tracker.db").touch()
    with set_up(folder) as stage:
        assert not (folder / "tracker.db").exists()
        assert stage.notebook.read_bytes() == tutorial().read_bytes()
        assert stage.standin is not None
        assert stage.environment["DURANB_STANDIN_URL"] == stage.standin.url
        stage.edit(*EDITED)
        assert EDITED[1] in stage.notebook.read_text()


def test_a_real_model_needs_no_standin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With OPENAI_BASE_URL the demo uses that model."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with set_up(tmp_path / "demo") as stage:
        assert stage.standin is None


def run(notebook: Path, standin: StandIn, given: str = "MOST_TEXTS=6") -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI_")}
    done = forks.run(
        [sys.executable, "-m", "duranb", "run", str(notebook), "-p", given],
        env={**environment, "DURANB_STANDIN_URL": standin.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_tutorial_runs_and_is_restored(tmp_path: Path) -> None:
    """Headless and without a network it runs to its end, with every step completed; run again,
    nothing is asked, filed or written anew."""
    notebook = tmp_path / NOTEBOOK
    notebook.write_bytes(tutorial().read_bytes())
    standin = start_standin(tmp_path, calm=True, pace=0.05)
    try:
        run(notebook, standin)
        asked = len(standin.requests())
        run(notebook, standin)
        assert len(standin.requests()) == asked
    finally:
        standin.stop()
    with StoreView.open(store_path(notebook)) as view:
        history = view.history()
    assert history.steps == list(STEPS)
    latest = [history.executions_of(step)[-1] for step in STEPS]
    assert [x.origin for x in latest] == [Origin.RESTORED] * len(STEPS)
    analysed = history.ledger(history.executions_of("analyse")[0].id)
    assert (analysed.calls, analysed.cost > 0) == (6, True)
    assert "# Licence report" in (tmp_path / "licence-report.md").read_text()


def test_a_thousand_documents_run_and_are_restored(tmp_path: Path) -> None:
    """The notebook of many documents runs headless, over fewer of them: each is asked about once,
    the one that cannot be read is found again by the mended function, and a second run asks for
    nothing. What is saved in it names no path of a machine."""
    notebook = tmp_path / THOUSAND.name
    notebook.write_bytes(THOUSAND.read_bytes())
    standin = start_standin(tmp_path, calm=True, pace=0.0)
    try:
        run(notebook, standin, "HOW_MANY=40")
        assert len(standin.requests()) == 40
        run(notebook, standin, "HOW_MANY=40")
        assert len(standin.requests()) == 40
    finally:
        standin.stop()
    with StoreView.open(store_path(notebook)) as view:
        history = view.history()
    executions = [history.executions_of(step) for step in ("results", "readings")]
    assert [x[-1].origin for x in executions] == [Origin.RESTORED] * 2
    assert [history.ledger(x[0].id).calls for x in executions] == [39, 1]
    saved = json.dumps([c.get("outputs") for c in nbformat.read(THOUSAND, 4).cells])
    assert "999 of 1000" in saved and "1000 of 1000" in saved
    assert not re.search(r"/(home|root|tmp|Users|work)/|127\.0\.0\.1", saved)


BOOKS = Path(__file__).parents[2] / "notebooks"


def twice(folder: Path, name: str) -> tuple[list[str], StandIn]:
    """Run a notebook headless, and again: the steps that were restored then, and the stand-in."""
    notebook = folder / f"{name}.ipynb"
    notebook.write_bytes((BOOKS / notebook.name).read_bytes())
    standin = start_standin(folder, calm=True, pace=0.0)
    try:
        run(notebook, standin, "unused=0")
        asked = len(standin.requests())
        run(notebook, standin, "unused=0")
        assert len(standin.requests()) == asked
    finally:
        standin.stop()
    with StoreView.open(store_path(notebook)) as view:
        history = view.history()
    latest = [history.executions_of(step)[-1] for step in history.steps]
    return [x.step for x in latest if x.origin is Origin.RESTORED], standin


def test_the_trip_is_booked_whole_or_not_at_all(tmp_path: Path) -> None:
    """What the failed step had booked is cancelled, and the other trip is booked once."""
    restored, _ = twice(tmp_path, "travel_saga")
    assert restored == ["second_trip"]
    books = json.loads((tmp_path / "bookings.json").read_text()).values()
    states = [(b["name"], b["state"]) for b in books if b["state"] == "booked"]
    assert sorted(states) == [("Grand", "booked"), ("Oslo", "booked"), ("estate", "booked")]
    assert len(books) == 7


def test_the_agent_remembers_and_forgets_with_the_timeline(tmp_path: Path) -> None:
    """Each fact is learned once, and the list for the lawyers has each package once."""
    restored, standin = twice(tmp_path, "remembering_agent")
    assert restored == ["learn", "first_turn", "second_turn"]
    assert (tmp_path / "for-the-lawyers.csv").read_text().split() == [
        "renderer,GPL",
        "storage,MPL-2.0",
    ]
    assert len(standin.requests()) == 12


def test_the_langgraph_agent_keeps_its_thread(tmp_path: Path) -> None:
    """Its turns are restored, and no node runs again."""
    pytest.importorskip("langgraph", reason="needs duranb[langgraph]")
    restored, standin = twice(tmp_path, "langgraph_agent")
    assert restored == ["first_turn", "second_turn"] and len(standin.requests()) == 2


def test_the_mail_goes_out_once_it_is_approved(tmp_path: Path) -> None:
    """Both questions of the notebook are asked at once, the edited mail is what is sent, and the
    answers are on record with who gave them."""
    notebook = tmp_path / "approval.ipynb"
    notebook.write_bytes((BOOKS / notebook.name).read_bytes())
    standin = start_standin(tmp_path, calm=True, pace=0.0)

    def duranb(*words: str) -> tuple[int, str]:
        done = forks.run(
            [sys.executable, "-m", "duranb", words[0], str(notebook), *words[1:]],
            env={**os.environ, "DURANB_STANDIN_URL": standin.url},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    try:
        code, told = duranb("run")
        assert code == 75 and "waits for 2 things" in told, told
        asked = dict(re.findall(r"question (\d+): (\w+)", told))
        number = {word: each for each, word in asked.items()}
        release = {"component": "gnulib", "version": "2.1", "audience": "public"}
        duranb("answer", number["Who"], "search", "--by", "ann")
        duranb("answer", number["Which"], json.dumps(release))
        code, told = duranb("resume")
        assert code == 75 and "we plan to ship this to public" in told, told
        approve = re.findall(r"question (\d+): Send", told)[0]
        mail = {"to": "ann@example.com", "subject": "GPL", "text": "Call me."}
        duranb("answer", approve, json.dumps({"edit": mail}), "--why", "shorter")
        code, told = duranb("resume")
        assert code == 0, told
        assert len(standin.requests()) == 1
    finally:
        standin.stop()
    sent = "To: ann@example.com\nSubject: GPL\n\nCall me.\n\n"
    assert (tmp_path / "outbox.txt").read_text() == sent
    with StoreView.open(store_path(notebook)) as view:
        _, rows = view.query("SELECT answer, answered_by, why FROM questions ORDER BY call")
    assert ('"search"', "ann", None) in rows and rows[-1][2] == "shorter"


@pytest.mark.parametrize("file", sorted(BOOKS.glob("*.ipynb")), ids=lambda file: file.stem)
def test_what_is_saved_in_a_notebook_names_no_machine(file: Path) -> None:
    """Its cells have names, and its outputs neither paths nor addresses."""
    document = nbformat.read(file, as_version=4)
    nbformat.validate(document)
    saved = json.dumps([c.get("outputs") for c in document.cells])
    assert not re.search(r"/(home|root|tmp|Users|work)/|127\.0\.0\.1", saved)
    assert all(re.fullmatch(r"[a-z][a-z0-9_-]*", c.id) for c in document.cells)


def test_no_key_is_stored(tmp_path: Path) -> None:
    """The tutorial's cells keep no API key in a variable: variables are stored."""
    source = json.dumps([c.source for c in nbformat.read(tutorial(), 4).cells])
    assert 'environ["OPENAI_API_KEY"]' not in source
    assert 'get(\\"OPENAI_API_KEY\\"' not in source


def test_a_batch_runs_and_is_restored(tmp_path: Path) -> None:
    """The notebook of a batch runs headless, over fewer documents: each is asked about once beside
    those that were tried live, at half the price, and a second run asks for nothing."""
    notebook = tmp_path / BATCH.name
    notebook.write_bytes(BATCH.read_bytes())
    standin = start_standin(tmp_path, calm=True, pace=0.05)
    try:
        for _ in range(2):
            run(notebook, standin, "HOW_MANY=20")
            assert len(standin.requests()) == 30
    finally:
        standin.stop()
    with StoreView.open(store_path(notebook)) as view:
        history = view.history()
    tried, read = (history.executions_of(step) for step in ("tried", "readings"))
    assert [x[-1].origin for x in (tried, read)] == [Origin.RESTORED] * 2
    live, batched = (history.ledger(x[0].id) for x in (tried, read))
    assert (live.calls, batched.calls) == (10, 20)
    assert batched.cost / batched.tokens == pytest.approx(live.cost / live.tokens / 2, rel=0.05)
    saved = json.dumps([c.get("outputs") for c in nbformat.read(BATCH, 4).cells])
    assert "200 documents read" in saved
    assert not re.search(r"/(home|root|tmp|Users|work)/|127\.0\.0\.1", saved)
