"""What the tests of LLM calls share: a server that counts, and a notebook in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.servers.process import CountingServer
from tests.servers.steps import Notebook


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    """An HTTP server that counts the requests it sees."""
    with CountingServer() as running:
        yield running


@pytest.fixture
def notebook(tmp_path: Path, server: CountingServer) -> Iterator[Notebook]:
    """Steps with a store of their own; the server's counts begin at nothing."""
    server.reset()
    server.configure(unique=True)
    opened = Notebook(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def client(server: CountingServer) -> Iterator[openai.OpenAI]:
    """openai's client for that server, without retries of its own."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-secret", max_retries=0) as made:
        yield made
