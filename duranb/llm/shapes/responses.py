"""OpenAI's Responses."""

from __future__ import annotations

from typing import Any

from duranb.llm.shapes.common import (
    Said,
    Shape,
    Tokens,
    compact,
    count,
    items,
    record,
    string,
    text_of,
    tool_call,
)


def _asked(request: Any) -> list[Said]:
    asked = record(request)
    said = []
    if string(asked.get("instructions")):
        said.append(Said("system", asked["instructions"]))
    given = asked.get("input")
    if isinstance(given, str):
        return [*said, Said("user", given)]
    for item in map(record, items(given)):
        said += _item(item, string(item.get("role")) or "user")
    return said


def _item(item: dict[str, Any], role: str) -> list[Said]:
    match string(item.get("type")):
        case "" | "message":
            text = text_of(item.get("content"))
            return [Said(role, text)] if text else []
        case "reasoning":
            text = text_of(item.get("summary")) or text_of(item.get("content"))
            return [Said("reasoning", text)] if text else []
        case "function_call" | "custom_tool_call":
            return [tool_call(item.get("name"), item.get("arguments", item.get("input", "")))]
        case "function_call_output" | "custom_tool_call_output":
            return [Said("tool", text_of(item.get("output")))]
        case other:
            told = {k: v for k, v in item.items() if k in ("action", "queries", "code", "name")}
            return [tool_call(other.removesuffix("_call"), compact(told) if told else "")]


def _answered(response: Any) -> list[Said]:
    said = []
    for item in map(record, items(record(response).get("output"))):
        said += _item(item, "assistant")
    return said


def _tokens(response: Any) -> Tokens:
    usage = record(record(response).get("usage"))
    given = record(usage.get("input_tokens_details"))
    return Tokens(
        model=string(record(response).get("model")),
        input=count(usage.get("input_tokens")),
        output=count(usage.get("output_tokens")),
        cached=count(given.get("cached_tokens")),
        cache_write=count(given.get("cache_write_tokens")),
    )


def _fold(events: list[Any]) -> Any:
    for event in reversed(events):
        whole = record(event).get("response")
        if whole:
            return whole
    return {}


RESPONSES = Shape("openai", _asked, _answered, _tokens, _fold)
