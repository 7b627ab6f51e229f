"""The job that all programs do, and what none of them should have to write: the question to the
model about one document, and the report of what came out. ``JOB`` in the environment says how many
documents there are, and where the model is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import openai

URL, COUNT = json.loads(os.environ["JOB"])


def documents() -> Iterator[str]:
    """The documents. Number 7 is poisoned: nothing can be made of what is said of it."""
    for number in range(COUNT):
        yield f"document {number}"


_clients: dict[str, Any] = {}


def about(document: str) -> str:
    """Ask the model about one document."""
    if "sync" not in _clients:
        _clients["sync"] = openai.OpenAI(base_url=URL, api_key="none", max_retries=0)
    answer = _clients["sync"].chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": document}]
    )
    return shown(document, answer.choices[0].message.content)


def patient_client() -> Any:
    """A client whose own retries are all there is."""
    return openai.AsyncOpenAI(base_url=URL, api_key="none", max_retries=10)


def parsed(said: str) -> str:
    """What an answer says. Raises ``json.JSONDecodeError`` for one that is malformed."""
    found: str = json.loads(said)["about"]
    return found


def shown(document: str, said: str) -> str:
    """What is made of an answer."""
    if document == "document 7":
        raise AttributeError("poison")
    return parsed(said).upper()


def worth_a_retry(error: BaseException) -> bool:
    """Whether another try may help: a refusal, a failure of the server's, a malformed answer."""
    return isinstance(error, (openai.APIError, json.JSONDecodeError))


def done(results: list[Any]) -> None:
    """Say whether all is there, in order, but for the poisoned one."""
    expected = [f"DOCUMENT {n}" if n != 7 else None for n in range(COUNT)]
    wrong = [n for n, (a, b) in enumerate(zip(results, expected, strict=True)) if a != b]
    print(json.dumps({"wrong": wrong}), flush=True)
