"""What a request asks for, whichever of the two APIs it came through."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any


class BadRequest(Exception):
    """The request is not one the API would take; the message says why."""


@dataclass(frozen=True)
class Message:
    """One turn. ``calls`` maps the id of a tool call to its (name, arguments); ``answers`` is the
    id of the call that a tool's message answers."""

    role: str
    text: str
    calls: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    answers: str = ""


@dataclass(frozen=True)
class Tool:
    """A function the model may call: its name and the parameters it requires."""

    name: str
    required: tuple[str, ...]


@dataclass(frozen=True)
class Prompt:
    """A request, read. ``json`` is whether the answer has to be a JSON object."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    json: bool
    stream: bool
    usage_in_stream: bool

    @property
    def question(self) -> str:
        """The user's last message."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), "")

    @property
    def text(self) -> str:
        """All that was sent, for counting tokens."""
        calls = [json.dumps([n, a]) for m in self.messages for n, a in m.calls.values()]
        return "\n".join([*(m.text for m in self.messages), *calls])

    def block(self, tag: str) -> str | None:
        """What stands between ``<tag>`` and ``</tag>`` in the question."""
        found = re.search(rf"<{tag}[^>]*>(.*)</{tag}>", self.question, re.DOTALL)
        return found[1].strip() if found else None

    @property
    def instruction(self) -> str:
        """The question without its blocks."""
        return re.sub(r"<(\w+)[^>]*>.*</\1>", "", self.question, flags=re.DOTALL).strip()


def of_chat(body: dict[str, Any]) -> Prompt:
    """Read a body of ``/v1/chat/completions``. Raises :class:`BadRequest`."""
    messages = _list(body, "messages")
    kind = _dict(body, "response_format").get("type", "text")
    offered = [t.get("function", {}) for t in _list(body, "tools", optional=True)]
    return Prompt(
        model=_model(body),
        messages=tuple(_chat_message(m) for m in messages),
        tools=() if body.get("tool_choice") == "none" else _tools(offered),
        json=kind in ("json_object", "json_schema"),
        stream=bool(body.get("stream")),
        usage_in_stream=bool(_dict(body, "stream_options").get("include_usage")),
    )


def of_responses(body: dict[str, Any]) -> Prompt:
    """Read a body of ``/v1/responses``. Raises :class:`BadRequest`."""
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(items, list) or not items:
        raise BadRequest("'input' has to be a text or a list of items")
    messages = [_response_item(item) for item in items]
    if isinstance(body.get("instructions"), str):
        messages.insert(0, Message("system", body["instructions"]))
    form = _dict(_dict(body, "text"), "format").get("type", "text")
    offered = [t for t in _list(body, "tools", optional=True) if t.get("type") == "function"]
    return Prompt(
        model=_model(body),
        messages=tuple(messages),
        tools=() if body.get("tool_choice") == "none" else _tools(offered),
        json=form in ("json_object", "json_schema"),
        stream=bool(body.get("stream")),
        usage_in_stream=True,
    )


def _chat_message(message: dict[str, Any]) -> Message:
    calls = {
        str(call["id"]): (call["function"]["name"], _arguments(call["function"]["arguments"]))
        for call in message.get("tool_calls") or []
    }
    answers = str(message.get("tool_call_id") or "")
    return Message(str(message.get("role")), _text(message.get("content")), calls, answers)


def _response_item(item: dict[str, Any]) -> Message:
    kind = item.get("type", "message")
    if kind == "function_call":
        call = (str(item["name"]), _arguments(item["arguments"]))
        return Message("assistant", "", {str(item["call_id"]): call})
    if kind == "function_call_output":
        return Message("tool", _text(item.get("output")), answers=str(item["call_id"]))
    return Message(str(item.get("role", "")), _text(item.get("content")))


def _text(content: Any) -> str:
    """Text, or the text of the parts of a multi-part content."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _arguments(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadRequest(f"a tool call's arguments are no JSON: {error}") from error
    return given if isinstance(given, dict) else {}


def _tools(offered: list[Any]) -> tuple[Tool, ...]:
    return tuple(
        Tool(str(f["name"]), tuple(f.get("parameters", {}).get("required", ())))
        for f in offered
        if "name" in f
    )


def _model(body: dict[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("'model' is missing")
    return model


def _list(body: dict[str, Any], key: str, *, optional: bool = False) -> list[Any]:
    value = body.get(key)
    if optional and value is None:
        return []
    if not isinstance(value, list) or not (value or optional):
        raise BadRequest(f"{key!r} has to be a list")
    if not all(isinstance(item, dict) for item in value):
        raise BadRequest(f"{key!r} has to be a list of objects")
    return value


def _dict(body: dict[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key)
    return value if isinstance(value, dict) else {}
