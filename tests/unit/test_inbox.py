"""What lies where other processes leave answers and signals: only this user's own is taken in."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from duranb.engine import inbox
from duranb.errors import Untrusted, UsageError
from duranb.record import events as e
from duranb.record.history import History
from duranb.text.known import KNOWN


class Asked:
    """The questions of a run, each with its text."""

    def __init__(self, run: str, **calls: str) -> None:
        self.run = run
        self.calls = {int(n[1:]): type("Call", (), {"preview": x}) for n, x in calls.items()}


def asked(run: str = "a", **calls: str) -> History:
    return cast(History, Asked(run, **(calls or {"_3": "Go?"})))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store's folder with a place for either."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    for kind in inbox.KINDS:
        (tmp_path / "store" / kind).mkdir(parents=True)
    return tmp_path / "store"


def holding(text: str) -> Callable[[Path], Any]:
    return lambda path: path.write_text(text)


def giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10 << 30)


FORGED: dict[str, Callable[[Path], Any]] = {
    "a pipe": os.mkfifo,
    "10 GB of nothing": giant,
    "a folder": Path.mkdir,
    "a link": lambda path: path.symlink_to("/etc/passwd"),
    "any bytes": lambda path: path.write_bytes(bytes(range(256))),
    "nesting": holding("[" * 200_000),
    "nested objects": holding('{"said":' * 200_000),
    "nesting in what was said": holding(json.dumps({"said": "[" * 200_000, "signature": "x"})),
    "a list": holding("[]"),
    "a number": holding("9" * 5_000),
    "nothing said": holding('{"said": null, "signature": null}'),
    "half of a pair": holding('{"said": "\\ud800", "signature": "\\ud800"}'),
    "a signature in another script": holding('{"said": "x", "signature": "\u00e9"}'),
}


@pytest.mark.parametrize("how", FORGED)
def test_what_nobody_signed_is_refused_by_name(store: Path, how: str) -> None:
    """Whatever it is, and without a wait."""
    for kind in inbox.KINDS:
        FORGED[how](store / kind / "3.json")
    with pytest.raises(Untrusted, match="was not given to question 3 by you"):
        inbox.posted_answer(store, asked(), 3)
    with pytest.raises(Untrusted, match="was not sent to this run by you"):
        list(inbox.posted_signals(store, asked()))
    assert len(inbox.not_given(store, asked())) == 2


def test_an_answer_is_for_its_question_alone(store: Path) -> None:
    """Not for the same one of another run, for what another text asks, or for the next one."""
    inbox.post_answer(store, asked(), e.Answered(call=3, value="yes"))
    found = inbox.posted_answer(store, asked(), 3)
    assert found is not None and found.value == "yes"
    for history in (asked("b"), asked(_3="Pay?")):
        with pytest.raises(Untrusted):
            inbox.posted_answer(store, history, 3)
    (store / inbox.ANSWERS / "3.json").rename(store / inbox.ANSWERS / "4.json")
    with pytest.raises(Untrusted):
        inbox.posted_answer(store, asked(_3="Go?", _4="Go?"), 4)


def test_a_signal_is_for_its_run_alone(store: Path) -> None:
    """As an answer is."""
    inbox.post_signal(store, asked(), "paid", 1, "me")
    assert [x.value for x in inbox.posted_signals(store, asked())] == [1]
    with pytest.raises(Untrusted):
        list(inbox.posted_signals(store, asked("b")))


def test_an_answer_says_by_its_fields_that_it_holds_a_secret() -> None:
    """A password that somebody gives to a form is a secret, although nobody has seen it before: it
    is refused instead of recorded, and known from then on."""
    given = f"canary{secrets.token_hex(12)}"
    with pytest.raises(UsageError, match="the answer holds a secret"):
        inbox.check_public("the answer", {"user": "bob", "login": {"password": given}}, "")
    assert KNOWN.said(given)
    inbox.check_public("the answer", {"user": "bob", "token": "short"}, "no reason")
