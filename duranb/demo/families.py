"""Which licences a text contains, by the phrases that only they have."""

from __future__ import annotations

import re
from dataclasses import dataclass

PUBLIC_DOMAIN = "public domain"
PERMISSIVE = "permissive"
WEAK = "weak copyleft"
STRONG = "strong copyleft"
NETWORK = "network copyleft"
UNKNOWN = "unknown"

KINDS = (PUBLIC_DOMAIN, PERMISSIVE, WEAK, STRONG, NETWORK, UNKNOWN)
"""From the freest to the one that asks most; ``unknown`` asks for a lawyer."""


@dataclass(frozen=True)
class Family:
    """A licence: its SPDX id, its kind, and how it is told from the others.

    ``marks`` must all be found in the text (lower case, single spaces), ``unless`` must not.
    """

    spdx: str
    kind: str
    marks: tuple[str, ...]
    unless: str = ""


_BSD = "redistribution and use in source and binary forms"
_ENDORSE = r"neither the names? |may not be used to endorse|not be used to endorse"
_ADVERTISE = "all advertising materials mentioning features"
_ISC = "permission to use, copy, modify,? (and/or|and|or) distribute this software"
_ISC_NOTICE = "provided that the above copyright notice"
_MIT = "permission is hereby granted, free of charge, to any person obtaining a copy"
_MIT_NOTICE = "this permission notice shall be included"
_MIT_NAMED = r"licensed under the (terms of the )?mit licen[sc]e"
_VERBATIM = "permitted to copy and distribute verbatim copies"
_UNDER = "redistribute it and/or modify it under the terms of the gnu "

FAMILIES = (
    Family("Apache-2.0", PERMISSIVE, (r"apache (software )?licen[sc]e,? ?(version )?2\.0",)),
    Family("MPL-2.0", WEAK, (r"mozilla public licen[sc]e,? (version|v\.) ?2\.0|mpl-2\.0",)),
    Family(
        "AGPL-3.0",
        NETWORK,
        (rf"gnu affero general public licen[sc]e.{{0,400}}{_VERBATIM}|{_UNDER}affero general",),
    ),
    Family(
        "LGPL",
        WEAK,
        (rf"gnu (lesser|library) general public licen[sc]e.{{0,400}}{_VERBATIM}|{_UNDER}l",),
    ),
    Family(
        "GPL",
        STRONG,
        (rf"gnu general public licen[sc]e version \d.{{0,400}}{_VERBATIM}|{_UNDER}general",),
    ),
    Family("EPL-2.0", WEAK, (r"eclipse public licen[sc]e",)),
    Family("BSD-4-Clause", PERMISSIVE, (_BSD, _ADVERTISE)),
    Family("BSD-3-Clause", PERMISSIVE, (_BSD, _ENDORSE), unless=_ADVERTISE),
    Family("BSD-2-Clause", PERMISSIVE, (_BSD,), unless=_ENDORSE),
    Family("ISC", PERMISSIVE, (_ISC, _ISC_NOTICE), unless="psf|stichting"),
    Family("0BSD", PUBLIC_DOMAIN, (_ISC,), unless="provided that"),
    Family("MIT", PERMISSIVE, (_MIT, _MIT_NOTICE)),
    Family("MIT-0", PUBLIC_DOMAIN, (_MIT,), unless=_MIT_NOTICE),
    Family("MIT", PERMISSIVE, (_MIT_NAMED,), unless=_MIT_NOTICE),
    Family("BSL-1.0", PERMISSIVE, (r"boost software licen[sc]e",)),
    Family(
        "PSF-2.0",
        PERMISSIVE,
        (r"psf licen[sc]e agreement|python software foundation licen[sc]e version 2",),
    ),
    Family("Zlib", PERMISSIVE, (r"altered source versions must be plainly marked",)),
    Family("Unlicense", PUBLIC_DOMAIN, (r"free and unencumbered software released into the",)),
    Family("CC0-1.0", PUBLIC_DOMAIN, (r"cc0 1\.0|creative commons zero",)),
    Family("CC-BY-4.0", PERMISSIVE, (r"creative commons attribution 4\.0",)),
    Family("OFL-1.1", WEAK, (r"sil open font licen[sc]e",)),
    Family("NCSA", PERMISSIVE, (r"university of illinois/ncsa",)),
)


@dataclass(frozen=True)
class Identified:
    """The licences of a text, in the order they appear; ``choice``: one of them is enough."""

    spdx: tuple[str, ...]
    kind: str
    choice: bool

    @property
    def expression(self) -> str:
        """An SPDX expression, or ``NOASSERTION``."""
        return (" OR " if self.choice else " AND ").join(self.spdx) or "NOASSERTION"


_MARGIN = re.compile(r"(?m)^[ \t]*(?:/?\*+/?|#+|//+|;+)")
"""What comments put in front of a line."""

_CHOICE = re.compile(
    r"either of the licenses|under the terms of either|dual.licensed|your choice of|"
    r"at your option|alternatively, it is licensed|either the .{1,40} or the "
)


def identify(text: str) -> Identified:
    """Which licences ``text`` contains, and the kind of the one that asks most (or least, where
    the text leaves the choice)."""
    plain = " ".join(_MARGIN.sub(" ", text).split()).lower()
    found: dict[str, tuple[int, str]] = {}
    for family in FAMILIES:
        places = [re.search(mark, plain) for mark in family.marks]
        if None in places or (family.unless and re.search(family.unless, plain)):
            continue
        start = min(place.start() for place in places if place is not None)
        found.setdefault(family.spdx, (start, family.kind))
    spdx = tuple(sorted(found, key=lambda name: found[name][0]))
    kinds = sorted((found[name][1] for name in spdx), key=KINDS.index)
    choice = len(spdx) > 1 and _CHOICE.search(plain) is not None
    if not kinds:
        return Identified((), UNKNOWN, False)
    return Identified(spdx, kinds[0] if choice else kinds[-1], choice)


_NAMES = {
    "Apache-2.0": "apache",
    "MPL-2.0": "mpl|mozilla",
    "AGPL-3.0": "agpl|affero",
    "LGPL": "lgpl|lesser general|library general",
    "GPL": r"\bgpl|gnu general",
    "EPL-2.0": "epl|eclipse",
    "BSD": r"\bbsd|bsd\b",
    "0BSD": "0bsd|bsd zero",
    "ISC": r"\bisc",
    "MIT": r"\bmit\b(?!-)",
    "MIT-0": "mit-0",
    "BSL-1.0": "bsl|boost",
    "PSF-2.0": r"psf|python software foundation|python-2\.0",
    "Zlib": "zlib",
    "Unlicense": "unlicense",
    "CC0-1.0": "cc0",
    "CC-BY-4.0": "cc-by",
    "OFL-1.1": "ofl|open font",
    "NCSA": "ncsa",
}


def names(expression: str) -> frozenset[str]:
    """The licences that an expression or a classifier names, coarsely: for comparing what a
    package declares (``BSD License``) with what a text was read as (``BSD-3-Clause``)."""
    plain = expression.lower()
    found = {name for name, wording in _NAMES.items() if re.search(wording, plain)}
    if "0BSD" in found and not re.search(r"\bbsd", plain):
        found.discard("BSD")
    return frozenset(found)
