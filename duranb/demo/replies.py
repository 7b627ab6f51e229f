"""What the stand-in answers: readings of licence texts, reconciled findings, and a report.

It looks for what it can work on: a ``<licence>`` block (or a text that reads like one), or
``<findings>`` as JSON. To anything else it says what it is and what it can do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from duranb.demo import families
from duranb.demo.prompts import Prompt
from duranb.demo.reading import Clause, read
from duranb.demo.writing import checklist, report

I_AM = (
    "duranb's local stand-in, which reads licence texts with fixed rules; "
    "no language model was involved"
)

MOST_CALLS = 16
"""Tool calls in one answer."""


@dataclass(frozen=True)
class ToolCall:
    """A call the model asks for."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer: text, or tool calls."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()

    @property
    def written(self) -> str:
        """All of it as text, for counting tokens."""
        return self.text + "".join(c.name + json.dumps(c.arguments) for c in self.calls)


def reply_to(prompt: Prompt) -> Reply:
    """Answer a prompt. The same prompt gets the same answer."""
    findings = _findings(prompt)
    if findings is not None:
        told = any(m.role == "tool" for m in prompt.messages)
        calls = () if told else tuple(_tool_calls(prompt, findings))
        if calls:
            return Reply(calls=calls)
        if told or prompt.tools:
            return _either(prompt, _reconciled(prompt, findings))
        write = checklist if len(findings) == 1 else report
        return _either(prompt, write(findings, _emphasis(prompt), I_AM))
    licence = prompt.block("licence")
    if licence is None and families.identify(prompt.question).spdx:
        licence = prompt.question
    if licence is not None:
        return _either(prompt, _read(licence))
    return _either(
        prompt,
        f"This is {I_AM}. Send a licence text between <licence> and </licence>, or findings as "
        f"JSON between <findings> and </findings>. You wrote: {prompt.question[:200]!r}",
    )


def _either(prompt: Prompt, answer: str | dict[str, Any]) -> Reply:
    """As JSON where that is asked for, else as text."""
    if prompt.json:
        shown = answer if isinstance(answer, dict) else {"answer": answer, "reader": I_AM}
        return Reply(json.dumps(shown, indent=1, ensure_ascii=False))
    if isinstance(answer, dict):
        return Reply("\n".join(f"{key}: {_plain(value)}" for key, value in answer.items()))
    return Reply(answer)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "".join(f"\n- {_plain(item)}" for item in value) or "none"
    if isinstance(value, dict):
        return "; ".join(str(part) for part in value.values() if part)
    return str(value)


def _read(text: str) -> dict[str, Any]:
    reading = read(text)
    return {
        "licence": reading.licence.expression,
        "kind": reading.licence.kind,
        "obligations": [_clause(c) for c in reading.obligations],
        "risks": [_clause(c) for c in reading.risks],
        "reader": I_AM,
    }


def _clause(clause: Clause) -> dict[str, str]:
    return {
        "name": clause.name,
        "meaning": clause.meaning,
        "level": clause.level,
        "evidence": clause.evidence,
    }


def _findings(prompt: Prompt) -> list[dict[str, Any]] | None:
    block = prompt.block("findings")
    if block is None:
        return None
    try:
        found = json.loads(block)
    except json.JSONDecodeError:
        return None
    items = found if isinstance(found, list) else [found]
    return [item for item in items if isinstance(item, dict)]


def _emphasis(prompt: Prompt) -> str:
    """The last sentence of the instruction, which is where prompts say what matters."""
    sentences = [s.strip() for s in prompt.instruction.replace("\n", " ").split(". ")]
    return sentences[-1].rstrip(".:") if sentences else ""


def _tool_calls(prompt: Prompt, findings: list[dict[str, Any]]) -> Iterable[ToolCall]:
    """The first tool that the findings can fill, once for each finding that can."""
    for tool in prompt.tools:
        fit = [f for f in findings if tool.required and all(f.get(r) for r in tool.required)]
        if fit:
            return [ToolCall(tool.name, {r: f[r] for r in tool.required}) for f in fit[:MOST_CALLS]]
    return []


def _reconciled(prompt: Prompt, findings: list[dict[str, Any]]) -> dict[str, Any]:
    """What the texts say beside what the tool says, package by package."""
    asked = {i: a for m in prompt.messages for i, (_, a) in m.calls.items()}
    told = {}
    for message in prompt.messages:
        if message.role == "tool":
            package = str(asked.get(message.answers, {}).get("package", ""))
            told[package] = _declared(message.text)
    verdicts = [_verdict(f, told[f["package"]]) for f in findings if f.get("package") in told]
    return {"verdicts": verdicts, "reader": I_AM}


def _declared(text: str) -> str:
    try:
        told = json.loads(text)
    except json.JSONDecodeError:
        return text
    return str(told.get("declared") or "") if isinstance(told, dict) else str(told)


def _verdict(finding: dict[str, Any], declared: str) -> dict[str, str]:
    read_, meant = families.names(str(finding.get("licence", ""))), families.names(declared)
    if not meant:
        verdict, why = "undeclared", "the package declares no licence that could be compared"
    elif read_ == meant:
        verdict, why = "agrees", "text and declaration name the same licences"
    elif meant < read_:
        more = ", ".join(sorted(read_ - meant))
        verdict, why = "says more", f"the text also contains {more}"
    elif read_ < meant:
        less = ", ".join(sorted(meant - read_))
        verdict, why = "says less", f"this text does not contain {less}"
    else:
        verdict, why = "differs", "text and declaration name different licences"
    return {
        "package": str(finding["package"]),
        "read": str(finding.get("licence", "")),
        "declared": declared,
        "verdict": verdict,
        "why": why,
    }
