"""Notebooks replayed offline: ``verify --replay``, ``duranb test`` and the pytest plugin."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from duranb.store import store_path
from duranb.testing import Failed, Unrecorded, replay
from tests.kernel.harness import Kernel, KernelDied
from tests.kernel.test_headless import duranb, write
from tests.servers import forks
from tests.servers.process import CountingServer

NO_KEYS = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}


@pytest.fixture(autouse=True)
def _same_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process reads what the commands it runs have signed."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    """One model server; each test counts from what it finds."""
    with CountingServer() as running:
        yield running


def agent(
    folder: Path, server: CountingServer, *, prompt: str = "Describe", more: str = ""
) -> Path:
    """A notebook that asks a model twice, notes effects in a file, and asserts."""
    return write(
        folder,
        "import duranb, openai, time\n"
        f"client = openai.OpenAI(base_url='{server.url}/v1')\nwords = ['cats', 'dogs']\n"
        "def send(text):\n    open('sent.txt', 'a').write('sent\\n')\n    return len(text)",
        "%%durable ask\nanswers = []\nfor word in words:\n"
        "    answer = client.chat.completions.create(model='gpt-4o-mini', messages=[\n"
        "        {'role': 'system', 'content': 'You are brief.'},\n"
        f"        {{'role': 'user', 'content': f'{prompt} {{word}}'}}])\n"
        "    answers.append(answer.choices[0].message.content)",
        "%%durable tell\nnumber, when, odd = duranb.uuid4(), duranb.now(), duranb.random()\n"
        "go = duranb.ask('Go on?', default='yes')\nsent = duranb.call(send, answers[0])\n"
        f"assert sent == len(answers[0])\n{more}",
    )


def files(folder: Path) -> dict[str, str]:
    """A digest of every file of the store."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted((folder / ".duranb").rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, server: CountingServer) -> Path:
    """A folder in which the agent has been run live, once."""
    folder = tmp_path_factory.mktemp("recording")
    done = duranb(folder, "run", agent(folder, server), OPENAI_API_KEY="sk-test")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def recorded(recording: Path, tmp_path: Path) -> Path:
    """The agent's notebook, in a folder of its own with what was recorded, and the key."""
    shutil.copytree(recording, tmp_path, dirs_exist_ok=True)
    return tmp_path / "agent.ipynb"


def test_deterministic_notebook_replays_offline(
    tmp_path: Path, recorded: Path, server: CountingServer
) -> None:
    """verify --replay and test pass without a key; nothing is sent, done again or changed."""
    path, before = recorded, files(tmp_path)
    asked = server.count
    verified = duranb(tmp_path, "verify", path, "--replay", **NO_KEYS)
    assert verified.returncode == 0, verified.stderr
    assert "2 steps rerun offline, all as recorded" in verified.stdout
    assert duranb(tmp_path, "verify", store_path(path), "--replay", **NO_KEYS).returncode == 0
    tested = duranb(tmp_path, "test", path, **NO_KEYS)
    assert tested.returncode == 0 and "2 steps passed" in tested.stdout, tested.stderr
    assert server.count == asked
    assert (tmp_path / "sent.txt").read_text() == "sent\n"
    assert files(tmp_path) == before


def test_what_differs_each_time_is_reported(tmp_path: Path, server: CountingServer) -> None:
    """verify --replay names step, output and both values; a step that cannot be rerun as well."""
    more = "stamp = time.time()"
    path = agent(tmp_path, server, more=more)
    assert duranb(tmp_path, "run", path, OPENAI_API_KEY="sk-test").returncode == 0
    before = files(tmp_path)
    found = duranb(tmp_path, "verify", path, "--replay", **NO_KEYS)
    assert found.returncode == 1
    (line,) = [x for x in found.stderr.splitlines() if "stamp" in x]
    assert "tell@2: stamp was 1" in line and "and is now 1" in line and line.count("version") == 2
    assert "1 of 2 steps" in found.stderr and "answers" not in found.stderr
    assert files(tmp_path) == before


