"""Gemini's generateContent and embedContent."""

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
    tool_call,
)


def _asked(request: Any) -> list[Said]:
    asked = record(request)
    said = []
    system = asked.get("systemInstruction", asked.get("system_instruction"))
    if system:
        said += _parts(system, "system")
    contents = asked.get("contents")
    for content in contents if isinstance(contents, list) else [contents]:
        said += _parts(content, string(record(content).get("role")) or "user")
    return said


def _parts(content: Any, role: str) -> list[Said]:
    said: list[Said] = []
    text, thought = "", ""
    for part in map(record, items(record(content).get("parts"))):
        if string(part.get("text")):
            if part.get("thought"):
                thought += part["text"]
            else:
                text += part["text"]
        elif call := record(part.get("functionCall")):
            said.append(tool_call(call.get("name"), call.get("args", "")))
        elif result := record(part.get("functionResponse")):
            said.append(Said("tool", compact(result.get("response"))))
        else:
            text += "".join(f"[{name}]" for name in part if name.endswith(("Data", "data")))
    spoken = [Said("reasoning", thought)] if thought else []
    if text:
        spoken.append(Said(role, text))
    return spoken + said


def _answered(response: Any) -> list[Said]:
    said = []
    for candidate in map(record, items(record(response).get("candidates"))):
        said += _parts(candidate.get("content"), "assistant")
    return said


def _tokens(response: Any) -> Tokens:
    usage = record(record(response).get("usageMetadata"))
    heard = [
        count(record(detail).get("tokenCount"))
        for detail in items(usage.get("promptTokensDetails"))
        if record(detail).get("modality") == "AUDIO"
    ]
    return Tokens(
        model=string(record(response).get("modelVersion")),
        input=count(usage.get("promptTokenCount")) + count(usage.get("toolUsePromptTokenCount")),
        output=count(usage.get("candidatesTokenCount")) + count(usage.get("thoughtsTokenCount")),
        cached=count(usage.get("cachedContentTokenCount")),
        input_audio=sum(heard),
    )


def _fold(events: list[Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    candidates: dict[int, list[Any]] = {}
    for chunk in map(record, events):
        for name in ("usageMetadata", "modelVersion"):
            if chunk.get(name):
                whole[name] = chunk[name]
        for candidate in map(record, items(chunk.get("candidates"))):
            parts = candidates.setdefault(count(candidate.get("index")), [])
            parts += items(record(candidate.get("content")).get("parts"))
    whole["candidates"] = [{"content": {"parts": candidates[at]}} for at in sorted(candidates)]
    return whole


def _to_embed(request: Any) -> list[Said]:
    asked = record(request)
    wanted = [record(each).get("content") for each in items(asked.get("requests"))]
    return [
        Said("input", said.text)
        for content in wanted or [asked.get("content")]
        for said in _parts(content, "input")
    ]


def _embedded(response: Any) -> list[Said]:
    found = record(response)
    vectors = items(found.get("embeddings")) or [found.get("embedding")]
    size = len(items(record(vectors[0]).get("values")))
    if not size:
        return []
    plural = "" if len(vectors) == 1 else "s"
    return [Said("embedding", f"{len(vectors)} vector{plural} of {size}")]


GENERATE = Shape("google", _asked, _answered, _tokens, _fold)
EMBED = Shape("google", _to_embed, _embedded, lambda response: Tokens(), lambda events: {})
