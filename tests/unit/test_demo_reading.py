"""The stand-in's reading of licence texts."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import pytest

from duranb.demo import families
from duranb.demo.reading import LONGEST_QUOTE, Clause, read

MIT = """Copyright (c) 2020 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software, to
deal in it without restriction. The above copyright notice and this permission notice shall be
included in all copies.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND."""

BSD = """Redistribution and use in source and binary forms, with or without modification, are
permitted provided that redistributions of source code must retain the above copyright notice,
this list of conditions and the following disclaimer."""

ENDORSE = " Neither the name of the copyright holder may be used to endorse products."

AGPL = """GNU Affero General Public License Version 3
Everyone is permitted to copy and distribute verbatim copies of this license document.

You must license the entire work, as a whole, under this License. If you modify the Program, your
modified version must prominently offer all users interacting with it remotely through a computer
network an opportunity to receive the Corresponding Source of your version."""

ISC = """# Permission to use, copy, modify, and/or distribute this software for any
# purpose with or without fee is hereby granted, provided that the above
# copyright notice and this permission notice appear in all copies."""

APACHE_MENTIONED = "Licensed under the Apache License, Version 2.0 (the License)."


@pytest.mark.parametrize(
    ("text", "expression", "kind"),
    [
        (MIT, "MIT", families.PERMISSIVE),
        (BSD, "BSD-2-Clause", families.PERMISSIVE),
        (BSD + ENDORSE, "BSD-3-Clause", families.PERMISSIVE),
        (ISC, "ISC", families.PERMISSIVE),
        (APACHE_MENTIONED, "Apache-2.0", families.PERMISSIVE),
        (AGPL, "AGPL-3.0", families.NETWORK),
        (f"{MIT}\n\n{BSD}", "MIT AND BSD-2-Clause", families.PERMISSIVE),
        (f"{MIT}\n\nAt your option:\n\n{AGPL}", "MIT OR AGPL-3.0", families.PERMISSIVE),
        (f"{MIT}\n\n{AGPL}", "MIT AND AGPL-3.0", families.NETWORK),
        ("You may not look at this.", "NOASSERTION", families.UNKNOWN),
    ],
)
def test_licences_are_told_apart(text: str, expression: str, kind: str) -> None:
    """A text is known by its wording, the strictest of several counts unless there is a choice."""
    found = families.identify(text)
    assert (found.expression, found.kind) == (expression, kind)


def names(clauses: tuple[Clause, ...]) -> set[str]:
    return {c.name for c in clauses}


def test_duties_and_risks_are_found_with_their_sentence() -> None:
    """Each clause that is found quotes the sentence that says so."""
    reading = read(AGPL)
    risks = {c.name: c for c in reading.risks}
    assert "same licence" in names(reading.obligations)
    assert risks["network use"].level == "high"
    assert "remotely through a computer network" in risks["network use"].evidence
    assert names(read(MIT).obligations) == {"attribution", "licence text"}
    assert names(read(MIT).risks) == {"no warranty", "no patent grant"}


def test_what_is_not_known_is_a_high_risk() -> None:
    """A text that cannot be placed is not waved through."""
    (risk,) = read("You may not look at this.").risks
    assert (risk.name, risk.level) == ("unknown licence", "high")


def installed_texts() -> list[str]:
    files = [
        file.locate()
        for package in importlib.metadata.distributions()
        for file in package.files or ()
        if re.search(r"licen[sc]e|copying", file.name, re.IGNORECASE)
    ]
    paths = [Path(str(path)) for path in files]
    return [p.read_text(encoding="utf-8", errors="replace") for p in paths if p.suffix != ".py"]


def test_quotes_are_in_the_text() -> None:
    """Whatever is quoted from the licences installed here stands there, word for word."""
    texts = installed_texts()
    assert len(texts) > 20
    for text in texts:
        flat = " ".join(text.split())
        reading = read(text)
        for clause in reading.obligations + reading.risks:
            assert clause.evidence.strip("…") in flat
            assert len(clause.evidence) <= LONGEST_QUOTE + 2


def test_most_installed_licences_are_recognised() -> None:
    """The rules know the licences that packages really have."""
    texts = installed_texts()
    known = sum(families.identify(text).kind != families.UNKNOWN for text in texts)
    assert known > 0.9 * len(texts)


@pytest.mark.parametrize(
    ("declared", "read_as", "same"),
    [
        ("BSD License", "BSD-3-Clause", True),
        ("Apache Software License", "Apache-2.0", True),
        ("MIT", "MIT AND Apache-2.0", False),
        ("0BSD", "BSD-2-Clause", False),
        ("MIT-0", "MIT", False),
    ],
)
def test_names_are_compared_coarsely(declared: str, read_as: str, same: bool) -> None:
    """A classifier and an SPDX id of the same family agree, those of different families do not."""
    assert (families.names(declared) == families.names(read_as)) is same