LIBRARY = """
import datetime, threading, time, uuid

settings = {}

class Answer:
    def __init__(self, text, after):
        self.text, self.after, self.id = text, after, f"answer-{uuid.uuid4().hex}"
        self.at, self.created = datetime.datetime.now(), time.time()
        self.parts = [{"id": self.id, "lines": {"first": text}}]

class Talk:
    def __init__(self):
        self.said, self.lock = [], threading.Lock()

    def say(self, text):
        answer = Answer(settings["style"] + text, list(self.said))
        self.said.append(answer.text)
        return answer

def configure(key, **given):
    settings.update(given)
"""


def test_what_libraries_keep_and_draw(tmp_path: Path) -> None:
    """Plain cells give their steps what cannot be stored and what lies outside of the namespace;
    ids and times that libraries draw are set aside, and what the notebook draws itself is not."""
    library = tmp_path / "site-packages"
    library.mkdir()
    (library / "lettuce.py").write_text(LIBRARY)
    (tmp_path / "data.txt").write_text("data")
    path = write(
        tmp_path,
        "import lettuce, os, uuid\nlettuce.configure(os.environ['LETTUCE_API_KEY'], style='> ')\n"
        "talk = lettuce.Talk()",
        "%%durable one\na = talk.say('one')\nplain = {'id': a.id, 'at': str(a.at)}",
        "data = open('data.txt').read()\n%duranb fork idea --yes",
        "%%durable two\nb = talk.say(data)",
        "%%durable three\nc, own = talk.say('three'), [uuid.uuid4()]",
    )
    env = {"PYTHONPATH": str(library)}
    done = duranb(tmp_path, "run", path, LETTUCE_API_KEY="sk-lettuce", **env)
    assert done.returncode == 0, done.stderr
    (tmp_path / "data.txt").unlink()
    verified = duranb(tmp_path, "verify", path, "--replay", **env)
    assert verified.returncode == 1
    said = [line for line in verified.stderr.splitlines() if line.startswith("duranb: ")]
    raised, differs, last = said
    assert "cell 3, a plain cell, raised FileNotFoundError" in raised and "data.txt" in raised
    assert "three@3: own was" in differs and "1 of 3 steps" in last
    (tmp_path / "data.txt").write_text("data")
    path.write_text(path.read_text().replace("%duranb fork idea --yes", ""))  # there it is
    tested = duranb(tmp_path, "test", path, **env)
    assert tested.returncode == 0, tested.stderr
    stored = b"".join(f.read_bytes() for f in store_path(path).rglob("*") if f.is_file())
    assert b"LETTUCE_API_KEY" in stored and b"sk-lettuce" not in stored


@pytest.mark.usefixtures("recorded")
def test_edited_prompt_fails_and_shows_what_changed(tmp_path: Path, server: CountingServer) -> None:
    """test runs the file as it is now: the refusal names the step, the field and both texts."""
    before = files(tmp_path)
    asked = server.count
    path = agent(tmp_path, server, prompt="Draw")
    failed = duranb(tmp_path, "test", path, **NO_KEYS)
    assert failed.returncode == 1
    assert "step 'ask' made a call that was never recorded: chat gpt-4o-mini" in failed.stderr
    assert "in messages[1].content" in failed.stderr
    assert '-      "content": "Describe cats"' in failed.stderr
    assert '+      "content": "Draw cats"' in failed.stderr
    assert "Traceback" not in failed.stderr and server.count == asked
    assert files(tmp_path) == before


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("assert go == 'no', 'the user said yes'", ("cell 3", "step 'tell'", "the user said yes")),
        ("duranb.call(send, 'another')", ("-send('Re ", "+send('another')")),
        ("duranb.ask('Sure?', default='yes')", ("never recorded: ask", "It asks: Sure?")),
        ("duranb.now()", ("same call 2 times, and 1 were recorded: now",)),
        (
            "try:\n    client.models.list()\nexcept Exception:\n    pass",
            ("step 'tell' made a call that was never recorded: GET",),
        ),
        (
            "import socket\nsocket.create_connection(('127.0.0.1', client.base_url.port))",
            ("step 'tell' tried to reach 127.0.0.1", "offline"),
        ),
    ],
    ids=["assert", "effect", "question", "value", "swallowed", "unseen"],
)
def test_edited_steps_fail_by_name(
    tmp_path: Path, server: CountingServer, more: str, words: tuple[str, ...]
) -> None:
    """Whatever a step does that it did not do before is refused, and said in words."""
    asked = server.count
    failed = duranb(tmp_path, "test", agent(tmp_path, server, more=more), **NO_KEYS)
    assert failed.returncode == 1 and all(word in failed.stderr for word in words), failed.stderr
    assert server.count == asked
    assert (tmp_path / "sent.txt").read_text() == "sent\n"


