"""What other processes leave for the one that holds the store: answers to questions, and signals.

Each is a file in the store's folder, signed with the user's key for the very question or run that
it is about. Whoever holds the store takes it in: records it, and removes the file.
"""

from __future__ import annotations

import contextlib
import getpass
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import blake3

from duranb.errors import Untrusted, UsageError
from duranb.record import events as e
from duranb.record.history import History
from duranb.store import encryption, files, guarded, keys
from duranb.store.paths import LOG, check_folder, current
from duranb.text.credentials import learn_fields
from duranb.text.known import KNOWN

PREVIEW = 200
"""Characters of a question that are kept with the call, and that an answer is signed for."""

KINDS = ANSWERS, SIGNALS = "answers", "signals"
"""The folders of what is left, in the store's."""


def who() -> str:
    """Who works here, as recorded with answers: JupyterHub's user, else the system's."""
    named = os.environ.get("JUPYTERHUB_USER")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return ""


def check_public(what: str, *said: Any) -> None:
    """Refuse what holds a secret that is known: it would be recorded with a mask in its place, and
    the step would go on with that. ``what`` tells people what it is. Raises :class:`UsageError`."""
    KNOWN.look_around()
    for each in said:
        learn_fields(each, f"{what},")
    data = json.dumps(said, default=str).encode()
    for start, end in KNOWN.find(data):
        whose = KNOWN.said(data[start:end])
        raise UsageError(
            f"{what} holds a secret{f' ({whose})' if whose else ''}, which is never recorded: have "
            "the step read it from the environment or the keyring instead"
        )


def post_answer(store: Path, history: History, answer: e.Answered) -> None:
    """Leave an answer to a question; it takes the place of one that was not taken in yet.

    Raises :class:`duranb.errors.StoreUnwritable`.
    """
    about = _question(history, answer.call)
    told = {"value": answer.value, "by": answer.by, "why": answer.why, "at": answer.at}
    _post(store, ANSWERS, f"{answer.call}.json", about, told)


def post_signal(store: Path, history: History, name: str, value: Any, by: str) -> None:
    """Leave a signal for the current run. Raises :class:`duranb.errors.StoreUnwritable`."""
    at = time.time_ns()
    number = f"{at:020d}-{secrets.token_hex(4)}"
    told = {"id": number, "name": name, "value": value, "by": by, "at": at // 1000}
    _post(store, SIGNALS, f"{number}.json", f"{history.run} signal", told)


def posted_answer(store: Path, history: History, call: int) -> e.Answered | None:
    """The answer that another process left to a question, if one did.

    Raises :class:`duranb.errors.Untrusted` for one that this user has not given to this question.
    """
    file = store / ANSWERS / f"{call}.json"
    if not os.path.lexists(file):
        return None
    found = _read(file, _question(history, call))
    if found is None:
        if not os.path.lexists(file):
            return None  # another thread has taken it in meanwhile
        raise Untrusted(
            f"the answer in {file} was not given to question {call} by you: it is not used. "
            f"Remove the file, then duranb answer NOTEBOOK {call} VALUE"
        )
    told, is_whole = found
    return e.Answered(call=call, **told) if is_whole else e.Answered(call=call, value=told)


def answered(store: Path) -> set[int]:
    """The questions to which answers were left that nobody has taken in yet."""
    folder = store / ANSWERS
    names = os.listdir(folder) if folder.is_dir() else []
    return {int(n.removesuffix(".json")) for n in names if n.removesuffix(".json").isdecimal()}


def posted_signals(store: Path, history: History) -> Iterator[e.Signalled]:
    """The signals that other processes left, oldest first.

    Raises :class:`duranb.errors.Untrusted` for one that this user has not sent to this run.
    """
    folder = store / SIGNALS
    names = sorted(os.listdir(folder)) if guarded.is_folder(folder) else []
    for name in names:
        if not name.endswith(".json"):
            continue  # being written
        found = _read(folder / name, f"{history.run} signal")
        # Its id is signed with it: one that was taken in, and is put there again, is the same one.
        if found is None or found[0].get("id") != Path(name).stem:
            if not os.path.lexists(folder / name):
                continue  # as an answer
            raise Untrusted(
                f"the signal in {folder / name} was not sent to this run by you: it is not used. "
                "Remove the file, then duranb signal NOTEBOOK NAME VALUE"
            )
        yield e.Signalled(**found[0])


def not_given(store: Path, history: History) -> list[str]:
    """What is wrong with what lies there, as sentences: answers that this user has not given to the
    question they are for, and signals not sent to this run. Raises OSError."""
    folder, found = store / ANSWERS, []
    names = sorted(os.listdir(folder)) if guarded.is_folder(folder) else []
    for call in (int(n[:-5]) for n in names if n.endswith(".json") and n[:-5].isdecimal()):
        try:
            if call not in history.calls:
                found.append(f"{folder / f'{call}.json'} answers a question that nobody has asked")
            else:
                posted_answer(store, history, call)
        except Untrusted as error:
            found.append(error.message)
    try:
        for _ in posted_signals(store, history):
            pass
    except Untrusted as error:
        found.append(error.message)
    return found


def forget_answer(store: Path, call: int) -> None:
    """Remove an answer that was taken in."""
    _forget(store / ANSWERS / f"{call}.json")


def forget_signal(store: Path, signal: e.Signalled) -> None:
    """Remove a signal that was taken in."""
    _forget(store / SIGNALS / f"{signal.id}.json")


def _forget(file: Path) -> None:
    with contextlib.suppress(OSError):  # one that stays says nothing but this once more
        file.unlink(missing_ok=True)


def _question(history: History, call: int) -> str:
    """What an answer is signed for: this question, of this run."""
    return f"{history.run} {call} {history.calls[call].preview[:PREVIEW]}"


def _post(store: Path, kind: str, name: str, about: str, told: dict[str, Any]) -> None:
    folder, text = store / kind, json.dumps(told)
    try:
        check_folder(store)
        guarded.folder(folder)
    except OSError as error:
        raise files.unwritable(store, error) from error
    signed = json.dumps({"said": text, "signature": _sign(f"{about} said", text)})
    letter = encryption.shut(signed.encode(), name, encryption.cipher_of(current(store, LOG)))
    files.replace(folder / name, letter)


def _read(file: Path, about: str) -> tuple[Any, bool] | None:
    """What a file says, and whether it says who said it: an earlier version's holds an answer and
    nothing else. None where this user has not signed it for this."""
    try:
        posted = json.loads(encryption.letter(file))
        is_whole = "said" in posted
        text, signature = str(posted["said" if is_whole else "answer"]), str(posted["signature"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    signed = _sign(f"{about} said" if is_whole else about, text)
    # Bytes: letters that somebody else wrote may be none, and a text of such is not compared.
    if not hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), signed.encode()):
        return None
    return json.loads(text), is_whole


def _sign(about: str, text: str) -> str:
    key = keys.derived(keys.user_key(), "answer")
    return blake3.blake3(f"{about}\0{text}".encode("utf-8", "surrogatepass"), key=key).hexdigest()
