"""Values that differ each time they are asked for, recorded for when the step resumes."""

from __future__ import annotations

import random as _random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar, cast

from duranb.engine import context as ctx
from duranb.engine.flows import Act, run
from duranb.engine.operations import Operation, perform
from duranb.record.kinds import Kind

T = TypeVar("T")


def now() -> datetime:
    """The time (UTC), recorded: the same again when the step resumes."""
    return _value("now", lambda: datetime.now(UTC))


def uuid4() -> uuid.UUID:
    """A random UUID, recorded: the same again when the step resumes."""
    return _value("uuid4", uuid.uuid4)


def random() -> float:
    """A random number in [0, 1), recorded: the same again when the step resumes."""
    return _value("random", _random.random)


def _value(name: str, make: Callable[[], T]) -> T:
    here = ctx.current()
    if here is None:
        return make()
    operation = Operation(Kind.VALUE, name, Kind.VALUE.key(name), outcome=str)
    return cast(T, run(perform(here.journal, operation, lambda claim, _: Act(make))))
