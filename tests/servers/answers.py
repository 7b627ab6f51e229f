"""What the counting server answers: derived from the request, in each API's own words."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from typing import Any

Json = dict[str, Any]
TOOL_WORD = "use the tool"


def digest(path: str, body: Any) -> str:
    """The identity of a request: its path and its body, in canonical JSON."""
    text = json.dumps([path, body], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def words(text: str) -> int:
    """How many tokens the server says a text has."""
    return max(1, len(text.split()))


def chat(body: Json, text: str) -> Json:
    """A chat completion."""
    prompt = last_text(body["messages"])
    message: Json = {"role": "assistant", "content": answer(body, text)}
    tools = body.get("tools") or []
    reason = "stop"
    if tools and TOOL_WORD in prompt:
        function = tools[0]["function"]
        arguments = json.dumps(fill(function["parameters"], text))
        call = {"name": function["name"], "arguments": arguments}
        message = {"role": "assistant", "content": None}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": call}]
        reason = "tool_calls"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        "usage": chat_usage(body, text),
    }


def chat_usage(body: Json, text: str) -> Json:
    """Tokens as chat completions report them."""
    asked, said = words(json.dumps(body["messages"])), words(text)
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def chat_events(body: Json, text: str) -> list[str]:
    """A chat completion as the events of a stream."""
    whole = chat(body, text)
    message = whole["choices"][0]["message"]
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in pieces(message["content"] or "")]
    for call in message.get("tool_calls", []):
        function = call["function"]
        deltas.append(
            {
                "tool_calls": [
                    {**call, "index": 0, "function": {"name": function["name"], "arguments": ""}}
                ]
            }
        )
        deltas += [
            {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
            for piece in pieces(function["arguments"])
        ]
    events = [chunk(whole, delta, None) for delta in deltas]
    events.append(chunk(whole, {}, whole["choices"][0]["finish_reason"]))
    if (body.get("stream_options") or {}).get("include_usage"):
        events.append({**chunk(whole, {}, None), "choices": [], "usage": whole["usage"]})
    return [*(f"data: {json.dumps(event)}\n\n" for event in events), "data: [DONE]\n\n"]


def chunk(whole: Json, delta: Json, reason: str | None) -> Json:
    """One event of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {
        "id": whole["id"],
        "object": "chat.completion.chunk",
        "created": 1,
        "model": whole["model"],
        "choices": [choice],
    }


def response(body: Json, text: str) -> Json:
    """A response of the Responses API."""
    said = answer(body, text)
    content = {"type": "output_text", "text": said, "annotations": []}
    item = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [content],
    }
    asked, made = words(json.dumps(body["input"])), words(said)
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": body["model"],
        "output": [item],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": asked,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": made,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked + made,
        },
    }


def response_events(body: Json, text: str) -> list[str]:
    """A response as the events of a stream."""
    whole = response(body, text)
    item = whole["output"][0]
    part = item["content"][0]
    where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    empty = {**item, "status": "in_progress", "content": []}
    events: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": empty},
        {"type": "response.content_part.added", **where, "part": {**part, "text": ""}},
    ]
    events += [
        {"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []}
        for piece in pieces(part["text"])
    ]
    events += [
        {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": []},
        {"type": "response.content_part.done", **where, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return [named({**event, "sequence_number": n}) for n, event in enumerate(events)]


def message(body: Json, text: str) -> Json:
    """A message of Anthropic's API."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": words(json.dumps(body["messages"])),
            "output_tokens": words(text),
            "cache_read_input_tokens": 2,
            "cache_creation_input_tokens": 3,
        },
    }


def message_events(body: Json, text: str) -> list[str]:
    """A message as the events of a stream."""
    whole = message(body, text)
    begun = {**whole, "content": [], "stop_reason": None}
    begun["usage"] = {**whole["usage"], "output_tokens": 1}
    block = {"type": "text", "text": ""}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    events: list[Json] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": piece},
            }
            for piece in pieces(text)
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": end,
            "usage": {"output_tokens": whole["usage"]["output_tokens"]},
        },
        {"type": "message_stop"},
    ]
    return [named(event) for event in events]


def generated(model: str, body: Json, text: str) -> Json:
    """An answer of Gemini's generateContent."""
    content = {"role": "model", "parts": [{"text": text}]}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": words(json.dumps(body["contents"])),
            "candidatesTokenCount": words(text),
        },
        "modelVersion": model,
    }


def generated_events(model: str, body: Json, text: str) -> list[str]:
    """An answer of generateContent as the events of a stream: no marker tells the last one."""
    whole = generated(model, body, text)
    events: list[Json] = [
        {
            "candidates": [{"content": {"role": "model", "parts": [{"text": p}]}, "index": 0}],
            "modelVersion": model,
        }
        for p in pieces(text)
    ]
    events[-1]["candidates"][0]["finishReason"] = "STOP"
    events[-1]["usageMetadata"] = whole["usageMetadata"]
    return [f"data: {json.dumps(event)}\r\n\r\n" for event in events]


def embeddings(body: Json, text: str) -> Json:
    """Vectors of eight numbers, the same for the same text."""
    given = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = []
    for at, each in enumerate(given):
        raw = hashlib.sha256(f"{each}{text}".encode()).digest()[:8]
        vector = [byte / 255 for byte in raw]
        packed: Any = vector
        if body.get("encoding_format") == "base64":
            packed = base64.b64encode(struct.pack("<8f", *vector)).decode()
        data.append({"object": "embedding", "index": at, "embedding": packed})
    asked = sum(words(str(each)) for each in given)
    usage = {"prompt_tokens": asked, "total_tokens": asked}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


def models() -> Json:
    """The list of models."""
    names = ("gpt-4o-mini", "text-embedding-3-small")
    data = [{"id": name, "object": "model", "created": 1, "owned_by": "tests"} for name in names]
    return {"object": "list", "data": data}


def answer(body: Json, text: str) -> str:
    """``text``, or JSON that holds it where the request asks for a schema."""
    form = body.get("response_format") or (body.get("text") or {}).get("format") or {}
    schema = form.get("schema") or (form.get("json_schema") or {}).get("schema")
    return json.dumps(fill(schema, text)) if schema else text


def fill(schema: Json, text: str) -> Any:
    """The simplest value that fits a JSON schema, with ``text`` for its strings."""
    match schema.get("type"):
        case "object":
            return {name: fill(inner, text) for name, inner in schema["properties"].items()}
        case "array":
            return [fill(schema["items"], text)]
        case "integer" | "number":
            return len(text)
        case "boolean":
            return True
    return text


def last_text(messages: list[Json]) -> str:
    """The text of the last message."""
    content = messages[-1].get("content") if messages else ""
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return str(content or "")


def pieces(text: str) -> list[str]:
    """A text in the pieces a model would stream it in."""
    return [f"{word} " for word in text.split(" ")[:-1]] + [text.split(" ")[-1]]


def named(event: Json) -> str:
    """An event that says its type in its name as well."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
