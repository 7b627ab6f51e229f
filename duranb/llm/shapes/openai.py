"""OpenAI's chat completions, completions and embeddings, which many others speak as well."""

from __future__ import annotations

from typing import Any

import msgspec

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
    said = []
    for message in map(record, items(record(request).get("messages"))):
        said += _message(message, string(message.get("role")) or "user")
    return said


def _message(message: dict[str, Any], role: str) -> list[Said]:
    said = []
    thoughts = string(message.get("reasoning_content")) or string(message.get("reasoning"))
    if thoughts:
        said.append(Said("reasoning", thoughts))
    text = text_of(message.get("content")) or string(message.get("refusal"))
    text = text or string(record(message.get("audio")).get("transcript"))
    if text:
        said.append(Said(role, text))
    for call in map(record, items(message.get("tool_calls"))):
        wanted = record(call.get("function") or call.get("custom"))
        said.append(tool_call(wanted.get("name"), wanted.get("arguments", wanted.get("input", ""))))
    return said


def _answered(response: Any) -> list[Said]:
    said = []
    for choice in map(record, items(record(response).get("choices"))):
        said += _message(record(choice.get("message")), "assistant")
    return said


def _tokens(response: Any) -> Tokens:
    usage = record(record(response).get("usage"))
    given, made = (
        record(usage.get("prompt_tokens_details")),
        record(usage.get("completion_tokens_details")),
    )
    return Tokens(
        model=string(record(response).get("model")),
        input=count(usage.get("prompt_tokens")),
        output=count(usage.get("completion_tokens")),
        cached=count(given.get("cached_tokens")),
        cache_write=count(given.get("cache_write_tokens")),
        input_audio=count(given.get("audio_tokens")),
        output_audio=count(made.get("audio_tokens")),
    )


def _fold(events: list[Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {"choices": []}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in map(record, events):
        for name in ("model", "usage"):
            if chunk.get(name):
                whole[name] = chunk[name]
        for choice in map(record, items(chunk.get("choices"))):
            at = count(choice.get("index"))
            into = choices.setdefault(at, {"message": {}, "tools": {}})
            _add(into, record(choice.get("delta")))
            into["text"] = string(into.get("text")) + string(choice.get("text"))
    for at in sorted(choices):
        choice = choices[at]
        tools = choice.pop("tools")
        choice["message"]["tool_calls"] = [{"function": tools[n]} for n in sorted(tools)]
        whole["choices"].append(choice)
    return whole


def _add(choice: dict[str, Any], delta: dict[str, Any]) -> None:
    message = choice["message"]
    for name in ("content", "refusal", "reasoning_content", "reasoning"):
        if string(delta.get(name)):
            message[name] = string(message.get(name)) + delta[name]
    spoken = string(record(delta.get("audio")).get("transcript"))
    if spoken:
        heard = string(record(message.get("audio")).get("transcript"))
        message["audio"] = {"transcript": heard + spoken}
    for part in map(record, items(delta.get("tool_calls"))):
        tool = choice["tools"].setdefault(count(part.get("index")), {"name": "", "arguments": ""})
        function = record(part.get("function"))
        tool["name"] += string(function.get("name"))
        tool["arguments"] += string(function.get("arguments"))


def _prompts(request: Any) -> list[Said]:
    return [Said("prompt", text_of(record(request).get("prompt")))]


def _continued(response: Any) -> list[Said]:
    choices = map(record, items(record(response).get("choices")))
    return [Said("completion", string(choice.get("text"))) for choice in choices]


class _Vector(msgspec.Struct):
    embedding: msgspec.Raw = msgspec.Raw(b"")


class _Vectors(msgspec.Struct):
    """Without looking into the vectors: there may be a hundred thousand numbers in them."""

    data: list[_Vector] = []
    model: str = ""
    usage: dict[str, Any] | None = None


def _inputs(request: Any) -> list[Said]:
    given = record(request).get("input")
    texts = [given] if isinstance(given, str) else items(given)
    return [Said("input", text) for text in texts if isinstance(text, str)]


def _vectors(response: Any) -> list[Said]:
    if not isinstance(response, _Vectors) or not response.data:
        return []
    first = bytes(response.data[0].embedding)
    size = first.count(b",") + 1 if first[:1] == b"[" else (len(first) - 2) * 3 // 4 // 4
    plural = "" if len(response.data) == 1 else "s"
    return [Said("embedding", f"{len(response.data)} vector{plural} of {size}")]


def _embedded(response: Any) -> Tokens:
    if not isinstance(response, _Vectors):
        return Tokens()
    return Tokens(model=response.model, input=count(record(response.usage).get("prompt_tokens")))


CHAT = Shape("openai", _asked, _answered, _tokens, _fold)
COMPLETION = Shape("openai", _prompts, _continued, _tokens, _fold)
EMBEDDINGS = Shape(
    "openai",
    _inputs,
    _vectors,
    _embedded,
    lambda events: None,
    msgspec.json.Decoder(_Vectors).decode,
)
