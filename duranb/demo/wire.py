"""Answers as the two APIs send them: whole, or as the events of a stream."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from duranb.demo.prompts import Prompt
from duranb.demo.replies import Reply

FINGERPRINT = "duranb-stand-in"

WORDS_PER_CHUNK = 4

CHARACTERS_PER_TOKEN = 4


def tokens(text: str) -> int:
    """How many tokens a text roughly is; at least one."""
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))


def error(message: str, kind: str) -> dict[str, Any]:
    """An error's body."""
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def chat(prompt: Prompt, reply: Reply, number: int, created: int) -> dict[str, Any]:
    """The body of a chat completion."""
    calls = [_chat_call(number, i, c.name, c.arguments) for i, c in enumerate(reply.calls)]
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(reply)}
    return {
        **_head("chat.completion", prompt, number, created),
        "choices": [choice],
        "usage": _chat_usage(prompt, reply),
    }


def chat_events(prompt: Prompt, reply: Reply, number: int, created: int) -> Iterator[str]:
    """The same as a stream: the ``data:`` of each event, ``[DONE]`` at the end."""
    head = _head("chat.completion.chunk", prompt, number, created)

    def event(delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return json.dumps({**head, "choices": [choice]}, ensure_ascii=False)

    yield event({"role": "assistant", "content": None if reply.calls else ""})
    for piece in pieces(reply.text):
        yield event({"content": piece})
    for index, call in enumerate(reply.calls):
        shown = _chat_call(number, index, call.name, call.arguments)
        arguments = shown["function"].pop("arguments")
        begun = {**shown, "function": {**shown["function"], "arguments": ""}}
        yield event({"tool_calls": [{"index": index, **begun}]})
        yield event({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})
    yield event({}, _finish(reply))
    if prompt.usage_in_stream:
        yield json.dumps({**head, "choices": [], "usage": _chat_usage(prompt, reply)})
    yield "[DONE]"


def response(prompt: Prompt, reply: Reply, number: int, created: int) -> dict[str, Any]:
    """The body of a response (``/v1/responses``)."""
    return {
        **_response_head(prompt, number, created, "completed"),
        "output": [_item(number, i, part, "completed") for i, part in enumerate(_parts(reply))],
        "usage": _response_usage(prompt, reply),
    }


def response_events(prompt: Prompt, reply: Reply, number: int, created: int) -> Iterator[str]:
    """The same as a stream of typed events."""
    count = 0

    def event(kind: str, **fields: Any) -> str:
        nonlocal count
        count += 1
        shown = {"type": kind, "sequence_number": count - 1, **fields}
        return json.dumps(shown, ensure_ascii=False)

    begun = {**_response_head(prompt, number, created, "in_progress"), "output": [], "usage": None}
    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    for index, part in enumerate(_parts(reply)):
        item = _item(number, index, part, "in_progress")
        place: dict[str, Any] = {"item_id": item["id"], "output_index": index}
        yield event("response.output_item.added", output_index=index, item=item)
        if isinstance(part, str):
            place["content_index"] = 0
            yield event("response.content_part.added", **place, part=_output_text(""))
            for piece in pieces(part):
                yield event("response.output_text.delta", **place, delta=piece, logprobs=[])
            yield event("response.output_text.done", **place, text=part, logprobs=[])
            yield event("response.content_part.done", **place, part=_output_text(part))
        else:
            arguments = json.dumps(part[1])
            kind = "response.function_call_arguments"
            yield event(f"{kind}.delta", **place, delta=arguments)
            yield event(f"{kind}.done", **place, name=part[0], arguments=arguments)
        done = _item(number, index, part, "completed")
        yield event("response.output_item.done", output_index=index, item=done)
    yield event("response.completed", response=response(prompt, reply, number, created))


def pieces(text: str) -> Iterator[str]:
    """A text in pieces of a few words, as a model sends it."""
    words = re.findall(r"\s*\S+\s*", text) or ([text] if text else [])
    for start in range(0, len(words), WORDS_PER_CHUNK):
        yield "".join(words[start : start + WORDS_PER_CHUNK])


def _head(kind: str, prompt: Prompt, number: int, created: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-standin-{number}",
        "object": kind,
        "created": created,
        "model": prompt.model,
        "system_fingerprint": FINGERPRINT,
    }


def _finish(reply: Reply) -> str:
    return "tool_calls" if reply.calls else "stop"


def _chat_call(number: int, index: int, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"call_{number}_{index}",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    }


def _chat_usage(prompt: Prompt, reply: Reply) -> dict[str, int]:
    read, written = tokens(prompt.text), tokens(reply.written)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _response_usage(prompt: Prompt, reply: Reply) -> dict[str, Any]:
    read, written = tokens(prompt.text), tokens(reply.written)
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }


def _response_head(prompt: Prompt, number: int, created: int, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_standin_{number}",
        "object": "response",
        "created_at": created,
        "model": prompt.model,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {"reader": FINGERPRINT},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "temperature": 1.0,
        "top_p": 1.0,
    }


def _parts(reply: Reply) -> list[str | tuple[str, dict[str, Any]]]:
    """The output's items: a text, or one function call each."""
    if reply.calls:
        return [(c.name, c.arguments) for c in reply.calls]
    return [reply.text]


def _item(
    number: int, index: int, part: str | tuple[str, dict[str, Any]], status: str
) -> dict[str, Any]:
    whole = status == "completed"
    if isinstance(part, str):
        return {
            "id": f"msg_standin_{number}_{index}",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": [_output_text(part)] if whole else [],
        }
    return {
        "id": f"fc_standin_{number}_{index}",
        "type": "function_call",
        "call_id": f"call_{number}_{index}",
        "name": part[0],
        "arguments": json.dumps(part[1]) if whole else "",
        "status": status,
    }


def _output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
