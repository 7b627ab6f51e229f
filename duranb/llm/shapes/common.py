"""What all shapes are read into, and safe looks into JSON that anybody may have sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True)
class Said:
    """One message of a conversation: who said it, and what, as text."""

    role: str
    text: str


@dataclass(frozen=True)
class Tokens:
    """What an answer says it used, as counts. ``input`` includes what was cached or is audio."""

    model: str = ""
    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    input_audio: int = 0
    output_audio: int = 0


@dataclass(frozen=True)
class Shape:
    """How one API's requests and answers are read.

    ``provider`` is whose API it is (a ``genai-prices`` id). ``load`` decodes an answer's body;
    ``fold`` makes of a stream's events what the API would have answered without streaming.
    """

    provider: str
    asked: Callable[[Any], list[Said]]
    answered: Callable[[Any], list[Said]]
    tokens: Callable[[Any], Tokens]
    fold: Callable[[list[Any]], Any]
    load: Callable[[bytes], Any] = msgspec.json.decode


MOST = 2**53
"""What no count of anything reaches: an answer that says so is not believed."""


def loaded(data: bytes) -> Any:
    """Decoded JSON; None for what is none, and for what is nested so deeply that nobody looks
    into it."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return None


def record(value: Any) -> dict[str, Any]:
    """``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """``value`` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def string(value: Any) -> str:
    """``value`` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def count(value: Any) -> int:
    """``value`` if it is a count, else 0."""
    return value if type(value) is int and 0 < value < MOST else 0


def compact(value: Any) -> str:
    """JSON text; a string as it is."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def tool_call(name: Any, arguments: Any) -> Said:
    """A request to call a tool."""
    return Said("tool call", f"{string(name)} {compact(arguments)}".strip())


def text_of(content: Any) -> str:
    """The text in a message's content: a string, or parts of which some are not text."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        content = [content]
    return "\n".join(filter(None, (_part(part) for part in items(content))))


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    found = record(part)
    for name in ("text", "refusal", "transcript", "thinking"):
        if string(found.get(name)):
            return string(found[name])
    if "content" in found:
        return text_of(found["content"])
    kind = string(found.get("type")).removeprefix("input_").removesuffix("_url")
    return f"[{kind}]" if kind else ""
