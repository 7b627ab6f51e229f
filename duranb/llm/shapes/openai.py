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
    whole: dict[str, Any] = {}
    choices: dict[int, _Choice] = {}
    for chunk in map(record, events):
        for name in ("model", "usage"):
            if chunk.get(name):
                whole[name] = chunk[name]
        for choice in map(record, items(chunk.get("choices"))):
            choices.setdefault(count(choice.get("index")), _Choice()).add(choice)
    whole["choices"] = [choices[at].whole() for at in sorted(choices)]
    return whole


class _Choice:
    """One of the answers that a stream carries side by side, put together from its pieces."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._tools: dict[int, dict[str, str]] = {}

    def add(self, choice: dict[str, Any]) -> None:
        delta = record(choice.get("delta"))
        for name, value in delta.items():
            if name in _TEXTS:
                self._text(name, value)
            elif name == "audio":
                self._text("transcript", record(value).get("transcript"))
            elif name == "tool_calls":
                self._tool_calls(value)
        if "text" in choice:
            self._text("text", choice["text"])

    def _text(self, name: str, value: Any) -> None:
        if value and isinstance(value, str):
            self._texts.setdefault(name, []).append(value)

    def _tool_calls(self, parts: Any) -> None:
        for part in map(record, items(parts)):
            new = {"name": "", "arguments": ""}
            tool = self._tools.setdefault(count(part.get("index")), new)
            function = record(part.get("function"))
            tool["name"] += string(function.get("name"))
            tool["arguments"] += string(function.get("arguments"))

    def whole(self) -> dict[str, Any]:
        message: dict[str, Any] = {name: "".join(said) for name, said in self._texts.items()}
        message["audio"] = {"transcript": message.pop("transcript", "")}
        message["tool_calls"] = [{"function": self._tools[n]} for n in sorted(self._tools)]
        return {"message": message, "text": message.pop("text", "")}


_TEXTS = frozenset({"content", "refusal", "reasoning_content", "reasoning"})


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
