"""A verb is declared once, and every surface has it from there."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import click
import msgspec
import pytest
from click.testing import CliRunner

from duranb.cli.main import cli
from duranb.engine.runtime import Settings
from duranb.errors import UsageError
from duranb.jupyter.magics import DuranbMagics, await_verbs
from duranb.session.change import Change
from duranb.session.reader import open_reader
from duranb.session.session import Session, current
from duranb.store import store_path
from duranb.timelines import wire
from duranb.timelines.model import Model
from duranb.timelines.requests import Requests
from duranb.verbs import table
from duranb.verbs.declaration import Argument, Changes, Live, Option, parameters, unchanged
from duranb.verbs.parser import command, parse
from duranb.verbs.table import VERBS, Decrypt, Encrypt


class Replay(table.Replay, frozen=True):
    """As it is, with one option more."""

    handler = "tests.unit.test_verbs:replay"

    slowly: Annotated[bool, Option("--slowly", "One cell a minute.")] = False


def replay(session: Session, given: Replay) -> Change:
    """A change that says what it was given."""

    async def apply() -> str:
        return "done"

    return Change("replay", f"replay {given.step}", (f"slowly: {given.slowly}",), apply)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """``replay`` has an option ``--slowly``: nothing but its declaration is another one."""
    monkeypatch.setitem(VERBS, "replay", Replay)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """An open session without cells."""
    notebook = tmp_path / "a.ipynb"
    notebook.write_text("{}")
    opened = Session.open(notebook, store_path(notebook), {}, Settings(check=False))
    yield opened
    opened.close()


def no(*args: object) -> Any:
    """Nobody is asked, and there is no timeline."""
    raise AssertionError("not in this test")


def words(verb: str, *given: str) -> Any:
    """A verb as words give it to the magic, and what else it is given."""
    made = command(VERBS[verb], lambda verb, **more: (verb, more), shell=False, before="%duranb")
    return parse(made, f"%duranb {verb}", list(given))


@pytest.mark.usefixtures("slowly")
def test_option_appears_in_the_magic(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    """``%duranb replay`` takes it, hands it to what carries the verb out, and tells of it."""
    magics = DuranbMagics(None, lambda: session, no, no, no)
    running: Any = magics.duranb("replay one --slowly --dry-run")
    with pytest.raises(StopIteration):
        running.send(None)
    assert "slowly: True" in capsys.readouterr().out
    helped: Any = magics.duranb("replay --help")
    helped.close()
    assert "One cell a minute." in capsys.readouterr().out


@pytest.mark.usefixtures("slowly")
def test_option_appears_on_the_command_line(session: Session) -> None:
    """``duranb replay`` takes it, hands it on, and tells of it."""
    session.close()
    runner = CliRunner()
    shown = runner.invoke(cli, ["replay", str(session.notebook), "one", "--slowly", "--dry-run"])
    assert "slowly: True" in shown.output
    assert "One cell a minute." in runner.invoke(cli, ["replay", "--help"]).output


@pytest.mark.usefixtures("slowly")
def test_option_appears_in_the_method(session: Session) -> None:
    """``duranb.current().replay`` has it in its signature, and takes it."""
    method: Any = current().replay
    assert inspect.signature(method).parameters["slowly"].default is False
    assert method("one", slowly=True).lines == ("slowly: True",)
    with pytest.raises(TypeError):
        method("one", quickly=True)


@pytest.mark.usefixtures("slowly")
def test_option_appears_in_the_timelines_protocol(session: Session) -> None:
    """The front end can ask for it, and for nothing that is not declared."""
    requests = Requests(session, Model(session.history, session.lock), no)

    def ask(**arguments: object) -> dict[str, Any]:
        told: list[dict[str, Any]] = []
        requests.answer(
            {"id": 1, "verb": "preview", "do": "replay", "arguments": arguments}, told.append
        )
        answer: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(told[0]))
        return answer

    assert ask(step="one", slowly=True)["result"]["lines"] == ["slowly: True"]
    assert "quickly" in ask(step="one", quickly=True)["error"]


def test_option_appears_in_the_front_ends_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generated TypeScript has it."""
    assert "slowly" not in wire.typescript()
    monkeypatch.setitem(VERBS, "replay", Replay)
    assert "  slowly?: boolean;" in wire.typescript()


@pytest.mark.parametrize("verb", VERBS.values(), ids=list(VERBS))
def test_every_verb_says_what_it_does_and_takes(verb: type[table.Verb]) -> None:
    """Each has a sentence of help; so has each argument and option of it."""
    assert verb.help().partition("\n\n")[0].endswith(".")
    assert all(each.said.help for each in parameters(verb))


@pytest.mark.parametrize("verb", [v for v in VERBS.values() if v.handler], ids=str)
def test_every_verb_is_carried_out_by_the_application(verb: type[table.Verb]) -> None:
    """What a declaration names is there, and stands where any surface may call it."""
    assert verb.handler.startswith(("duranb.session.", "duranb.views."))
    assert callable(verb.resolve_handler())


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["--from", "one", "--with", "a=[1]", "--with", "b=c == d"],
         table.Replay(from_="one", with_={"a": "[1]", "b": "c == d"})),
        ([], table.Replay()),
        (["one", "--live"], table.Replay("one", live=True)),
    ],
)  # fmt: skip
def test_words_become_the_verb(given: list[str], meant: table.Replay) -> None:
    """What is typed is what was meant, with defaults for the rest."""
    assert words("replay", *given) == (meant, {"dry_run": False, "yes": False})


