"""``encrypt`` and ``decrypt``: all that is recorded of a notebook, written anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from duranb.errors import StoreLocked, UsageError
from duranb.session.change import Change, count, listed
from duranb.session.places import find_store, has_store
from duranb.store import encryption, rewriting
from duranb.store.encryption import READABLE as READABLE
from duranb.store.lines import Lines
from duranb.store.lock import holder
from duranb.store.paths import ARTIFACTS, LOG, OUTCOMES, current, is_store, runs_path
from duranb.store.view import StoreView
from duranb.verbs.table import Decrypt, Encrypt


def planned(notebook: Path, given: Encrypt | Decrypt) -> Change:
    """What a verb would do to a notebook's store, and to those of its many runs.

    Raises :class:`UsageError` where there is none, :class:`StoreLocked` while one is in use, and
    :class:`duranb.errors.StoreEncrypted` without the key.
    """
    runs = runs_path(notebook)
    found = sorted(filter(is_store, runs.iterdir())) if runs.is_dir() else []
    if not found or is_store(notebook) or has_store(notebook):
        found.insert(0, find_store(notebook))
    is_new_key = isinstance(given, Encrypt) and given.new_key
    to_be = isinstance(given, Encrypt) and not is_new_key
    stores = [x for x in found if _is_encrypted(x) != to_be]
    lines = _outcomes(runs, encrypted=not to_be)
    for store in stores:
        if pid := holder(store):
            raise StoreLocked(
                f"the store {store} is in use by process {pid}: shut its kernel down, then: duranb "
                f"{given.word()} {notebook}",
                pid,
            )
        with StoreView.open(store):
            pass  # its key is here, and it can be read
    word = given.word()
    if is_new_key:
        if not stores:
            raise UsageError(f"{found[0]} is not encrypted: duranb encrypt {notebook}")
        return _with_new_key(stores, lines)
    if not (stores or lines):
        return _nothing(word, found[0])
    return _rewritten(word, stores, lines, encrypted=to_be)


def _outcomes(runs: Path, *, encrypted: bool) -> Lines | None:
    """What came out of many runs, if there is such a file, and it is encrypted or is not."""
    if encryption.is_encrypted(runs) != encrypted:
        return None
    file = runs / OUTCOMES
    return Lines(file) if encrypted or file.exists() else None


def _is_encrypted(store: Path) -> bool:
    return encryption.is_encrypted(current(store, LOG))


def _nothing(word: str, store: Path) -> Change:
    said = f"{store} is {word}ed already"

    async def apply() -> str:
        return "nothing was to be done"

    return Change(word, said, (), apply)


def _with_new_key(stores: Sequence[Path], lines: Lines | None) -> Change:
    async def apply() -> str:
        for store in stores:
            rewriting.change_key(store)
        if lines is not None:
            lines.change_key()
        return f"the key of {count(len(stores), 'store')} was changed"

    new = encryption.planned(encryption.NEW_KEY)
    told = (f"opened from now on by {new}", "nothing else is written anew")
    warning = (
        "copies made before are still opened by the old key; if somebody else may have had that, "
        "decrypt and encrypt instead: what is encrypted is under a key of its own, which stays"
    )
    return Change("encrypt", f"change the key of {_named(stores)}", told, apply, (warning,))


def _rewritten(
    word: str, stores: Sequence[Path], lines: Lines | None, *, encrypted: bool
) -> Change:
    async def apply() -> str:
        if lines is not None:
            lines.rewrite(encrypted=encrypted)
        done = [rewriting.rewrite(store, encrypted=encrypted) for store in stores]
        events, artifacts = sum(x.events for x in done), sum(x.artifacts for x in done)
        left_out = [what for x in done for what in x.left_out]
        missed = f". Left out, since it cannot be read: {listed(left_out)}" if left_out else ""
        return (
            f"{word}ed: {count(events, 'event')}, {count(artifacts, 'value')} in files, in "
            f"{count(len(stores), 'store')}{missed}"
        )

    size = sum(map(_size, stores))
    told = [
        f"{size / 1e6:,.1f} MB of history and values are written anew, and take the place of what "
        "is there in one step; so much room is needed meanwhile",
        "the tables for SQL go, and what was set aside as damaged",
    ]
    warnings = []
    if encrypted:
        told += [f"it is opened by {encryption.planned()}", READABLE]
        warnings = [
            "without that key nothing can be read again, by anybody: keep it",
            "what lay there in plain form is deleted, and not wiped: an SSD, snapshots and backups "
            "may still hold it, and so do the notebook's own file and what was exported",
        ]
    return Change(word, f"{word} {_named(stores)}", tuple(told), apply, tuple(warnings))


def _named(stores: Sequence[Path]) -> str:
    if not stores:
        return "what came out of many runs"
    more = len(stores) - 1
    return f"{stores[0]}" + (f" and {count(more, 'other store')}" if more else "")


def _size(store: Path) -> int:
    folders = (current(store, name) for name in (LOG, ARTIFACTS))
    return sum(x.stat().st_size for folder in folders for x in folder.rglob("*") if x.is_file())
