"""What the stand-in model says: decided by what it is asked, in whichever API's words.

The same conversation gets the same answer, another one another: each text carries a digest of the
whole request, without the ids and times that libraries draw at random.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

RANDOM = re.compile(
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?"
)
"""UUIDs, and times to the second."""


def masked(value: Any) -> str:
    """Canonical JSON, in which every random id and time is a number by order of appearance."""
    found: dict[str, str] = {}
    text = json.dumps(value, sort_keys=True)
    return RANDOM.sub(lambda m: found.setdefault(m[0], f"<{len(found) + 1}>"), text)


def digest(value: Any) -> str:
    """The identity of a request, random ids aside."""
    return hashlib.sha256(masked(value).encode()).hexdigest()[:16]


@dataclass
class Message:
    """One message of a conversation. ``result`` says that it is what a tool returned."""

    role: str
    text: str
    result: bool = False


@dataclass
class Ask:
    """A request as all APIs have it. ``forced`` is the tool that must be called, ``*`` any."""

    digest: str
    messages: list[Message]
    tools: dict[str, Json] = field(default_factory=dict)
    forced: str = ""
    schema: Json | None = None


@dataclass
class Reply:
    """A text, or a call of ``tool`` with ``arguments``."""

    text: str = ""
    tool: str = ""
    arguments: Json = field(default_factory=dict)


def reply(ask: Ask) -> Reply:
    """Ask for the weather once where that is the question; then answer in the form asked for."""
    at = max((n for n, m in enumerate(ask.messages) if _is_question(m)), default=0)
    question, since = ask.messages[at].text, ask.messages[at + 1 :]
    told = any(m.result or "Observation:" in m.text for m in since)
    look_up = "weather" in question.rpartition("New task:")[2] and not told
    said = f"Answer {ask.digest[:8]} after {len(ask.messages)} messages."
    if look_up and "get_weather" in ask.tools:
        return Reply(tool="get_weather", arguments={"city": "Paris"})
    if ask.schema is not None:
        return Reply(json.dumps(fill(ask.schema, said)))
    last = ask.messages[-1].text
    if "Respond with the corresponding output fields" in last:
        return Reply(_fields(last, said))
    if ask.forced:
        names = [n for n in ask.tools if ask.forced in ("*", n) and n != "get_weather"]
        name = (names or list(ask.tools))[-1]
        return Reply(tool=name, arguments=fill(ask.tools[name], said))
    if "final_answer" in ask.messages[0].text:  # writes code that calls tools
        code = 'print(get_weather(city="Paris"))' if look_up else f'final_answer("{said}")'
        return Reply(f"Thought: I know what to do.\n<code>\n{code}\n</code>")
    return Reply(said)


def fill(schema: Json, text: str) -> Any:
    """The simplest value that fits a JSON schema; a city is Paris, other strings are ``text``."""
    return _fill(schema, schema, "", text)


def _fill(schema: Json, root: Json, name: str, text: str) -> Any:
    if "$ref" in schema:
        inner: Json = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            inner = inner[part]
        return _fill(inner, root, name, text)
    if "enum" in schema:
        return schema["enum"][0]
    for form in ("anyOf", "oneOf", "allOf"):
        if form in schema:
            return _fill(schema[form][0], root, name, text)
    match str(schema.get("type", "string")).lower():
        case "object":
            properties = schema.get("properties") or {}
            return {key: _fill(each, root, key, text) for key, each in properties.items()}
        case "array":
            return [_fill(schema["items"], root, name, text)]
        case "integer" | "number":
            return 21
        case "boolean":
            return True
    return "Paris" if name == "city" else text


def _is_question(message: Message) -> bool:
    return message.role == "user" and not message.result and "Observation:" not in message.text


def _fields(prompt: str, said: str) -> str:
    """An answer in fields with headings, as the prompt of dspy's adapter asks for it."""
    asked, _, form = prompt.rpartition("Respond with the corresponding output fields")
    looking = "weather" in asked and "observation_0" not in asked
    known = {
        "next_tool_name": "get_weather" if looking else "finish",
        "next_tool_args": json.dumps({"city": "Paris"} if looking else {}),
        "city": "Paris",
        "completed": "",
    }
    lines = []
    for name, kind in re.findall(r"`\[\[ ## (\w+) ## \]\]`(?: \(must be[^`)]*? (\w+)\))?", form):
        value = known.get(name, {"int": "21", "bool": "True"}.get(kind, said))
        lines.append(f"[[ ## {name} ## ]]\n{value}")
    return "\n\n".join(lines)
