"""Values that differ each time they are asked for, recorded for when the step resumes."""

from __future__ import annotations

import random as _random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar, cast

import blake3

from duranb.engine import context as ctx
from duranb.record.events import CallCompleted

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
    key = blake3.blake3(f"value\0{name}".encode()).hexdigest(16)
    slot = here.take(key, kind="value", name=name)
    assert slot is not None
    namespace = here.runtime.namespace
    if slot.recorded is not None and slot.recorded.result is not None:
        here.serve(slot.recorded)
        return cast(T, namespace.load_value(slot.recorded.result))
    value = make()
    here.runtime.record(
        CallCompleted(
            **here.told(here.runtime.next_id("call"), slot),
            result=namespace.capture_value(value),
            preview=str(value),
        )
    )
    return value
