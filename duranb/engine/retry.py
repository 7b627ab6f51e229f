"""Why an attempt failed, and whether and when to try again.

The waits are tenacity's; what is ours is the cause: transport is waited out, content is asked for
anew, code is never retried (see the README's table of causes).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

import tenacity

from duranb.code.looking import asked, is_a, module_of, mro_of, name_of
from duranb.errors import BatchFailed, DuranbError, Reject, StepTimeout, ValidationFailed
from duranb.record.model import Cause
from duranb.text import waits

RETRYABLE_STATUS = frozenset({408, 409, 429})
"""HTTP statuses, besides 5xx, after which the same request may succeed later."""

LONGEST_ASKED = 3600.0
"""Seconds that a server may ask to wait for, at most: nobody means a year."""

LONGEST_WAIT = 60.0
"""Seconds between two attempts at most, unless the server asked for more."""

_TRANSPORT_NAMES = frozenset(
    {
        "TransportError",  # httpx, httpx2: connect, read, write, pool, protocol
        "APIConnectionError",  # openai, anthropic and their kin
        "APITimeoutError",
        "ConnectionError",  # requests
        "Timeout",
        "ClientConnectionError",  # aiohttp
        "ServerTimeoutError",
        "gaierror",
    }
)

_MCP_NAMES = frozenset({"MCPError", "McpError"})
_MCP_LOST = frozenset({-32603, -32700, -32000, -32001, 408})
"""Errors of the MCP that say nothing about the request: internal, unreadable answer, connection
closed, timeout (the last one as version 1 says it). Any other is the server's word."""


@dataclass(frozen=True)
class Policy:
    """How often and how long. ``retries`` counts the attempts after the first.

    ``retry_on`` and ``no_retry_on`` are exception names that override the cause.
    """

    retries: int = 3
    backoff: float = 1.0
    timeout: float | None = None
    retry_on: tuple[str, ...] = ()
    no_retry_on: tuple[str, ...] = ()

    def should_retry(self, error: BaseException, cause: Cause, attempt: int) -> bool:
        """Whether another attempt follows attempt number ``attempt`` (from 1)."""
        if attempt > self.retries or is_a(error, KeyboardInterrupt, SystemExit):
            return False
        names = _names(error)
        if names & set(self.no_retry_on):
            return False
        return bool(names & set(self.retry_on)) or cause is not Cause.CODE

    def wait(self, error: BaseException, cause: Cause, attempt: int) -> float:
        """Seconds to wait after attempt number ``attempt``; none before asking a model anew."""
        if cause is Cause.CONTENT:
            return 0.0
        state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
        state.attempt_number = attempt
        if not self.backoff:
            pause = 0.0
        else:
            growing = tenacity.wait_exponential(multiplier=self.backoff, max=LONGEST_WAIT)
            pause = growing(state) + tenacity.wait_random(0, min(self.backoff, 1.0) / 2)(state)
            pause = min(pause, LONGEST_WAIT)
        return max(pause, min(retry_after(error), LONGEST_ASKED))


def cause_of(error: BaseException, *, answered: bool) -> Cause:
    """Why an attempt failed. ``answered``: whether a model had answered in this attempt; content
    can only be at fault where there was some."""
    if is_a(error, BaseExceptionGroup):
        inside = cast(BaseExceptionGroup[BaseException], error).exceptions
        causes = {cause_of(inner, answered=answered) for inner in inside}
        return causes.pop() if len(causes) == 1 else Cause.CODE
    if is_content(error):
        return Cause.CONTENT if answered else Cause.CODE
    if is_a(error, StepTimeout):
        return Cause.TRANSPORT
    if is_a(error, DuranbError) and not is_a(error, BatchFailed):
        return Cause.CODE
    status = status_of(error)
    if status:
        passing = status in RETRYABLE_STATUS or status >= 500
        return Cause.TRANSPORT if passing else Cause.CODE
    if _names(error) & _MCP_NAMES:
        code = asked(asked(error, "error"), "code")
        return Cause.TRANSPORT if code in _MCP_LOST else Cause.CODE
    if is_a(error, ConnectionError, TimeoutError) or _names(error) & _TRANSPORT_NAMES:
        return Cause.TRANSPORT
    return Cause.CODE


def is_content(error: BaseException) -> bool:
    """Whether an error says that a model's answer is no good."""
    if is_a(error, Reject, ValidationFailed, json.JSONDecodeError):
        return True
    kind = type(error)
    return name_of(kind) == "ValidationError" and module_of(kind).startswith("pydantic")


def status_of(error: BaseException) -> int:
    """The HTTP status an exception of any SDK carries, or 0."""
    for holder in (error, asked(error, "response")):
        status = asked(holder, "status_code")
        if is_a(status, int):
            return int(status)
    return 0


def retry_after(error: BaseException) -> float:
    """Seconds the server asked to wait (``retry-after-ms``, ``Retry-After``), or 0."""
    headers: Any = asked(asked(error, "response"), "headers")
    return waits.asked_for(lambda name: _header(headers, name)) or 0.0


def _header(headers: Any, name: str) -> str:
    """A header, where these are headers at all: an error of the user's can have anything there."""
    try:
        found = headers.get(name)
    except Exception:  # of any kind: it is the error's own code
        return ""
    return found if isinstance(found, str) else ""


def _names(error: BaseException) -> set[str]:
    return {name_of(base) for base in mro_of(type(error))}
