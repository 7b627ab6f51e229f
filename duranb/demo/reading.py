"""Reading a licence with rules: what it is, what it asks, where it bites, and where it says so.

This is what stands behind the stand-in model. It is no lawyer and no language model: a clause is
found when its wording is a usual one, and each finding quotes the sentence it rests on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from duranb.demo import families

LONGEST_QUOTE = 280
"""Characters of a quoted sentence."""


@dataclass(frozen=True)
class Clause:
    """Something a licence says, with the sentence that says it (empty for what it leaves out).

    ``level`` is how much attention it wants: ``low``, ``medium`` or ``high``.
    """

    name: str
    meaning: str
    level: str
    evidence: str


@dataclass(frozen=True)
class Reading:
    """What the rules found in a text."""

    licence: families.Identified
    obligations: tuple[Clause, ...]
    risks: tuple[Clause, ...]


@dataclass(frozen=True)
class _Rule:
    name: str
    meaning: str
    level: str
    wording: re.Pattern[str]


def _rule(name: str, meaning: str, level: str, *wordings: str) -> _Rule:
    return _Rule(name, meaning, level, re.compile("|".join(wordings), re.IGNORECASE))


OBLIGATIONS = (
    _rule(
        "attribution",
        "keep the copyright notice with every copy",
        "low",
        r"retain the above copyright",
        r"above copyright notice.{0,80}(shall be included|appears? in all)",
        r"reproduce the above copyright",
        r"retain,? in the source form.{0,60}copyright",
        r"must retain.{0,80}notice",
        r"retained in python alone",
        r"may not remove or alter.{0,80}notices",
    ),
    _rule(
        "licence text",
        "pass the licence text on with every copy",
        "low",
        r"this permission notice (shall be included|appears? in all)",
        r"a copy of this license",
        r"this list of conditions",
        r"inform recipients.{0,120}(terms|license)",
    ),
    _rule(
        "notice file",
        "pass the NOTICE file on where there is one",
        "low",
        r"includes? a [\"']?notice[\"']? (text )?file",
    ),
    _rule(
        "notice of changes",
        "say in the files that you changed them",
        "medium",
        r"prominent notices? stating that you (changed|modified)",
        r"must be plainly marked",
        r"brief summary of the changes made",
    ),
    _rule(
        "source disclosure",
        "give the source of what you distribute",
        "high",
        r"must also be made available in source code form",
        r"(complete )?(corresponding )?machine-readable source",
        r"convey the .{0,20}corresponding source",
    ),
    _rule(
        "same licence",
        "keep changed files under the same licence",
        "high",
        r"must be under the terms of this license",
        r"licensed as a whole.{0,80}under (the terms of )?this license",
        r"license the entire work, as a whole, under this license",
    ),
    _rule(
        "no endorsement",
        "do not advertise with the authors' names",
        "low",
        r"used to endorse",
        r"used in advertising or publicity",
        r"use .{0,20}trademarks or trade name.{0,80}endorse",
    ),
    _rule(
        "advertising",
        "name the authors in advertisements",
        "medium",
        r"all advertising materials mentioning features",
    ),
)

RISKS = (
    _rule(
        "network use",
        "users over a network have to be offered the source",
        "high",
        r"interacting with it remotely through a computer network",
    ),
    _rule(
        "copyleft",
        "distributing changes obliges you to publish them",
        "high",
        r"must also be made available in source code form",
        r"must be under the terms of this license",
        r"license the entire work, as a whole, under this license",
        r"licensed as a whole.{0,80}under (the terms of )?this license",
    ),
    _rule(
        "patent termination",
        "suing over patents ends your licence",
        "medium",
        r"(institute|initiates?) .{0,40}(patent )?litigation",
        r"patent licenses? granted .{0,80}terminate",
    ),
    _rule(
        "termination",
        "breaking a condition ends your licence",
        "medium",
        r"will terminate automatically",
        r"automatically terminate",
        r"rights? .{0,60}will terminate",
    ),
    _rule(
        "indemnity",
        "you may have to answer for claims against the authors",
        "medium",
        r"agree to indemnify",
        r"(shall|must|hereby agree to) .{0,20}indemnify",
    ),
    _rule(
        "trademark",
        "no right to the names and marks",
        "low",
        r"does not grant .{0,60}(trademarks?|trade ?names?)",
        r"(trademarks?|trade name) in a trademark sense",
    ),
    _rule(
        "governing law",
        "a court you did not choose may decide",
        "low",
        r"governed by .{0,60}laws? of",
        r"jurisdiction where the defendant",
    ),
    _rule(
        "no warranty",
        "delivered as it is, at your risk",
        "low",
        r"\bas[ -]is\b",
        r"without (any )?warrant(y|ies)",
        r"no warranty",
    ),
)

_GRANTS_PATENTS = {"Apache-2.0", "MPL-2.0", "EPL-2.0", "GPL", "LGPL", "AGPL-3.0"}
_PATENTS = re.compile(r"patent (license|claims)", re.IGNORECASE)
_ELSEWHERE = re.compile(r"licenses? found in|(in|see) (the )?(files? )?(license|copying)", re.I)
_SENTENCE = re.compile(r"(?<=[.;:])\s+(?=[\"'(*A-Z0-9])")
_PARAGRAPH = re.compile(r"\n\s*\n")


def read(text: str) -> Reading:
    """Read a licence text. What it cannot place is an ``unknown`` kind with a high risk."""
    licence = families.identify(text)
    sentences = _sentences(text)
    obligations = tuple(_find(rule, sentences) for rule in OBLIGATIONS)
    risks = [_find(rule, sentences) for rule in RISKS]
    if licence.kind == families.UNKNOWN:
        elsewhere = _find(
            _Rule("refers elsewhere", "the terms are in another file", "medium", _ELSEWHERE),
            sentences,
        )
        risks.insert(0, elsewhere or Clause("unknown licence", "ask a lawyer", "high", ""))
    elif not _GRANTS_PATENTS & set(licence.spdx) and not _PATENTS.search(text):
        risks.append(Clause("no patent grant", "the text says nothing about patents", "low", ""))
    if len(licence.spdx) > 1 and not licence.choice:
        meaning = f"{len(licence.spdx)} licences apply together: {', '.join(licence.spdx)}"
        risks.append(Clause("several licences", meaning, "medium", ""))
    return Reading(
        licence,
        tuple(clause for clause in obligations if clause is not None),
        tuple(clause for clause in risks if clause is not None),
    )


def _find(rule: _Rule, sentences: list[str]) -> Clause | None:
    for sentence in sentences:
        place = rule.wording.search(sentence)
        if place is not None:
            quote = _around(sentence, place.start(), place.end())
            return Clause(rule.name, rule.meaning, rule.level, quote)
    return None


def _around(sentence: str, start: int, end: int) -> str:
    """The sentence, or whole words of it around the wording, with ``…`` where it goes on."""
    if len(sentence) <= LONGEST_QUOTE:
        return sentence
    first = max(0, min(start, end - LONGEST_QUOTE))
    first = sentence.rfind(" ", 0, first) + 1 if first else 0
    last = first + LONGEST_QUOTE
    last = sentence.rfind(" ", first, last) if last < len(sentence) else len(sentence)
    return "…" * (first > 0) + sentence[first:last] + "…" * (last < len(sentence))


def _sentences(text: str) -> list[str]:
    """Sentences with single spaces; a clause that runs over a line break stays whole."""
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        flat = " ".join(paragraph.split())
        found.extend(part for part in _SENTENCE.split(flat) if part)
    return found
