"""Whether a store still is what was acknowledged."""

from __future__ import annotations

from duranb.pure import events as e
from duranb.pure.errors import StoreError
from duranb.store import chain, keys
from duranb.store.store import _chained, check_digest, check_signature
from duranb.store.view import StoreView


def verify(view: StoreView) -> list[str]:
    """The problems found, as sentences; an empty list says that all is well.

    Checks the chain over all events, the tail kept outside the database, and the bytes and the
    signature of every artifact.
    """
    return [*_chain_problems(view), *_artifact_problems(view)]


def _chain_problems(view: StoreView) -> list[str]:
    before, expected = chain.GENESIS, 1
    for event in view.events():
        data = _chained(event.body, e.encode(event.body)[1])
        linked = chain.link(before, event.seq, event.ts, data)
        if event.seq != expected or linked != event.hash:
            return [f"the chain of events is broken at event {event.seq}"]
        before, expected = event.hash, event.seq + 1
    tail = chain.Tail(view.path / "tail")
    last, digest = tail.read()
    tail.close()
    if last >= expected and view.holder is None:
        return [f"{last - expected + 1} acknowledged events are missing at the end"]
    if last == expected - 1 and last and digest != before:
        return [f"event {last} is not the one that was acknowledged"]
    return []


def _artifact_problems(view: StoreView) -> list[str]:
    key = keys.user_key()
    found = []
    for digest in view.digests():
        try:
            data, body = view.raw(digest)
            check_digest(data, digest, view.path)
            check_signature(body, key, view.path)
        except StoreError as error:
            found.append(error.message)
    return found
