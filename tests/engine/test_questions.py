"""Questions to people: what they take, who answered, when it is too late, and several at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import duranb
from duranb.engine import inbox, waits
from duranb.engine.claim import now_us
from duranb.errors import Expired, Untrusted, UsageError, Waiting
from duranb.record import events as e
from duranb.record.model import CallStatus, Status
from duranb.record.question import decode
from tests.engine.world import Model, World

TRIP = """
from typing import Literal
from pydantic import BaseModel, Field, field_validator
class Trip(BaseModel):
    to: str
    seats: int = Field(ge=1, le=9)
    cabin: Literal['economy', 'business'] = 'economy'
    @field_validator('to')
    @classmethod
    def not_home(cls, to):
        if to == 'home':
            raise ValueError('that is here')
        return to
"""


@pytest.fixture(autouse=True)
def _soon_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "QUIET", 0.3)


def answer(world: World, value: object, call: int = 1, **more: Any) -> None:
    world.runtime.record(e.Answered(call=call, value=value, **more))


def asked(world: World, source: str) -> str:
    """Run a cell that asks; what it says it waits for."""
    with pytest.raises(Waiting) as stopped:
        world.cell("s", source)
    return stopped.value.message


FITS = [
    ("str", "3", "3"),
    ("str", 3, "3"),
    ("int", "3", 3),
    ("int", 3, 3),
    ("float", 3, 3.0),
    ("bool", "yes", True),
    ("bool", "off", False),
    ("choices=['a', 'b']", "A", "a"),
    ("choices=[1, 2]", 2, 2),
    ("choices=['a', 'b', 'c'], several=True", "a, c", ["a", "c"]),
    ("choices=['a', 'b', 'c'], several=True", ["b"], ["b"]),
    ("list[int]", "1,2", [1, 2]),
    ("int | None", "", None),
]


@pytest.mark.parametrize(("schema", "given", "value"), FITS)
def test_an_answer_is_what_the_question_takes(
    world: World, schema: str, given: object, value: object
) -> None:
    """Typed words stand for what the schema has."""
    asked(world, f"y = duranb.ask('How?', {schema})")
    answer(world, given)
    world.cell("s", f"y = duranb.ask('How?', {schema})")
    assert world.live["y"] == value and type(world.live["y"]) is type(value)


MISFITS = [
    ("int", "many", "a whole number"),
    ("int", 2.5, "a whole number"),
    ("bool", "perhaps", "yes or no"),
    ("choices=['a', 'b']", "c", "one of: a, b"),
    ("choices=['a', 'b'], several=True", ["a", "c"], "each item one of: a, b"),
    ("choices=['a', 'b'], several=True", ["a", "a"], "non-unique"),
]


@pytest.mark.parametrize(("schema", "given", "expected"), MISFITS)
def test_an_answer_that_does_not_fit_leaves_the_question_open(
    world: World, schema: str, given: object, expected: str
) -> None:
    """It says what is expected, and a better answer is taken."""
    cell = f"y = duranb.ask('How?', {schema})"
    assert expected.replace("non-unique", "each item") in asked(world, cell)
    answer(world, given)
    told = asked(world, cell)
    assert "was not taken" in told and expected in told
    assert world.calls()[0].status is CallStatus.INTENDED


def test_a_model_is_a_form_and_the_answer_one_of_it(world: World) -> None:
    """Defaults are filled in, and the model's own validators have their say."""
    world.plain(TRIP)
    cell = "trip = duranb.ask('Where to?', Trip)"
    told = asked(world, cell)
    assert "to: text" in told and "seats: a whole number (at least 1, at most 9)" in told
    assert "cabin (may be left out): one of: economy, business" in told
    answer(world, {"to": "Oslo", "seats": 10})
    assert "greater than the maximum of 9" in asked(world, cell)
    answer(world, {"to": "home", "seats": 2})
    assert "that is here" in asked(world, cell)
    answer(world, {"to": "Oslo", "seats": 2})
    world.cell("s", cell)
    trip = world.live["trip"]
    assert type(trip) is world.live["Trip"] and trip.cabin == "economy"
    world.start()
    world.plain(TRIP)
    world.cell("s", cell)
    assert world.live["trip"].seats == 2


