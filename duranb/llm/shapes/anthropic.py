"""Anthropic's messages, on its own API, on Bedrock and on Vertex."""

from __future__ import annotations

from typing import Any

from duranb.llm.shapes.common import (
    Said,
    Shape,
    Tokens,
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
    system = text_of(asked.get("system"))
    if system:
        said.append(Said("system", system))
    for message in map(record, items(asked.get("messages"))):
        said += _blocks(message.get("content"), string(message.get("role")) or "user")
    return said


def _blocks(content: Any, role: str) -> list[Said]:
    if isinstance(content, str):
        return [Said(role, content)]
    said = []
    for block in map(record, items(content)):
        match string(block.get("type")):
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                said.append(tool_call(block.get("name"), block.get("input", "")))
            case "thinking":
                said.append(Said("reasoning", string(block.get("thinking"))))
            case kind if kind.endswith("tool_result"):
                said.append(Said("tool", text_of(block.get("content"))))
            case _:
                said.append(Said(role, text_of(block)))
    return [each for each in said if each.text]


def _answered(response: Any) -> list[Said]:
    return _blocks(record(response).get("content"), "assistant")


def _tokens(response: Any) -> Tokens:
    usage = record(record(response).get("usage"))
    read = count(usage.get("cache_read_input_tokens"))
    written = count(usage.get("cache_creation_input_tokens"))
    return Tokens(
        model=string(record(response).get("model")),
        input=count(usage.get("input_tokens")) + read + written,
        output=count(usage.get("output_tokens")),
        cached=read,
        cache_write=written,
    )


def _fold(events: list[Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for event in map(record, events):
        at = count(event.get("index"))
        match event.get("type"):
            case "message_start":
                whole = dict(record(event.get("message")))
            case "content_block_start":
                blocks[at] = dict(record(event.get("content_block")))
                if "input" in blocks[at]:
                    blocks[at]["input"] = ""
            case "content_block_delta":
                _add(blocks.setdefault(at, {"type": "text"}), record(event.get("delta")))
            case "message_delta":
                usage = {**record(whole.get("usage")), **record(event.get("usage"))}
                whole["usage"] = usage
    whole["content"] = [blocks[at] for at in sorted(blocks)]
    return whole


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    for source, into in (("text", "text"), ("thinking", "thinking"), ("partial_json", "input")):
        if string(delta.get(source)):
            block[into] = string(block.get(into)) + delta[source]


MESSAGES = Shape("anthropic", _asked, _answered, _tokens, _fold)
