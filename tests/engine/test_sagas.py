"""Sagas as they are lived: mended undos, doubts, chains, failures, deaths in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import duranb
from duranb.engine import saga
from duranb.errors import InDoubt, StepError, UsageError
from duranb.record import events as e
from duranb.record.model import CallStatus, Status
from duranb.session import compensation, resolving
from duranb.verbs.table import Compensate, Resolve
from duranb.views import show
from duranb.views.status import needs
from tests.engine.world import World

DONE: list[str] = []
"""What reached the outside world."""

ERRORS: dict[str, BaseException] = {}
"""What goes wrong in the outside world, once, by what is done."""


class Killed(BaseException):
    """Stands for the end of the process."""


def do(what: str) -> str:
    """Something happens outside, and then perhaps something goes wrong."""
    DONE.append(what)
    if what in ERRORS:
        raise ERRORS.pop(what)
    return f"done {what}"


TOOLS = """
import duranb
from tests.engine.test_sagas import do
def cancel(receipt): do('undo ' + receipt)
@duranb.tool(compensate=cancel)
def order(what: str) -> str: return do(what)
"""


@pytest.fixture(autouse=True)
def _outside(world: World) -> Iterator[None]:
    DONE.clear()
    ERRORS.clear()
    saga.functions.clear()
    world.plain(TOOLS)
    yield
    saga.functions.clear()


def restart(world: World) -> None:
    """A new process, with its plain cells run."""
    world.start()
    world.plain(TOOLS)


class Notebook:
    """As much of a session as the verbs want."""

    def __init__(self, world: World) -> None:
        self.runtime = world.runtime
        self.history = world.history


def compensate(world: World, step: str = "", **options: Any) -> str:
    """``%duranb compensate``; what it says before and after."""
    session: Any = Notebook(world)
    change = compensation.compensate(session, Compensate(step=step, **options))
    return f"{change}\n{asyncio.run(change.apply())}"


def undone() -> list[str]:
    """What was undone, in order."""
    return [what.removeprefix("undo done ") for what in DONE if what.startswith("undo")]


def books(world: World, *names: str) -> None:
    """Steps that each order something of their name."""
    for name in names:
        world.cell(name, f"{name} = order('{name}')")


# -- a mended undo -------------------------------------------------------------------------------

MENDED = "def cancel(receipt): do('undo better ' + receipt)"
MENDED_TOOL = (
    "def other(receipt): do('undo better ' + receipt)\n"
    "@duranb.tool(compensate=other)\n"
    "def order(what: str) -> str: return do(what)"
)


@pytest.mark.parametrize("mended", [MENDED, MENDED_TOOL], ids=["the undo", "the tool"])
def test_a_mended_undo_is_the_one_that_runs(world: World, mended: str) -> None:
    """With the result of back then, and it is said that it is another one."""
    books(world, "a")
    world.plain(mended)
    said = compensate(world, "a")
    assert "undo of order was changed since" in said
    assert DONE == ["a", "undo better done a"]


def test_the_recorded_undo_runs_where_there_is_no_other(world: World) -> None:
    """In a process that has not run the cell that defines it, nothing was changed."""
    books(world, "a")
    world.start()
    world.plain("from tests.engine.test_sagas import do")
    assert "changed" not in compensate(world, "a")
    assert undone() == ["a"]


def test_an_undo_may_be_given_afterwards(world: World) -> None:
    """A tool that had none when it was called has one now."""
    world.plain("@duranb.tool\ndef order(what: str) -> str: return do(what)")
    books(world, "a")
    with pytest.raises(UsageError, match="nothing undoes"):
        compensate(world, "a")
    world.plain(TOOLS)
    compensate(world, "a")
    assert undone() == ["a"]


def test_a_mended_cell_is_the_one_that_runs(world: World) -> None:
    """The latest source of the %%compensate cell, and it is said if it was another one then."""
    books(world, "a")
    world.runtime.record(e.CompensationRegistered(step="a", source="do('undo first')"))
    world.runtime.record(e.CompensationRegistered(step="a", source="do('undo ' + a)"))
    assert "%%compensate cell was changed since" in compensate(world, "a")
    assert undone() == ["a"]


# -- doubts --------------------------------------------------------------------------------------


def in_doubt(world: World) -> None:
    """A step that did one thing, and nobody knows whether it did the second."""
    ERRORS["b"] = TimeoutError()
    with pytest.raises(InDoubt):
        world.cell("s", "r = order('a'), order('b')")


def test_a_doubt_is_settled_before_anything_is_undone(world: World) -> None:
    """What can be said is said, and nothing was undone yet."""
    in_doubt(world)
    with pytest.raises(InDoubt, match="compensate s --happened"):
        compensate(world, "s")
    assert undone() == []


def test_what_happened_after_all_is_undone_too(world: World) -> None:
    """With the result that the user gives."""
    in_doubt(world)
    compensate(world, "s", happened="'done b'")
    assert undone() == ["b", "a"]
    assert world.last("s").status is Status.COMPENSATED


def test_of_what_did_not_happen_there_is_nothing_to_undo(world: World) -> None:
    """The rest is undone."""
    in_doubt(world)
    compensate(world, "s", not_happened=True)
    assert undone() == ["a"]


def test_a_verdict_without_a_doubt_is_refused(world: World) -> None:
    """Somebody means another step."""
    books(world, "a")
    with pytest.raises(UsageError, match="is in doubt"):
        compensate(world, "a", happened=True)


@pytest.mark.parametrize(("said", "times"), [({"happened": True}, 1), ({"not_happened": True}, 2)])
@pytest.mark.parametrize("error", [Killed(), TimeoutError()], ids=["killed", "timeout"])
def test_an_undo_that_may_have_happened_is_in_doubt(
    world: World, error: BaseException, said: dict[str, Any], times: int
) -> None:
    """It is never carried out a second time on its own; the user says, and it goes on."""
    world.cell("s", "r = order('a'), order('b')")
    ERRORS["undo done b"] = error
    with pytest.raises((Killed, InDoubt)):
        compensate(world, "s")
    restart(world)
    with pytest.raises(InDoubt, match="compensate s --not-happened"):
        compensate(world, "s")
    assert world.last("s").status is Status.COMPENSATION_FAILED
    compensate(world, "s", **said)
    assert undone() == ["b"] * times + ["a"]


def test_the_doubt_of_an_undo_can_be_resolved(world: World) -> None:
    """``resolve`` knows it under the name of the compensation."""
    books(world, "a")
    ERRORS["undo done a"] = TimeoutError()
    with pytest.raises(InDoubt):
        compensate(world, "a")
    session: Any = Notebook(world)
    change = resolving.resolve(session, Resolve(step="compensate a", happened=True))
    asyncio.run(change.apply())
    compensate(world)
    assert undone() == ["a"]


def test_an_idempotent_undo_is_repeated(world: World) -> None:
    """A tool that is declared so: retried, and resumed by the next process, without a question."""
    world.plain(
        TOOLS.replace("def cancel", "@duranb.tool(idempotent=True)\ndef cancel").replace(
            "(receipt)", "(receipt: str)"
        )
    )
    books(world, "a")
    ERRORS["undo done a"] = Killed()
    with pytest.raises(Killed):
        compensate(world, "a")
    restart(world)
    compensate(world, "a")
    assert undone() == ["a", "a"]


# -- chains --------------------------------------------------------------------------------------


def chained(world: World) -> None:
    """Three steps that build on each other, and one that does not."""
    world.cell("a", "a = order('a')")
    world.cell("other", "other = order('other')")
    world.cell("b", "b = order('b for ' + a)")
    world.cell("c", "c = len(b)\norder('c')")


def test_what_was_built_on_a_step_is_said(world: World) -> None:
    """Which steps, and how to undo them too."""
    chained(world)
    said = compensate(world, "a")
    assert "b, c were built on what it made: --chain undoes them first" in said
    assert undone() == ["a"]


def test_a_chain_is_undone_latest_first(world: World) -> None:
    """What was not built on it stays."""
    chained(world)
    said = compensate(world, "a", chain=True)
    assert "compensate c@4, b@3, a@1, in this order" in said
    assert undone() == ["c", "b for done a", "a"]
    assert world.last("other").status is Status.COMPLETED


def test_a_chain_goes_on_after_a_death(world: World) -> None:
    """The next process knows what is left, and does each once."""
    chained(world)
    ERRORS["undo done b for done a"] = KeyError("shop is closed")
    with pytest.raises(KeyError):
        compensate(world, "a", chain=True)
    restart(world)
    assert "compensate b@3, a@1" in compensate(world)
    assert undone() == ["c", "b for done a", "b for done a", "a"]
    with pytest.raises(UsageError, match="nothing is half undone"):
        compensate(world)


def test_all_of_a_run_is_undone_latest_first(world: World) -> None:
    """What several executions relied on once; what is undone already not again."""
    books(world, "a", "b")
    world.cell("b", "b = order('b')\nc = order('c')")
    compensate(world, "a")
    assert DONE == ["a", "b", "c", "undo done a"]
    compensate(world, all=True)
    assert undone() == ["a", "c", "b"]


def test_an_execution_is_not_restored_when_an_effect_of_it_was_undone(world: World) -> None:
    """Its effect was undone with another execution that relied on it: it does it again."""
    books(world, "a")
    world.cell("a", "a = order('a')\nb = order('b')")
    compensate(world, "a")
    books(world, "a")
    assert DONE == ["a", "b", "undo done b", "undo done a", "a"]
    assert world.reason


def test_function_steps_inside_are_undone_with_their_cell(world: World) -> None:
    """Each is a compensation of its own, in order."""
    world.plain("@duranb.step\ndef part(what): return order(what)")
    world.cell("s", "r = [part('a'), part('b'), order('c')]")
    compensate(world, "s")
    assert undone() == ["c", "b", "a"]
    world.cell("s", "r = [part('a'), part('b'), order('c')]")
    assert DONE[-3:] == ["a", "b", "c"]


def test_by_hand_only_records(world: World) -> None:
    """The user has undone it: nothing runs, and it counts as undone."""
    books(world, "a")
    compensate(world, "a", by_hand=True)
    assert undone() == []
    assert world.last("a").status is Status.COMPENSATED
    assert world.calls("a")[0].status is CallStatus.COMPENSATED


# -- on failure ----------------------------------------------------------------------------------

FAILS = "r = order('a'), order('b')\nraise KeyError('declined')"


def test_a_step_that_fails_undoes_what_it_did(world: World) -> None:
    """At its last attempt, in the cell, with the error of its own, which says so: once."""
    with pytest.raises(KeyError, match="declined") as caught:
        world.cell("s --on-failure compensate", FAILS)
    assert undone() == ["b", "a"]
    assert world.last("s").status is Status.COMPENSATED
    said = "duranb: s failed, and what it had done was undone: order('b'), order('a')"
    assert [note for note in caught.value.__notes__ if "undone" in note] == [said]
    assert not any("undone" in notice for notice in world.notices)


def test_without_the_option_a_failed_step_keeps_what_it_did(world: World) -> None:
    """It goes on from there when it is mended."""
    with pytest.raises(KeyError):
        world.cell("s", FAILS)
    assert undone() == []


@pytest.mark.parametrize("moment", ["before", "during"])
def test_a_death_in_the_middle_is_finished_and_the_failure_stands(
    world: World, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run of the step undoes the rest, once, and ends as it would have ended."""
    if moment == "during":
        ERRORS["undo done b"] = KeyError("shop is closed")
        with pytest.raises(KeyError, match="declined") as caught:
            world.cell("s --on-failure compensate", FAILS)
        assert "undoing what it had done stopped too" in caught.value.__notes__[-1]
    else:
        with monkeypatch.context() as patch:
            patch.setattr(saga, "begin", lambda *given: (_ for _ in ()).throw(Killed()))
            with pytest.raises(Killed):
                world.cell("s --on-failure compensate", FAILS)
    restart(world)
    with pytest.raises(StepError, match=r"had failed .KeyError: 'declined'"):
        world.cell("s --on-failure compensate", FAILS)
    assert undone() == ["b", "b", "a"] if moment == "during" else ["b", "a"]
    world.cell("s --on-failure compensate", "r = order('a')")
    assert DONE[-1] == "a"