def test_plain_cells_reach_nothing_either(tmp_path: Path, server: CountingServer) -> None:
    """Outside of steps, a tool and a request are refused: nothing recorded could answer them."""
    setup = "import duranb, httpx\n@duranb.tool\ndef post():\n    open('sent.txt', 'a').write('x')"
    for plain, words in (
        ("post()", "post was called outside of any step"),
        (f"httpx.get('{server.url}/v1/models')", "a cell that is no step tried to reach 127.0.0.1"),
    ):
        path = write(tmp_path, setup, "%%durable one\nx = 1", plain)
        assert duranb(tmp_path, "run", path).returncode == 0
        (tmp_path / "sent.txt").unlink(missing_ok=True)
        asked = server.count
        failed = duranb(tmp_path, "test", path)
        assert failed.returncode == 1 and words in failed.stderr, failed.stderr
        assert server.count == asked and not (tmp_path / "sent.txt").exists()


def test_unsettled_effect_is_not_done_by_a_replay(kernel: Kernel) -> None:
    """One whose outcome nobody recorded stays undone, though it may be repeated when run live."""
    folder = kernel.notebook.parent
    cells = (
        "import duranb, os\ndef die():\n    open('sent.txt', 'a').write('x')\n    os._exit(1)",
        "%%durable deed\nduranb.call(die, idempotent=True)",
    )
    write(folder, *cells)
    kernel.run(cells[0])
    with pytest.raises(KernelDied):
        kernel.run(cells[1])
    failed = duranb(folder, "test", kernel.notebook)
    assert failed.returncode == 1 and "outcome was never recorded: die()" in failed.stderr
    assert (folder / "sent.txt").read_text() == "x"


def test_store_in_use_is_replayed(kernel: Kernel) -> None:
    """While its kernel lives; a step that is always or freshly run is answered all the same."""
    folder = kernel.notebook.parent
    cells = ("import duranb", "%%durable one --always\na = [duranb.random()]", "b = a + [1]")
    for cell in cells:
        assert kernel.run(cell).error is None
    write(folder, *cells)
    verified = duranb(folder, "verify", kernel.notebook, "--replay")
    assert verified.returncode == 0 and "1 steps" in verified.stdout, verified.stderr
    replayed = replay(kernel.notebook)
    assert replayed.outputs["one"]["a"] == eval(kernel.value("a"))
    assert replayed.namespace["b"] == [*replayed.outputs["one"]["a"], 1]
    assert kernel.run("%%durable two\nc = 1").error is None


def test_what_cannot_be_replayed_is_one_sentence(tmp_path: Path) -> None:
    """No notebook, no store, no completed step."""
    path = write(tmp_path, "%%durable s\nx = 1 / 0")
    assert "has no store" in duranb(tmp_path, "test", path).stderr
    assert duranb(tmp_path, "run", path).returncode == 1
    for words, said, code in (
        (("test", "nowhere.ipynb"), "there is no notebook", 2),
        (("verify", "nowhere.ipynb", "--replay"), "there is no notebook", 2),
        (("verify", path, "--replay"), "no completed step", 2),
    ):
        refused = duranb(tmp_path, *words)
        assert refused.returncode == code and said in refused.stderr, (words, refused)
        assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr


