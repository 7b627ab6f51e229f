"""The providers' APIs: reading what is asked, and putting a reply in the shape of its answer."""

from __future__ import annotations

import json
from typing import Any

from tests.frameworks.model import Ask, Json, Message, Reply, digest


def texts(content: Any) -> str:
    """The text of a message's content: a string, or parts that hold texts."""
    if isinstance(content, str) or content is None:
        return content or ""
    if isinstance(content, dict):
        return texts(content.get("text") or content.get("content") or content.get("output"))
    return "\n".join(texts(part) for part in content)


# -- OpenAI's and Mistral's chat completions -----------------------------------------------------


def chat_ask(body: Json) -> Ask:
    """What a chat completion is asked for."""
    said = [
        Message(m["role"], texts(m.get("content")), m["role"] == "tool") for m in body["messages"]
    ]
    tools = {t["function"]["name"]: t["function"]["parameters"] for t in body.get("tools") or []}
    form = body.get("response_format") or {}
    schema = (form.get("json_schema") or {}).get("schema") or (form.get("json_schema") or {}).get(
        "schema_definition"
    )
    return Ask(digest(body), said, tools, _forced(body.get("tool_choice")), schema)


def _forced(choice: Any) -> str:
    if isinstance(choice, dict):
        kind = choice.get("type")
        named = str(choice.get("name") or (choice.get("function") or {}).get("name") or "")
        return named or ("*" if kind in ("any", "required") else "")
    return "*" if choice in ("required", "any") else ""


def chat(body: Json, ask: Ask, reply: Reply) -> Json:
    """A chat completion."""
    message: Json = {"role": "assistant", "content": reply.text or None}
    if reply.tool:
        function = {"name": reply.tool, "arguments": json.dumps(reply.arguments)}
        # Mistral takes ids of nine characters only.
        call = {"id": ask.digest[:9], "type": "function", "function": function}
        message["tool_calls"] = [call]
    reason = "tool_calls" if reply.tool else "stop"
    return {
        "id": f"chatcmpl-{ask.digest}",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def chat_events(body: Json, ask: Ask, reply: Reply) -> list[str]:
    """A chat completion as the events of a stream."""
    whole = chat(body, ask, reply)
    message = whole["choices"][0]["message"]
    deltas: list[tuple[Json, str | None]] = [({"role": "assistant", "content": ""}, None)]
    if reply.tool:
        deltas.append(({"tool_calls": [{**message["tool_calls"][0], "index": 0}]}, None))
    deltas += [({"content": f"{word} "}, None) for word in reply.text.split()]
    deltas.append(({}, whole["choices"][0]["finish_reason"]))
    same = {k: whole[k] for k in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    events: list[Json] = [
        {**same, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in deltas
    ]
    if (body.get("stream_options") or {}).get("include_usage"):
        events.append({**same, "choices": [], "usage": whole["usage"]})
    return [*(f"data: {json.dumps(event)}\n\n" for event in events), "data: [DONE]\n\n"]


# -- OpenAI's responses --------------------------------------------------------------------------


def responses_ask(body: Json) -> Ask:
    """What a response is asked for."""
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    said = [Message("system", body.get("instructions") or "")]
    for item in items:
        kind = item.get("type", "message")
        role = item.get("role") or ("user" if kind == "function_call_output" else "assistant")
        said.append(Message(role, texts(item), kind == "function_call_output"))
    tools = {t["name"]: t["parameters"] for t in body.get("tools") or [] if t["type"] == "function"}
    schema = ((body.get("text") or {}).get("format") or {}).get("schema")
    return Ask(digest(body), said, tools, _forced(body.get("tool_choice")), schema)


def response(body: Json, ask: Ask, reply: Reply) -> Json:
    """A response."""
    item: Json = {"status": "completed"}
    if reply.tool:
        item |= {
            "type": "function_call",
            "id": f"fc_{ask.digest}",
            "call_id": f"call_{ask.digest}",
            "name": reply.tool,
            "arguments": json.dumps(reply.arguments),
        }
    else:
        part = {"type": "output_text", "text": reply.text, "annotations": []}
        item |= {
            "type": "message",
            "id": f"msg_{ask.digest}",
            "role": "assistant",
            "content": [part],
        }
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 15,
    }
    return {
        "id": f"resp_{ask.digest}",
        "object": "response",
        "created_at": 1_760_000_000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": {},
        "model": body["model"],
        "output": [item],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage,
    }


# -- Anthropic's messages ------------------------------------------------------------------------


def messages_ask(body: Json) -> Ask:
    """What a message is asked for."""
    said = [Message("system", texts(body.get("system")))]
    for each in body["messages"]:
        content = each["content"]
        result = isinstance(content, list) and any(p["type"] == "tool_result" for p in content)
        said.append(Message(each["role"], texts(content), result))
    tools = {tool["name"]: tool["input_schema"] for tool in body.get("tools") or []}
    form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    return Ask(digest(body), said, tools, _forced(body.get("tool_choice")), form.get("schema"))


def message(body: Json, ask: Ask, reply: Reply) -> Json:
    """A message of Anthropic's."""
    block: Json = {"type": "text", "text": reply.text}
    if reply.tool:
        block = {"type": "tool_use", "id": f"toolu_{ask.digest}"}
        block |= {"name": reply.tool, "input": reply.arguments}
    return {
        "id": f"msg_{ask.digest}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [block],
        "stop_reason": "tool_use" if reply.tool else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }


# -- Gemini's generateContent --------------------------------------------------------------------


def generate_ask(body: Json) -> Ask:
    """What generateContent is asked for."""
    said = [Message("system", texts((body.get("systemInstruction") or {}).get("parts")))]
    for each in body["contents"]:
        result = any("functionResponse" in part for part in each["parts"])
        said.append(Message(each.get("role", "user"), texts(each["parts"]), result))
    tools: dict[str, Json] = {}
    for tool in body.get("tools") or []:
        for function in tool.get("functionDeclarations", []):
            tools[function["name"]] = function.get("parameters") or {}
    config = body.get("generationConfig") or {}
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    return Ask(digest(body), said, tools, "", schema)


def generated(model: str, ask: Ask, reply: Reply) -> Json:
    """An answer of generateContent."""
    part: Json = {"text": reply.text}
    if reply.tool:
        part = {"functionCall": {"name": reply.tool, "args": reply.arguments}}
    return {
        "candidates": [
            {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
        "modelVersion": model,
        "responseId": ask.digest,
    }