def test_what_is_asked_can_be_read_without_the_code(world: World) -> None:
    """Its schema and its payload lie in the store."""
    asked(world, "y = duranb.ask('Send it?', approve={'to': 'ann', 'text': 'x' * 5000})")
    question = decode(world.store.get(world.calls()[0].question))
    assert question.payload["text"] == "x" * 5000 and question.approves


APPROVE = "mail = {'to': 'ann', 'text': 'Hi'}\ny = duranb.ask('Send it?', approve=mail)"


@pytest.mark.parametrize(
    ("given", "verdict", "payload"),
    [
        ("approve", "approved", {"to": "ann", "text": "Hi"}),
        ("deny", "denied", {"to": "ann", "text": "Hi"}),
        ({"edit": {"to": "bob", "text": ""}}, "edited", {"to": "bob", "text": ""}),
    ],
)
def test_a_payload_is_approved_edited_or_denied(
    world: World, given: object, verdict: str, payload: object
) -> None:
    """It is shown whole; the answer says by whom and why, and is false where it was denied."""
    assert '"text": "Hi"' in asked(world, APPROVE)
    answer(world, given, by="ann", why="because", at=1_000_000)
    world.cell("s", APPROVE)
    said = world.live["y"]
    assert (said.verdict, said.payload, said.by, said.why) == (verdict, payload, "ann", "because")
    assert bool(said) == (verdict != "denied") and said.at.year == 1970


def test_an_edited_payload_is_of_its_own_type(world: World) -> None:
    """A pydantic model comes back as one, and an edit that is none is not taken."""
    world.plain(TRIP)
    cell = "y = duranb.ask('Book it?', approve=Trip(to='Oslo', seats=2))"
    asked(world, cell)
    answer(world, {"edit": {"to": "Rome"}})
    assert "was not taken" in asked(world, cell)
    answer(world, {"edit": {"to": "Rome", "seats": 1}})
    world.cell("s", cell)
    assert world.live["y"].payload == world.live["Trip"](to="Rome", seats=1)


def test_another_payload_is_another_question(world: World) -> None:
    """What was approved is never taken for what was not seen."""
    asked(world, APPROVE)
    answer(world, "approve")
    asked(world, APPROVE.replace("'Hi'", "'You are fired'"))
    assert [c.status for c in world.calls()] == [CallStatus.INTENDED] * 2


