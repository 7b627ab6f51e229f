"""Why an attempt failed, and what follows."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pydantic
import pytest

from duranb import errors
from duranb.engine.retry import LONGEST_WAIT, Policy, cause_of, retry_after
from duranb.record.model import Cause


class Model(pydantic.BaseModel):
    """Something that does not validate."""

    n: int


def _validation_error() -> Exception:
    with pytest.raises(pydantic.ValidationError) as caught:
        Model.model_validate({"n": "x"})
    return caught.value


def _json_error() -> Exception:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    return caught.value


def _status(code: int, **headers: str) -> Exception:
    request = httpx.Request("POST", "http://127.0.0.1/")
    response = httpx.Response(code, headers=headers, request=request)
    return httpx.HTTPStatusError("bad", request=request, response=response)


TRANSPORT = [
    ConnectionResetError("x"),
    TimeoutError("x"),
    httpx.ConnectError("x"),
    httpx.ReadTimeout("x"),
    errors.StepTimeout("x"),
    *(_status(code) for code in (408, 409, 429, 500, 503, 529)),
]
CODE = [KeyError("x"), ValueError("x"), ZeroDivisionError(), errors.UsageError("x"), _status(400)]
CONTENT = [errors.Reject(), errors.ValidationFailed("x"), _validation_error(), _json_error()]


@pytest.mark.parametrize("error", TRANSPORT, ids=repr)
def test_transport_is_retried(error: Exception) -> None:
    """Connections, timeouts and statuses that pass are tried again."""
    assert cause_of(error, answered=True) is Cause.TRANSPORT
    assert Policy(retries=1).should_retry(error, Cause.TRANSPORT, 1)
    assert not Policy(retries=1).should_retry(error, Cause.TRANSPORT, 2)


@pytest.mark.parametrize("error", CODE, ids=repr)
def test_code_is_not(error: Exception) -> None:
    """Every other exception is the user's to mend."""
    assert cause_of(error, answered=True) is Cause.CODE
    assert not Policy(retries=5).should_retry(error, Cause.CODE, 1)


@pytest.mark.parametrize("error", CONTENT, ids=repr)
def test_content_needs_an_answer_to_reject(error: Exception) -> None:
    """Content is at fault where a model answered in the attempt; else it is code. It is asked
    for again at once."""
    assert cause_of(error, answered=True) is Cause.CONTENT
    assert cause_of(error, answered=False) is Cause.CODE
    assert Policy().wait(error, Cause.CONTENT, 1) == 0.0


def test_a_group_is_what_its_members_are() -> None:
    """A task group's failures share a cause, or are code."""
    assert cause_of(ExceptionGroup("g", [TimeoutError()]), answered=True) is Cause.TRANSPORT
    mixed = ExceptionGroup("g", [TimeoutError(), KeyError()])
    assert cause_of(mixed, answered=True) is Cause.CODE


def test_names_override_the_cause() -> None:
    """--retry-on and --no-retry-on decide by the names of the exception and its bases."""
    assert Policy(retry_on=("LookupError",)).should_retry(KeyError(), Cause.CODE, 1)
    assert not Policy(no_retry_on=("OSError",)).should_retry(TimeoutError(), Cause.TRANSPORT, 1)


def test_the_server_is_waited_for() -> None:
    """Retry-After in seconds, milliseconds or as a date is the least wait."""
    assert retry_after(_status(429, **{"retry-after": "7"})) == 7.0
    assert retry_after(_status(429, **{"retry-after-ms": "1500", "retry-after": "9"})) == 1.5
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 20 < retry_after(_status(429, **{"retry-after": then})) <= 30
    assert retry_after(_status(429, **{"retry-after": "soon"})) == 0.0
    slow = _status(429, **{"retry-after": "90"})
    assert Policy(backoff=0.1).wait(slow, Cause.TRANSPORT, 1) == 90.0


def test_waits_grow_and_are_bounded() -> None:
    """Exponential with jitter, at most a minute."""
    waits = [Policy(backoff=1.0).wait(TimeoutError(), Cause.TRANSPORT, n) for n in (1, 3, 5, 20)]
    assert waits == sorted(waits) and waits[0] >= 1.0 and waits[-1] <= LONGEST_WAIT
    assert Policy(backoff=0.0).wait(TimeoutError(), Cause.TRANSPORT, 3) == 0.0


def _all_errors() -> list[Any]:
    return [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", _all_errors(), ids=lambda k: k.__name__)
def test_errors_survive_pickling_and_show_as_one_message(kind: Any) -> None:
    """Every error of the tree crosses a process with its message, and shows without a traceback."""
    error = kind("what happened")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and again.message == "what happened"
    assert error._render_traceback_() == [f"duranb: {kind.__name__}: what happened"]
