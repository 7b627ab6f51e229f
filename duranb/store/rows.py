"""The rows of the ``events`` table, made from the log."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from duranb.record import events as e
from duranb.store.log import LogReader
from duranb.store.segments import Record

Result = tuple[list[str], list[tuple[Any, ...]]]
"""What a query gives: the names of the columns, and the rows."""


BULK = 4000
"""Events that are read at once when nobody else needs the processor."""

LARGE = 4 << 20
"""Bytes of events, about, at which no more are read at once, however few they are."""


class Row(NamedTuple):
    """A line of the ``events`` table. ``payload`` is None for what is not queried: recorded
    answers are read from the log, large artifacts from their files."""

    seq: int
    ts: int
    type: str
    execution: int | None
    step: str | None
    data: str
    payload: bytes | None
    hash: bytes


def read(log: LogReader, after: int, most: int) -> list[Row]:
    """The rows of the events above a number: whole frames, until there are ``most`` or more, or
    enough to fill memory."""
    found: list[Row] = []
    size = 0
    for frame in log.frames(after):
        records = [record for record in frame.records if record.seq > after]
        found += _rows(log, records)
        size += frame.end - frame.start
        if len(found) >= most or size >= LARGE:
            break
    return found


def _rows(log: LogReader, records: list[Record]) -> list[Row]:
    bodies = [_body(record.data) for record in records]
    answers = {body.response for body in bodies if isinstance(body, e.CallCompleted | e.CallFailed)}
    rows = []
    for record, body in zip(records, bodies, strict=True):
        if body is None:
            rows.append(Row(*record[:2], "", None, None, record.data, None, record.hash))
            continue
        payload = None
        if isinstance(body, e.ArtifactStored) and not body.in_file and body.digest not in answers:
            payload = log.read(record.place)
        kind, data = e.encode(body)  # in today's format, whatever it was written in
        execution, step = getattr(body, "execution", None), getattr(body, "step", None)
        rows.append(Row(record.seq, record.ts, kind, execution, step, data, payload, record.hash))
    return rows


def _body(data: str) -> e.EventBody | None:
    try:
        return e.decode(data)
    except msgspec.MsgspecError:  # damaged, and said to be so
        return None