REFUSED = [
    ("int, choices=[1]", "one of them"),
    ("choices=[]", "no choices"),
    ("several=True", "goes with choices="),
    ("int, approve='x'", "takes no schema"),
    ("approve=object()", "cannot be shown whole"),
    ("type('X', (), {})", "cannot make a form"),
    ("int, default='many'", "a whole number"),
    ("deadline='soon'", "not 'soon'"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_what_cannot_be_asked_is_refused(world: World, arguments: str, message: str) -> None:
    """Before anybody is asked."""
    with pytest.raises(UsageError, match=message):
        world.cell("s", f"y = duranb.ask('How?', {arguments})")
    assert not world.calls()


# -- corrections, and who it was -----------------------------------------------------------------


def test_an_answer_can_be_corrected_before_it_is_used(world: World, tmp_path: Path) -> None:
    """The latest one holds, whichever way it came."""
    world.runtime.inbox = tmp_path
    cell = "y = duranb.ask('How many?', int)"
    asked(world, cell)
    answer(world, 3)
    for value in (4, 5):
        posted = e.Answered(call=1, value=value, by="bob", why="counted", at=now_us())
        inbox.post_answer(tmp_path, world.history, posted)
    world.cell("s", cell)
    assert world.live["y"] == 5
    assert "5 (bob, counted)" in world.calls()[0].preview
    assert not list((tmp_path / inbox.ANSWERS).iterdir())


def test_an_answer_of_an_earlier_version_is_taken(world: World, tmp_path: Path) -> None:
    """It said nothing but the value."""
    world.runtime.inbox = tmp_path
    asked(world, "y = duranb.ask('Go?')")
    folder = tmp_path / inbox.ANSWERS
    folder.mkdir()
    signature = inbox._sign("run 1 Go?", '"yes"')
    (folder / "1.json").write_text(f'{{"answer": "\\"yes\\"", "signature": "{signature}"}}')
    world.cell("s", "y = duranb.ask('Go?')")
    assert world.live["y"] == "yes"


def test_an_answer_of_somebody_else_is_not_used(world: World, tmp_path: Path) -> None:
    """Nor one that was changed, or that another question was given."""
    world.runtime.inbox = tmp_path
    asked(world, "y = duranb.ask('Go?')")
    inbox.post_answer(tmp_path, world.history, e.Answered(call=1, value=False))
    file = tmp_path / inbox.ANSWERS / "1.json"
    file.write_text(file.read_text().replace("false", "true"))
    with pytest.raises(Untrusted, match="was not given to question 1 by you"):
        world.cell("s", "y = duranb.ask('Go?')")


# -- deadlines and defaults ----------------------------------------------------------------------


def test_a_deadline_is_kept_over_restarts(world: World) -> None:
    """It is counted from when the question was asked, and long ones stop the step meanwhile."""
    cell = "y = duranb.ask('Go?', deadline=3600, default='no')"
    assert "until" in asked(world, cell)
    first = world.calls()[0].until
    world.start()
    asked(world, cell)
    assert world.calls()[0].until == first and first > now_us()


def test_after_the_deadline_the_default_is_the_answer(world: World) -> None:
    """And not before, even where nobody is there."""
    world.cell("s", "y = duranb.ask('Go?', bool, deadline=0.1, default=False)")
    assert world.live["y"] is False


def test_without_a_default_the_deadline_is_an_error_that_code_can_catch(world: World) -> None:
    """It is recorded: an answer that comes later changes nothing."""
    cell = (
        "try:\n    y = duranb.ask('Go?', deadline=0.1)\nexcept duranb.Expired as late:\n    y = 0"
    )
    world.cell("s", cell)
    assert world.live["y"] == 0 and world.calls()[0].status is CallStatus.COMPLETED
    answer(world, "yes")
    with pytest.raises(Expired, match="nobody answered question 1 of step 's'"):
        world.cell("s", "y = duranb.ask('Go?', deadline=0.1)")


# -- several at once -----------------------------------------------------------------------------

BOTH = "a, b = await asyncio.gather(duranb.ask('One?', int), duranb.ask('Two?', int))"


def test_several_questions_are_all_asked_at_once(world: World) -> None:
    """The step stops with all of them, and each keeps its answer."""
    world.plain("import asyncio")
    told = asked(world, BOTH)
    assert "waits for 2 things" in told and "One?" in told and "Two?" in told
    answer(world, 1, call=1)
    assert "One?" not in asked(world, BOTH)
    answer(world, 2, call=2)
    world.cell("s", BOTH)
    assert (world.live["a"], world.live["b"]) == (1, 2)


def test_threads_ask_at_once_as_well(world: World) -> None:
    """As jobs of a gather, or items of a map."""
    cell = "y = duranb.gather(lambda: duranb.ask('One?'), lambda: duranb.ask('Two?'))"
    assert "waits for 2 things" in asked(world, cell)
    many = asked(world, "z = duranb.map(lambda n: duranb.ask(f'{n}?'), range(3))")
    assert "waits for 3 things" in many


def test_what_does_not_need_the_answer_goes_on(world: World, model: Model) -> None:
    """Until nothing else of the step goes on; then it stops."""
    world.plain("import asyncio\nasync def work():\n    return [await aask(n) for n in range(5)]\n")
    model.delay = 0.05
    cell = "a, b = await asyncio.gather(duranb.ask('Go?'), work())"
    asked(world, cell)
    assert len(model.paid) == 5
    answer(world, "yes")
    world.cell("s", cell)
    assert len(model.paid) == 5 and world.live["a"] == "yes"


def test_a_question_that_was_not_awaited_is_no_answer(world: World) -> None:
    """Whoever takes it for one is told to await it."""
    for use in ("if y: pass", "y == 'no'", "f'{y}'", "y + 1", "[*y]"):
        with pytest.raises(UsageError, match=r"await duranb\.ask\('Go\?'\)"):
            world.cell("s", f"await duranb.asleep(0)\ny = duranb.ask('Go?')\n{use}")
    with pytest.raises(UsageError, match="asked nobody"):
        world.cell("s", "await duranb.asleep(0)\ny = duranb.ask('Go?')\nz = 1")


# -- somebody is there ---------------------------------------------------------------------------


class Page:
    """A page that shows questions."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.problems: list[str] = []
        self.closed: list[str] = []
        self.is_dead = False

    def show(self, call: int, question: Any, until: int) -> Page:
        self.shown.append(question.text)
        return self

    def problem(self, text: str) -> None:
        self.problems.append(text)

    def settle(self, text: str) -> None:
        self.closed.append(text)


def on_page(world: World) -> Page:
    page = Page()
    world.runtime.settings.headless = False
    world.runtime.settings.show = page.show
    return page


def when(condition: Callable[[], bool], do: Callable[[], None]) -> threading.Thread:
    """Do something from another thread once a condition holds."""

    def wait() -> None:
        while not condition():
            threading.Event().wait(0.01)
        do()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_step_waits_in_its_process_where_somebody_is_there(world: World) -> None:
    """It counts as waiting, the question is shown, and it goes on once it is answered."""
    page = on_page(world)
    seen: list[Any] = []

    def act() -> None:
        seen.extend(world.history.waits_for(world.last("s").id))
        answer(world, "many")
        while not page.problems:
            threading.Event().wait(0.01)
        answer(world, 4, by="ann")

    thread = when(lambda: bool(page.shown), act)
    world.cell("s", "y = duranb.ask('How many?', int)")
    thread.join()
    assert world.live["y"] == 4 and [c.preview for c in seen] == ["How many?"]
    assert "a whole number" in page.problems[0]
    assert page.closed == ["✓ How many? → 4 (ann)"]


def test_several_are_shown_at_once(world: World) -> None:
    """And other tasks go on meanwhile."""
    page = on_page(world)
    world.plain("import asyncio")

    def act() -> None:
        for call, question in ((c.id, c.preview) for c in world.calls()):
            answer(world, {"One?": 1, "Two?": 2}[question], call=call)

    thread = when(lambda: len(page.shown) == 2, act)
    world.cell("s", BOTH)
    thread.join()
    assert (world.live["a"], world.live["b"]) == (1, 2)


def test_what_is_typed_has_to_fit(world: World) -> None:
    """It is asked for again, with what is expected."""
    typed = iter(["many", "4"])
    prompts: list[str] = []
    world.runtime.settings.headless = False
    world.runtime.settings.prompt = lambda text: prompts.append(text) or next(typed)
    world.cell("s", "y = duranb.ask('How many?', int)")
    assert world.live["y"] == 4
    assert prompts[0] == "How many?\nit takes a whole number\nHow many?"
    assert "not of type" in prompts[1]
    assert world.history.answers[1].by == inbox.who()


def test_a_page_that_cannot_answer_leaves_it_to_the_keyboard(world: World) -> None:
    """A front end without a way into a busy kernel."""
    page = on_page(world)
    page.is_dead = True
    world.runtime.settings.prompt = lambda text: "yes"
    world.cell("s", "y = duranb.ask('Go?', bool)")
    assert world.live["y"] is True


def test_stop_ends_the_wait(world: World) -> None:
    """The question is open, and asked again by the next run."""
    page = on_page(world)

    async def stop() -> None:
        task = asyncio.create_task(world.acell("s", "y = await duranb.wait_for('x')"))
        while not world.calls():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    world.runtime.settings.is_attended = lambda: True
    asyncio.run(stop())
    assert world.last("s").status is Status.CANCELLED and not page.shown


# -- outside events ------------------------------------------------------------------------------


def signal(world: World, name: str, value: object, ident: str) -> None:
    world.runtime.record(e.Signalled(name=name, value=value, id=ident))


def test_a_wait_gets_the_signal_of_its_name(world: World) -> None:
    """It stops the step until one comes, and says how to send it."""
    cell = "y = duranb.wait_for('paid')"
    assert "the signal 'paid'\n  duranb signal NOTEBOOK paid [VALUE]" in asked(world, cell)
    assert world.last("s").status is Status.WAITING
    signal(world, "other", 1, "a")
    asked(world, cell)
    signal(world, "paid", {"amount": 3}, "b")
    world.cell("s", cell)
    assert world.live["y"] == {"amount": 3}
    world.start()
    world.cell("s", cell)
    assert world.live["y"] == {"amount": 3}


def test_signals_are_kept_and_each_answers_one_wait(world: World) -> None:
    """In the order in which they came, over steps; the same one twice counts once."""
    for ident, value in (("a", 1), ("b", 2), ("b", 2), ("c", 3)):
        signal(world, "n", value, ident)
    world.cell("s", "x = [duranb.wait_for('n'), duranb.wait_for('n')]")
    world.cell("t", "y = duranb.wait_for('n')")
    assert (world.live["x"], world.live["y"]) == ([1, 2], 3)
    with pytest.raises(Waiting):
        world.cell("u", "z = duranb.wait_for('n')")


def test_waits_at_once_do_not_share_a_signal(world: World) -> None:
    """Each gets one of its own."""
    for ident in "abcd":
        signal(world, "n", ident, ident)
    world.cell("s", "y = duranb.map(lambda n: duranb.wait_for('n'), range(4))")
    assert sorted(world.live["y"]) == ["a", "b", "c", "d"]


def test_a_signal_that_is_put_there_again_answers_nothing(world: World, tmp_path: Path) -> None:
    """Somebody who kept the file of one, from a backup or an archive, has no other one by it."""
    world.runtime.inbox = tmp_path
    inbox.post_signal(tmp_path, world.history, "paid", 3, "bob")
    (file,) = (tmp_path / "signals").iterdir()
    kept = file.read_bytes()
    world.cell("s", "first = duranb.wait_for('paid')")
    assert world.live["first"] == 3 and not file.exists()
    file.write_bytes(kept)
    with pytest.raises(Waiting):
        world.cell("t", "second = duranb.wait_for('paid')")
    file.with_name(f"{file.stem[:-1]}x.json").write_bytes(kept)
    with pytest.raises(Untrusted, match="was not sent to this run by you"):
        world.cell("t", "second = duranb.wait_for('paid')")
    assert "second" not in world.live


def test_signals_are_posted_by_other_processes(world: World, tmp_path: Path) -> None:
    """Signed, taken in once in their order, and removed."""
    world.runtime.inbox = tmp_path
    for value in (1, 2):
        inbox.post_signal(tmp_path, world.history, "n", value, "bob")
    world.cell("s", "y = [duranb.wait_for('n'), duranb.wait_for('n')]")
    assert world.live["y"] == [1, 2] and world.history.answers[1].by == "bob"
    assert not list((tmp_path / inbox.SIGNALS).iterdir())
    inbox.post_signal(tmp_path, world.history, "n", 3, "bob")
    file = next((tmp_path / inbox.SIGNALS).iterdir())
    file.write_text(file.read_text().replace("3", "4"))
    with pytest.raises(Untrusted, match="was not sent to this run by you"):
        world.cell("t", "z = duranb.wait_for('n')")


def test_a_wait_ends_at_its_timeout(world: World) -> None:
    """With the default, or an error."""
    world.cell("s", "y = duranb.wait_for('n', timeout=0.1, default=7)")
    assert world.live["y"] == 7
    with pytest.raises(Expired, match="no signal 'm' came"):
        world.cell("t", "z = duranb.wait_for('m', timeout=0.1)")
    assert not world.history.taken


def test_a_wait_belongs_into_a_step() -> None:
    """Outside of one it is refused."""
    with pytest.raises(UsageError, match="%%durable"):
        duranb.wait_for("n")
