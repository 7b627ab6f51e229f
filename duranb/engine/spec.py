"""What a step is before it runs: its name, code and options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import blake3
import msgspec

from duranb.code.commands import Command
from duranb.code.loading import Import
from duranb.code.mentions import NONE, Mentions
from duranb.engine.retry import Policy


@dataclass(frozen=True)
class Spec:
    """One step, ready to be decided upon.

    ``source`` is for people; ``fingerprint`` is the identity of the code; ``reads`` are the names
    its result can depend on, ``loads`` all names it can touch (None: anything), ``writes`` those
    it may bind and ``sure`` those it does, ``deletes`` those it may delete, ``unset`` those of them
    that it may not have bound itself before, ``imports`` the modules its body imports. ``blind``
    says that nobody can tell what the body reads: ``exec``,
    ``globals()``, an unknown magic. ``seeds`` are its calls that may seed a random generator
    (:mod:`duranb.state.seeding`), ``mentions`` the attributes and the variables of the environment
    that its body names, ``commands`` its statements that tell a library something
    (:mod:`duranb.code.commands`), ``below`` the modules below a package that it loads
    (:mod:`duranb.code.loading`).
    """

    name: str
    source: str
    fingerprint: str
    reads: frozenset[str]
    loads: frozenset[str] | None
    writes: tuple[str, ...] = ()
    sure: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    unset: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()
    blind: bool = False
    kind: str = "cell"
    policy: Policy = field(default_factory=Policy)
    validate: str = ""
    budget: float | None = None
    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    always: bool = False
    fresh: bool = False
    on_failure: str = ""
    cell: str = ""
    seeds: tuple[tuple[str, ...], ...] = ()
    mentions: Mentions = NONE
    commands: tuple[Command, ...] = ()
    below: tuple[Import, ...] = ()

    def recorded_options(self) -> dict[str, Any]:
        """The options as the history keeps them, defaults left out."""
        found: dict[str, Any] = {}
        plain = Policy()
        for name in ("retries", "backoff", "timeout"):
            if getattr(self.policy, name) != getattr(plain, name):
                found[name] = getattr(self.policy, name)
        for name in ("retry_on", "no_retry_on"):
            if getattr(self.policy, name):
                found[name] = list(getattr(self.policy, name))
        for name in ("validate", "outputs", "inputs", "ignore", "always", "fresh", "on_failure"):
            value = getattr(self, name)
            if value:
                found[name] = list(value) if isinstance(value, tuple) else value
        if self.budget is not None:
            found["budget"] = self.budget
        return found

    def identity(self, inputs: dict[str, str], uses: dict[str, str]) -> str:
        """What makes two executions the same: code, helpers, inputs, and what shapes the result."""
        shape = [self.kind, self.fingerprint, self.validate, list(self.outputs)]
        text = msgspec.json.encode([shape, sorted(inputs.items()), sorted(uses.items())])
        return blake3.blake3(text).hexdigest(16)
