"""What all tests share: a marker by folder, and a home of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from duranb.engine import runtime
from duranb.text import grammars
from tests.servers import forks

# What pytest makes of each test's assertions is kept, whatever the environment says of bytecode:
# making it takes a worker as long as all else until the first test.
_WRITTEN, sys.dont_write_bytecode = sys.dont_write_bytecode, False

grammars.when_needed()  # each worker would read it

# A change is judged by what it does, not by chance: examples are drawn anew only elsewhere.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# All servers of the tests speak plain HTTP. Each client reads the authorities that it would trust,
# which takes it forty times as long as all else when they are those of the system.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "servers" / "nobody.pem")

BROWSER = Path(__file__).parent / "browser"

LONG = ("test_walks.py", "test_replay_offline.py", "test_headless.py", "test_cells.py")
"""Files that take long begin first, so that no worker is left alone with one at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the browser tests by their folder, before ``-m`` chooses."""
    for item in items:
        if BROWSER in item.path.parents:
            item.add_marker("browser")
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_configure(config: pytest.Config) -> None:
    """Where there are several workers, they have the parents of forked processes in common."""
    if config.getoption("numprocesses", None):
        forks.start()


def pytest_collection_finish() -> None:
    """Bytecode is written as the environment says again."""
    sys.dont_write_bytecode = _WRITTEN


def pytest_unconfigure() -> None:
    """End the processes that others were forked from."""
    forks.end()


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the signing key of whoever runs the tests out of them; child processes inherit it."""
    before = os.environ.get("DURANB_HOME")
    os.environ["DURANB_HOME"] = str(tmp_path_factory.mktemp("home"))
    yield
    if before is None:
        del os.environ["DURANB_HOME"]
    else:
        os.environ["DURANB_HOME"] = before


@pytest.fixture(autouse=True)
def _no_runtime_is_left() -> Iterator[None]:
    """One that a test leaves active would be that of whichever test this process runs next."""
    before = runtime.active()
    yield
    left = runtime.active()
    if left is not None and left is not before:
        left.close()
