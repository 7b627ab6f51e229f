"""The kinds of calls: what sets one kind apart from another, declared once.

The journal (:mod:`duranb.engine.journal`), the history, the views and the verbs ask a call's kind
what may be done with it; nobody compares names. To add a kind, add a value to this table.
"""

from __future__ import annotations

from dataclasses import dataclass

import blake3


@dataclass(frozen=True)
class Kind:
    """One kind of call, and what it asks of the journal.

    ``fresh``: ``--fresh`` makes it anew instead of replaying it. ``in_effect``: it is journaled
    inside an effect too, otherwise it is part of the effect and passes through. ``again``: it is
    made again once its execution was undone. ``answer``: a model gave it, so it has a price and can
    be rejected. ``intent``: it is recorded before it is made, not only afterwards. ``effect``: it
    changes the outside world, so it is in doubt when its process died before its outcome was
    recorded. ``waits``: it may stay open for long, until somebody answers or a time comes.
    """

    name: str
    fresh: bool = True
    in_effect: bool = True
    again: bool = False
    answer: bool = False
    intent: bool = False
    effect: bool = False
    waits: bool = False

    def key(self, *parts: str) -> str:
        """The key of a call of this kind that ``parts`` identify within its step.

        Requests on the wire are keyed by :func:`duranb.llm.identity.identify` instead.
        """
        return blake3.blake3("\0".join((self.name, *parts)).encode()).hexdigest(16)


LLM = Kind("llm", answer=True)
"""A request to a model."""

HTTP = Kind("http", in_effect=False, again=True)
"""Any other request on the wire."""

EFFECT = Kind("effect", fresh=False, intent=True, effect=True)
"""A function that changes the outside world. Once undone, the call itself says so."""

ASK = Kind("ask", again=True, intent=True, waits=True)
"""A question to a person."""

VALUE = Kind("value")
"""Something that differs each time: the time, a random number."""

_KINDS = {kind.name: kind for kind in (LLM, HTTP, EFFECT, ASK, VALUE)}


def kind_of(name: str) -> Kind:
    """The kind with this name; one without any traits where a later version recorded it."""
    return _KINDS.get(name) or Kind(name)
