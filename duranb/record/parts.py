"""What events are made of: the struct that all of them are, and parts that several have."""

from __future__ import annotations

import msgspec


class Body(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", gc=False
):
    """What every event body has in common: the ``type`` tag, set by each subclass."""


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An exception as it is kept: its type's name, its message and its traceback as text."""

    type: str
    message: str
    traceback: str = ""


class Binding(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a name is bound to in a snapshot.

    ``artifact`` is the digest of the group the value is stored in (names that share mutable state
    share an artifact), or empty when it could not be stored: then ``why`` says so. ``version``
    identifies the value by content across processes. ``type`` is for people. ``python`` is the
    version that alone can load the group, which holds code that it compiled; empty where any can.
    """

    artifact: str
    version: str
    type: str = ""
    why: str = ""
    size: int = 0
    preview: str = ""
    python: str = ""


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What was read from a recorded call. Tokens are counts, ``cost`` is US dollars.

    Where the answer did not tell, ``guessed_tokens`` and ``guessed_cost`` are what budgets count in
    its place; nothing else does.
    """

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    priced: bool = False
    guessed_tokens: int = 0
    guessed_cost: float = 0.0
