"""The kinds of calls: what sets one kind apart from another, declared once.

The journal (:mod:`duranb.engine.journal`), the history, the views and the verbs ask a call's kind
what may be done with it; nobody compares names. To add a kind, add a line to the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import blake3


@dataclass(frozen=True)
class Traits:
    """What a kind of call asks of the journal.

    ``fresh``: ``--fresh`` makes it anew instead of replaying it. ``in_effect``: it is journaled
    inside an effect too; otherwise it is part of the effect and passes through. ``again``: it is
    made again once its execution was undone. ``answer``: a model gave it, so it has a price and can
    be rejected. ``intent``: it is recorded before it is made, not only afterwards. ``effect``: it
    changes the outside world, so it is in doubt when its process died before its outcome was
    recorded. ``waits``: it may stay open for long, until somebody answers or a time comes.
    ``anywhere``: one that another item, or the step's body, has recorded for the same thing answers
    it, where nothing was recorded in its own place: a loop that became a map pays for nothing
    again. ``person``: a person answers it. ``encloses``: it is made of other calls, which are what
    is paid for and waited for.
    """

    fresh: bool = True
    in_effect: bool = True
    again: bool = False
    answer: bool = False
    intent: bool = False
    effect: bool = False
    waits: bool = False
    anywhere: bool = False
    person: bool = False
    encloses: bool = False


class Kind(StrEnum):
    """One kind of call. It is recorded as its name.

    ``http`` is any request on the wire that does not go to a model (``llm``), ``read`` what an MCP
    client reads from a server. A ``batch`` is calls to models that were submitted together. A
    ``value`` is something that differs each time it is asked for: the time, a random number.
    ``ask`` is a question to a person, a ``signal`` waits for an outside event, a ``timer`` for a
    time, a ``map`` is an item of a map. Once undone, an effect's own status says so, so it needs no
    ``again``.
    """

    LLM = "llm", Traits(answer=True, anywhere=True)
    HTTP = "http", Traits(in_effect=False, again=True, anywhere=True)
    READ = "read", Traits(in_effect=False, again=True, anywhere=True)
    EFFECT = "effect", Traits(fresh=False, intent=True, effect=True, anywhere=True)
    ASK = "ask", Traits(again=True, intent=True, waits=True, anywhere=True, person=True)
    MAP = "map", Traits(in_effect=False, again=True, encloses=True)
    SIGNAL = "signal", Traits(fresh=False, again=True, intent=True, waits=True)
    TIMER = "timer", Traits(fresh=False, again=True, intent=True, waits=True)
    VALUE = "value"
    BATCH = "batch", Traits(fresh=False, intent=True, waits=True)
    UNKNOWN = "unknown"

    traits: Traits

    def __new__(cls, name: str, traits: Traits = Traits()) -> Kind:
        made = str.__new__(cls, name)
        made._value_, made.traits = name, traits
        return made

    @classmethod
    def _missing_(cls, value: object) -> Kind:
        """A kind that a later version of duranb has recorded."""
        return cls.UNKNOWN

    def key(self, *parts: str) -> str:
        """The key of a call of this kind that ``parts`` identify within its step.

        Requests on the wire are keyed by :func:`duranb.llm.identity.identify` instead.
        """
        return blake3.blake3("\0".join((self.value, *parts)).encode()).hexdigest(16)
