"""An edited notebook, run again over what was recorded, is what a plain run of it is.

Stories of notebooks, generated ones and such as people write: each is killed, edited and run again
over one store, many times. After each edit the namespace and the outputs equal those of a plain
kernel, and nothing ran that does not depend on the edit.
``python -m tests.peers.oracle --seed N -n 1`` repeats a story and shrinks it.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.oracle.generate import generate
from tests.peers.oracle.kernels import Kernels
from tests.peers.oracle.life import Cells, Server
from tests.peers.oracle.public import read
from tests.peers.oracle.story import Teller, Version, stories, story

SEED = int(os.environ.get("DURANB_SEED", "0")) or random.SystemRandom().randrange(1 << 30)
SAMPLE = {"generated": generate(5, 8), "classes": read("objects"), "views": read("numpy_views")}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two servers of lives, whose strings have other hashes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DURANB_HOME", str(tmp_path_factory.mktemp("home")))
        one, two = Server(1), Server(2)
    yield one, two
    one.close()
    two.close()


@pytest.mark.parametrize("cells", SAMPLE.values(), ids=SAMPLE.keys())
def test_edits_of_a_notebook(cells: Cells, servers: tuple[Server, Server], tmp_path: Path) -> None:
    """A few edits of a notebook, each followed by a run that is true."""
    told = story("a sample", cells, 5, 2, servers, tmp_path / "story")
    assert told.failure is None, str(told.failure)


def test_the_oracle_sees_what_is_stale(servers: tuple[Server, Server], tmp_path: Path) -> None:
    """A run over a store in which an edit has made no difference is told from a true one: here the
    edited notebook is compared with a store that holds the one of before."""
    cells = [("a", "x = [1]\ny = x"), ("b", "x.append(2)\nprint(x)")]
    teller = Teller(*servers, tmp_path / "story")
    assert teller.run(Version(cells, frozenset(), "as it is")) is None
    stale = [("a", "x = [1]\ny = [1]"), ("b", "x.append(2)\nprint(x)")]
    plain, _ = teller.plain(Version(stale, frozenset(["a"]), "no longer the same list"))
    lived = teller.live(Version(cells, frozenset(), "as it is"))
    assert plain.portrait != lived.portrait
    assert lived.restored == ["a", "b"] and lived.ran == []


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_edits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 edits, 0 stale names, and nothing ran needlessly."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    wrong: Counter[str] = Counter()
    done, first = 0, ""
    for told in stories(1000, SEED, tmp_path, workers=2):
        done += told.edits
        if told.failure is not None:
            wrong[told.failure.kind] += 1
            first = first or f"{told.what}\n{told.failure}"
            if wrong.total() == 10:
                break
    assert not wrong, f"after {done} edits, seed {SEED}: {dict(wrong)}. The first: {first}"


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["agents", "closures", "pandas_intro"])
def test_edits_in_real_kernels(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in kernels that are started and killed as everybody's are."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    kernels = Kernels(1)
    try:
        told = story(name, read(name), 3, 3, (kernels, kernels), tmp_path / "story")
    finally:
        kernels.close()
    assert told.failure is None, str(told.failure)
