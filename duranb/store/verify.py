"""Whether a store still is what was acknowledged."""

from __future__ import annotations

from duranb.errors import StoreError
from duranb.store import chain, keys
from duranb.store.paths import TAIL
from duranb.store.store import check_digest, check_signature
from duranb.store.view import StoreView


def verify(view: StoreView) -> list[str]:
    """The problems found, as sentences; an empty list says that all is well.

    Checks the chain over all events, the tail kept outside the database, whether the events fit
    together, and the bytes and the signature of every artifact.
    """
    return [*_chain_problems(view), *_unread(view), *_artifact_problems(view)]


def _unread(view: StoreView) -> list[str]:
    return [
        f"event {seq} is about something that is not in the history: it is left out"
        for seq in view.history().unread
    ]


def _chain_problems(view: StoreView) -> list[str]:
    if view.broken:
        return [view.broken]
    events = view.events()
    seq, before = (events[-1].seq, events[-1].hash) if events else (0, chain.GENESIS)
    tail = chain.read_tail(view.path / TAIL)
    if tail is None:
        lost = "the tail is gone: nobody can tell whether the last events are there"
        return [lost] if seq else []
    last, digest = tail
    if last > seq and view.holder is None:
        return [f"{last - seq} acknowledged events are missing at the end"]
    if last == seq and last and digest != before:
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
    return list(dict.fromkeys(found))  # one sentence says that none is signed
