"""What libraries draw for an object when it is made, and nobody goes by: no part of its version.

A plain cell makes the object anew in each process; with what was drawn in its version, each step
that is given it would run again.
"""

from __future__ import annotations

import re
from typing import Any

from duranb.code.kinds import once_a_class
from duranb.code.looking import full_name

_DRAWN = {
    "dspy.predict.predict.Predict": {"stage": re.compile(r"[0-9a-f]{16}")},
    "fastmcp.client.client.Client": {"name": re.compile(r"\w*-[0-9a-f]{4}")},
}
"""By class, and those derived from it, the attributes, and what was drawn looks like there."""


def reduction(value: Any) -> tuple[Any, ...] | None:
    """The pickle reduction of such an object, without what was drawn; None for any other."""
    drawn = _attributes(type(value))  # type: ignore[arg-type, unused-ignore]
    if not drawn:
        return None
    reduced = value.__reduce_ex__(5)
    if len(reduced) < 3 or type(reduced[2]) is not dict:
        return None
    state = {
        name: each
        for name, each in reduced[2].items()
        if not (name in drawn and type(each) is str and drawn[name].fullmatch(each))
    }
    return (*reduced[:2], state, *reduced[3:])


@once_a_class
def _attributes(kind: type) -> dict[str, re.Pattern[str]]:
    found: dict[str, re.Pattern[str]] = {}
    for base in kind.__mro__:
        found |= _DRAWN.get(full_name(base), {})
    return found
