"""What the stand-in writes from findings: a checklist for one licence, a report for several."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from duranb.demo.families import KINDS, UNKNOWN

LEVELS = ("high", "medium", "low")

MARK = "▸"
"""Stands before what a checklist was asked to mind."""


def checklist(findings: list[dict[str, Any]], emphasis: str, signature: str) -> str:
    """Markdown: what to do under one licence, each point with the sentence that asks for it."""
    (finding,) = findings
    lines = [f"**{finding.get('licence', 'unknown')}** ({_scope(finding)})", ""]
    asked = _words(emphasis)
    duties = _clauses(finding, "obligations")
    lines += [f"- [ ] {_marked(c, asked)}{c['meaning']}{_quoted(c)}" for c in duties]
    if not duties:
        lines.append("- [ ] nothing to do: the text asks for nothing")
    lines += [
        f"- ⚠ {_marked(c, asked)}{c['name']}: {c['meaning']}{_quoted(c)}"
        for c in _clauses(finding, "risks")
        if c.get("level") != "low" or asked & _words(c["name"])
    ]
    return "\n".join([*lines, "", _signed(emphasis, signature)])


def report(findings: list[dict[str, Any]], emphasis: str, signature: str) -> str:
    """Markdown: an overview, what wants attention first, and each licence with its duties."""
    by_need = sorted(findings, key=_need)
    packages = {p for f in findings for p in f.get("packages", ())}
    kinds = Counter(str(f.get("kind", UNKNOWN)) for f in findings)
    mixture = ", ".join(f"{kinds[k]} {k}" for k in KINDS if kinds[k])
    lines = [
        "# Licence report",
        "",
        f"{len(packages)} packages under {len(findings)} licences: {mixture}.",
        "",
        "## What wants attention",
        "",
    ]
    urgent = [(f, c) for f in by_need for c in _clauses(f, "risks") if c.get("level") != "low"]
    urgent.sort(key=lambda pair: _rank(pair[1]))
    lines += [
        f"- **{c['name']}** ({c['level']}) in {f.get('licence')}: {c['meaning']} "
        f"({_named(f)}){_quoted(c)}"
        for f, c in urgent
    ]
    if not urgent:
        lines.append("- nothing: every licence found here is permissive and plain")
    lines += ["", "## Licence by licence", ""]
    for finding in by_need:
        duties = "; ".join(c["meaning"] for c in _clauses(finding, "obligations"))
        mind = ", ".join(re.findall(rf"{MARK} \*\*(.+?)\*\*", str(finding.get("checklist", ""))))
        lines.append(
            f"- **{finding.get('licence')}** ({_scope(finding)}): {duties or 'no duties'}"
            + (f". Mind: {mind}" if mind else "")
        )
    return "\n".join([*lines, "", _signed(emphasis, signature)])


def _words(text: str) -> set[str]:
    """The words that tell clauses from each other."""
    return set(re.findall(r"\w{5,}", text.lower())) - {"files", "clause", "licence", "means"}


def _marked(clause: dict[str, str], asked: set[str]) -> str:
    """A mark before a clause that the question asks about."""
    return f"{MARK} **{clause['name']}** — " if asked & _words(clause["name"]) else ""


def _clauses(finding: dict[str, Any], key: str) -> list[dict[str, str]]:
    return [{"name": "", "meaning": "", **c} for c in finding.get(key) or () if isinstance(c, dict)]


def _scope(finding: dict[str, Any]) -> str:
    number = len(finding.get("packages") or ())
    kind = str(finding.get("kind", UNKNOWN))
    return f"{kind}, {number} package{'s' * (number != 1)}: {_named(finding)}" if number else kind


def _named(finding: dict[str, Any], most: int = 4) -> str:
    packages = [str(p) for p in finding.get("packages") or ()]
    more = len(packages) - most
    return ", ".join(packages[:most]) + (f" and {more} more" if more > 0 else "")


def _quoted(clause: dict[str, str]) -> str:
    return f" — “{clause['evidence']}”" if clause.get("evidence") else ""


def _rank(clause: dict[str, str]) -> int:
    level = clause.get("level", "low")
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)


def _need(finding: dict[str, Any]) -> tuple[int, str]:
    """The licence that asks most comes first."""
    kind = finding.get("kind")
    return -(KINDS.index(kind) if kind in KINDS else len(KINDS)), str(finding.get("licence"))


def _signed(emphasis: str, signature: str) -> str:
    asked = f"As asked: “{emphasis}”. " if emphasis else ""
    return f"*{asked}Written by {signature}.*"