# -- in Python and in pytest -------------------------------------------------------------------


def test_replay_gives_the_values(tmp_path: Path, recorded: Path, server: CountingServer) -> None:
    """duranb.testing.replay: variables at the end, outputs by step, and the failures."""
    before = files(tmp_path)
    replayed = replay(recorded)
    assert replayed.namespace["words"] == ["cats", "dogs"]
    assert replayed.outputs["ask"]["answers"] == replayed.namespace["answers"]
    assert set(replayed.outputs["tell"]) == {"number", "when", "odd", "go", "sent"}
    assert replayed.namespace["send"].__name__ == "send"
    assert files(tmp_path) == before
    with pytest.raises(Unrecorded, match=r"messages\[1\]\.content") as refused:
        replay(agent(tmp_path, server, prompt="Draw"))
    assert refused.value.step == "ask"
    with pytest.raises(Failed, match=r"cell 3 of agent\.ipynb, step 'tell', failed"):
        replay(agent(tmp_path, server, more="assert not answers"))


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """pytest as somebody runs it who has duranb installed, and nothing else that pytest would load
    by itself: it takes ten times as long to load what happens to be installed here."""
    others = [p.name for p in metadata.entry_points(group="pytest11") if p.name != "duranb"]
    without = [f"-pno:{name}" for name in ("cacheprovider", *others)]
    return forks.run(
        [sys.executable, "-m", "pytest", *without, "-W", "error", "-v", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.usefixtures("recorded")
def test_plugin_makes_a_test_of_each_step(tmp_path: Path, server: CountingServer) -> None:
    """--durable: one item a step; what fails is told as on the command line, the rest skipped."""
    passed = run_pytest(tmp_path, "--durable", "agent.ipynb")
    assert passed.returncode == 0, passed.stdout
    assert "agent.ipynb::ask PASSED" in passed.stdout and "::tell PASSED" in passed.stdout
    agent(tmp_path, server, prompt="Draw")
    failed = run_pytest(tmp_path, "--durable")
    assert failed.returncode == 1, failed.stdout
    assert "agent.ipynb::ask FAILED" in failed.stdout and "1 skipped" in failed.stdout
    assert '+      "content": "Draw cats"' in failed.stdout
    chosen = run_pytest(tmp_path, "--durable", "agent.ipynb", "-k", "tell")
    assert "1 skipped" in chosen.stdout


@pytest.mark.usefixtures("recorded")
def test_plugin_offers_a_fixture_and_keeps_quiet(tmp_path: Path, server: CountingServer) -> None:
    """Without --durable no notebook is collected, and nothing heavy is imported."""
    (tmp_path / "test_quiet.py").write_text(
        "import sys\n"
        "def test_quiet(request):\n"
        "    heavy = ('duckdb', 'nbclient', 'IPython', 'duranb.engine', 'duranb.store')\n"
        "    assert not [m for m in heavy if m in sys.modules]\n"
    )
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_values.py").write_text(
        "def test_values(durable_notebook):\n"
        "    replayed = durable_notebook('../agent.ipynb')\n"
        "    assert len(replayed.outputs['ask']['answers']) == 2\n"
    )
    done = run_pytest(tmp_path)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout
    assert "agent.ipynb" not in done.stdout
    agent(tmp_path, server, prompt="Draw")
    failed = run_pytest(tmp_path)
    assert "1 failed, 1 passed" in failed.stdout
    assert '+      "content": "Draw cats"' in failed.stdout


def test_what_was_restored_is_replayed_from_where_it_had_run(tmp_path: Path) -> None:
    """The numbers that it drew are drawn again, and not those of the process that restored it."""
    path = write(tmp_path, "import random", "%%durable draw\nx = [random.random()]")
    for _ in range(2):
        done = duranb(tmp_path, "run", path)
        assert done.returncode == 0, done.stderr
    assert "restored" in done.stdout + done.stderr
    verified = duranb(tmp_path, "verify", path, "--replay")
    assert verified.returncode == 0, verified.stderr
    assert "all as recorded" in verified.stdout