@pytest.mark.parametrize(
    ("given", "happened"),
    [(["--happened"], True), (["--happened", "{'a': 1}"], "{'a': 1}"), (["--not-happened"], False)],
)
def test_happened_may_have_a_result(given: list[str], happened: object) -> None:
    """``--happened`` stands alone, or with the expression of what was returned."""
    assert words("resolve", "one", *given)[0].happened == happened


@pytest.mark.parametrize(
    ("given", "value"), [("yes please", "yes please"), ("-3", -3), ('{"a": [1]}', {"a": [1]})]
)
def test_answers_are_json_or_text(given: str, value: object) -> None:
    """An answer in a notebook is all that is left of the line; JSON is taken as that."""
    split = given.split() if "{" not in given else [given]
    assert words("answer", "17", *split)[0] == table.Answer(17, value)


@pytest.mark.parametrize(
    ("verb", "given", "said"),
    [
        ("fork", [], "Missing argument 'NAME'"),
        ("rewind", ["one", "--bad"], "No such option:? '?--bad"),
        ("replay", ["one", "--with", "3=4"], "--with takes NAME=EXPR"),
        ("log", ["-n", "0"], "not in the range"),
    ],
)
def test_wrong_words_are_one_sentence(verb: str, given: list[str], said: str) -> None:
    """What is wrong, and how the verb is written."""
    with pytest.raises(UsageError, match=said):
        words(verb, *given)


@pytest.mark.parametrize(
    ("line", "harmless"),
    [
        ("", True), ("status", True), ("rewind one", True), ("rewind one --compensate", False),
        ("replay one", False), ("resolve one --happened x", False), ("nonsense", False),
    ],
)  # fmt: skip
def test_what_runs_the_users_code_is_declared(line: str, harmless: bool) -> None:
    """A cell that only looks or moves is known to touch no variable by itself."""
    assert table.runs_no_code(line) is harmless


def test_only_changes_are_awaited() -> None:
    """A verb that may run cells is awaited where IPython wrote its magic out."""
    lines = [f"get_ipython().run_line_magic('duranb', '{v} x')\n" for v in ("replay", "show")]
    awaited, plain = await_verbs(lines)
    assert awaited.startswith("await get_ipython()") and plain == lines[1]


def test_changes_have_dry_run_and_yes_on_the_command_line() -> None:
    """Whatever changes something can be tried, and can be done unasked; what is about the kernel's
    own process is no command."""
    context = click.Context(cli)
    for word, verb in VERBS.items():
        made = cli.get_command(context, word)
        assert (made is None) == issubclass(verb, Live)
        if made is None:
            continue
        flags = {flag for each in made.params for flag in each.opts}
        # These write a store anew that nobody has open: no change that a session could make.
        changes = issubclass(verb, Changes | Encrypt | Decrypt)
        assert changes == {"--dry-run", "--yes"}.issubset(flags)


def test_fields_that_are_no_words_are_refused() -> None:
    """A declaration that forgets to say what a field is, is found at once."""

    class Silent(Changes, frozen=True):
        """Says nothing of its field."""

        step: str = ""

    with pytest.raises(TypeError, match=r"Silent\.step"):
        parameters(Silent)
    assert isinstance(parameters(table.Rewind)[0].said, Argument)


def test_a_shell_can_move_a_notebook_that_is_closed(session: Session) -> None:
    """A branch is begun and left from outside; the notebook has not come back by that."""
    session.close()
    runner, notebook = CliRunner(), str(session.notebook)
    forked = runner.invoke(cli, ["fork", notebook, "idea", "--yes"])
    assert "on branch idea" in forked.output
    asked = runner.invoke(cli, ["switch", notebook, "main"], input="n\n")
    assert "nothing was changed" in asked.output
    with open_reader(session.notebook) as reader:
        assert reader.history.branch == "idea"
        assert len(reader.history.sessions) == 1


def test_a_shell_leaves_an_open_notebook_alone(session: Session) -> None:
    """Where a kernel has the store open, its own magic is the way."""
    refused = CliRunner().invoke(cli, ["fork", str(session.notebook), "idea", "--yes"])
    assert refused.exit_code == 1 and "process" in refused.output


def test_what_runs_cells_is_refused_in_a_shell(session: Session) -> None:
    """A verb that needs the notebook's cells says so, in one sentence."""
    session.close()
    refused = CliRunner().invoke(cli, ["replay", str(session.notebook), "--stale", "--yes"])
    assert refused.exit_code == 2 and "use it in the notebook" in refused.output


def test_a_verb_that_always_asks_says_how_to_say_yes() -> None:
    """``--yes`` is not enough for it, and where nobody can answer it says where one can."""
    assert unchanged(table.Trust(), yes=False) == "nothing was changed"
    assert "duranb trust NOTEBOOK" in unchanged(table.Trust(), yes=True)
    assert "--yes" in unchanged(table.Fork("idea"), yes=False)