def test_a_function_step_undoes_what_it_did(world: World) -> None:
    """Those of a script, too."""

    @duranb.step(on_failure="compensate")
    def work(what: str) -> None:
        duranb.call(do, what, compensate=lambda receipt: do("undo " + receipt))
        raise ValueError("declined")

    with pytest.raises(ValueError, match="declined"):
        work("a")
    assert undone() == ["a"]


def test_what_on_failure_takes_is_checked() -> None:
    """There is one thing that it can do."""
    with pytest.raises(UsageError, match="on_failure takes 'compensate'"):
        duranb.step(on_failure="undo")


# -- what an undo prints -------------------------------------------------------------------------


def test_what_an_undo_prints_is_shown_and_kept(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the cell at once, and with the compensation for later."""
    world.plain("def cancel(receipt):\n    print('refunded', receipt)\n    return 7")
    books(world, "a")
    said = compensate(world, "a")
    assert "undo order('done a') gave 7" in said
    assert capsys.readouterr().out == "refunded done a\n"
    kept = world.runtime.store.get(world.last("compensate a").messages)
    assert b"refunded done a" in bytes(kept)
    for reference in ("a", "compensate a"):
        shown = show.view(world.history, reference, world.store).text()
        assert "undo order('done a')" in shown
        assert "printed: refunded done a" in shown


def test_what_a_cell_undid_is_done_again(world: World) -> None:
    """The effects of a step that a cell has undone do not come from the journal any more."""
    books(world, "a")
    world.runtime.record(e.CompensationRegistered(step="a", source="do('undo ' + a)"))
    compensate(world, "a")
    books(world, "a")
    assert DONE == ["a", "undo done a", "a"]


def test_what_is_half_undone_is_said(world: World) -> None:
    """With the words that go on with it, and those that settle a doubt."""
    books(world, "a")
    ERRORS["undo done a"] = TimeoutError()
    with pytest.raises(InDoubt):
        compensate(world, "a")
    told = needs(world.history)
    assert "compensate a --happened [RESULT] | --not-happened" in told[0]
    assert told[1].endswith("%duranb compensate")
    compensate(world, "a", happened=True)
    assert needs(world.history) == []


def test_what_an_execution_carried_out_is_its_own_whoever_began_it(world: World) -> None:
    """An idempotent effect that one process began and the next one repeated is undone with the
    execution that did it."""
    world.plain("def ordered(what): return do(what)")
    body = "r = duranb.call(ordered, 'a', idempotent=True, compensate=cancel)"
    ERRORS["a"] = Killed()
    with pytest.raises(Killed):
        world.cell("s", body)
    restart(world)
    world.plain("def ordered(what): return do(what)")
    with pytest.raises(KeyError):
        world.cell("s", f"{body}\nraise KeyError()")
    compensate(world, "s")
    assert undone() == ["a"]
    assert world.last("s").status is Status.COMPENSATED
