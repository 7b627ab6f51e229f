"""The verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from duranb.verbs.declaration import (
    Acts,
    Argument,
    Changes,
    Live,
    Looks,
    OnFiles,
    Option,
    Verb,
    parameters,
)
from duranb.verbs.headless import Import, Resume, Run, Test

Step = Annotated[str, Argument("STEP", "A step, or one execution of it: STEP@ID.")]
Branch = Annotated[str, Argument("NAME", "The branch.")]
Out = Annotated[Path | None, Option("-o", "The file to write; else standard output.", "FILE")]


class Status(Looks, frozen=True):
    """Where the notebook stands: its steps, what they cost and saved, what waits for you."""

    handler = "duranb.views.verbs:status"


class Log(Looks, frozen=True):
    """The history as sentences, newest last."""

    handler = "duranb.views.verbs:log"
    example = "-n 100"

    n: Annotated[int, Option("-n", "How many lines.", "LINES", least=1)] = 30


class Show(Looks, frozen=True):
    """Everything about a step: its code, why it ran, inputs, outputs, attempts and calls."""

    handler = "duranb.views.verbs:show"
    example = "analyse"

    step: Step


class Diff(Looks, frozen=True):
    """What differs between two executions."""

    handler = "duranb.views.verbs:diff"
    example = "analyse@3 analyse@9"

    a: Annotated[str, Argument("FIRST", "A step, or one execution of it: STEP@ID.")]
    b: Annotated[str, Argument("SECOND", "The one to compare it with.")]


class Timeline(OnFiles, frozen=True):
    """The timeline: live in the notebook, or as one HTML file that needs nothing else."""

    example = "-o agent.html"

    out: Annotated[Path | None, Option("-o", "The HTML file to write.", "FILE", required=True)] = (
        None
    )


class Rewind(Changes, frozen=True):
    """Bring every variable back to what it was after a step, or at the head of the history.

    No cell runs, and nothing is lost: the executions since stay in the history.
    """

    handler = "duranb.session.moving:rewind"
    example = "analyse --before"

    step: Step = ""
    before: Annotated[bool, Option("--before", "To the state that the step started from.")] = False
    compensate: Annotated[
        bool, Option("--compensate", "Also undo what was done since, latest first.", runs_code=True)
    ] = False


class Replay(Changes, frozen=True):
    """Run a recorded step again, with its inputs as recorded.

    Its calls are answered from the journal; its effects are not done again.
    """

    handler = "duranb.session.replaying:replay"
    example = "analyse --with limit=20"
    runs_code = True

    step: Step = ""
    from_: Annotated[str, Option("--from", "This step and what follows from it.", "STEP")] = ""
    stale: Annotated[bool, Option("--stale", "All steps whose inputs have changed.")] = False
    live: Annotated[bool, Option("--live", "Make its calls anew, and pay for them.")] = False
    with_: Annotated[
        dict[str, str],
        Option("--with", "Another value for an input, as an expression.", "NAME=EXPR"),
    ] = {}


class Fork(Changes, frozen=True):
    """Begin a branch after a step, or at the head, and stand on it."""

    handler = "duranb.session.moving:fork"
    example = "idea --at analyse"

    name: Branch
    at: Annotated[str, Option("--at", "The step after which it begins.", "STEP")] = ""


class Switch(Changes, frozen=True):
    """Stand on another branch, at its head."""

    handler = "duranb.session.moving:switch"
    example = "main"

    name: Branch


class Compensate(Changes, frozen=True):
    """Undo what a step did to the outside world, with the inputs and outputs recorded then.

    Without a step: go on with an undoing that did not come to its end.
    """

    handler = "duranb.session.compensation:compensate"
    example = "publish --chain"
    runs_code = True

    step: Step = ""
    chain: Annotated[
        bool, Option("--chain", "Also the later steps that were built on it, latest first.")
    ] = False
    all: Annotated[bool, Option("--all", "All that this run did, latest first.")] = False
    happened: Annotated[
        bool | str,
        Option(
            "--happened",
            "What is in doubt happened, and returned this expression: undo it too.",
            "RESULT",
        ),
    ] = False
    not_happened: Annotated[
        bool, Option("--not-happened", "What is in doubt did not happen: undo the rest.")
    ] = False
    by_hand: Annotated[
        bool, Option("--by-hand", "You have undone it yourself: only record that.")
    ] = False


class Resolve(Changes, frozen=True):
    """Say what became of a step's effect whose outcome was never recorded."""

    handler = "duranb.session.resolving:resolve"
    example = "publish --not-happened"
    runs_code = True

    step: Step
    happened: Annotated[
        bool | str, Option("--happened", "It happened, and returned this expression.", "RESULT")
    ] = False
    not_happened: Annotated[
        bool, Option("--not-happened", "It did not: the next run of the step does it.")
    ] = False
    compensate: Annotated[
        bool, Option("--compensate", "Undo it; the next run of the step does it again.")
    ] = False


class Trust(Changes, frozen=True):
    """Stand for a store that somebody else wrote or changed: it is loaded and run from then on.

    It says first what is in it, and always asks.
    """

    handler = "duranb.session.trusting:trust"
    always_asks = True


class Scan(Looks, frozen=True):
    """Find secrets that lie in the store, and say where: in which step, event or variable.

    Looked for are the credentials of the environment, and keys of well-known forms; in the stores
    of the notebook's many runs, too. Nothing is changed, and no secret is shown. Exit code 0: there
    are none. 1: there are. 2: it could not be looked, or not at all of it.
    """

    handler = "duranb.views.verbs:scan"
    refused = 2


class Redact(Changes, frozen=True):
    """Take a secret out of all that is recorded; a mask of as many bytes is in its place.

    Without a value it is asked for, and not shown; the command line also reads it from a pipe. The
    history says that something was taken out, and stays sealed: verify finds nothing wrong.
    """

    handler = "duranb.session.redacting:redact"
    example = "--found"

    value: Annotated[str, Argument("VALUE", "What is to go. Better not given here.")] = ""
    found: Annotated[bool, Option("--found", "All that scan finds.")] = False


class Forget(Changes, frozen=True):
    """Take out all that a step has recorded: its code, outputs, messages and calls.

    That it ran, when, and what it cost stays. It cannot be brought back.
    """

    handler = "duranb.session.redacting:forget"
    example = "analyse@3"

    step: Step


class Prune(Changes, frozen=True):
    """Free the room that large values and outputs of earlier executions take.

    What stays: the latest executions of each step, the variables at the head of each branch, every
    call and its answer, and the history itself. It says first what it would drop.
    """

    handler = "duranb.session.pruning:prune"
    example = "--keep 3"

    keep: Annotated[
        int, Option("--keep", "Executions of each step, the latest, to keep.", "COUNT", least=1)
    ] = 1


class Answer(Acts, frozen=True):
    """Answer a question; the step that waits for it goes on when it is run again.

    A value that is JSON (true, 3, ["a"]) arrives as that, any other as text; it has to be one that
    the question takes. A payload is answered with approve, deny, or {"edit": PAYLOAD}. Answer again
    to correct it, until the step has gone on with it.
    """

    handler = "duranb.session.answering:answer"
    example = "17 yes"

    number: Annotated[int, Argument("ID", "The question's number.")]
    value: Annotated[Any, Argument("VALUE", "The answer.")]
    why: Annotated[str, Option("--why", "The reason, which is recorded with it.", "TEXT")] = ""
    by: Annotated[str, Option("--by", "Who says so, if not you.", "NAME")] = ""


class Signal(Acts, frozen=True):
    """Tell the notebook that something happened outside: what duranb.wait_for(NAME) waits for.

    It is kept where nobody waits yet. Each signal answers one wait.
    """

    handler = "duranb.session.answering:signal"
    example = "payment '{\"amount\": 12}'"

    name: Annotated[str, Argument("NAME", "What happened.")]
    value: Annotated[Any, Argument("VALUE", "More about it: JSON, or else text.")] = None
    by: Annotated[str, Option("--by", "Who says so, if not you.", "NAME")] = ""


class Limits(Live, frozen=True):
    """How fast calls to models are made: what was set, and what was learned from refusals.

    With options it sets what holds for each model from now on, in this kernel, in place of what was
    set before; duranb.limits(…) does the same.
    """

    handler = "duranb.views.limits:limits"
    example = "--requests 500 --concurrent 16"

    requests: Annotated[
        float | None, Option("--requests", "Requests a minute, at most.", "COUNT")
    ] = None
    tokens: Annotated[float | None, Option("--tokens", "Tokens a minute, at most.", "COUNT")] = None
    concurrent: Annotated[
        int | None, Option("--concurrent", "Calls at once, at most.", "COUNT", least=1)
    ] = None
    off: Annotated[bool, Option("--off", "Limit nothing.")] = False


class Adopt(OnFiles, frozen=True):
    """Go on with the history that the notebook had under its old name."""

    example = "agent"

    name: Annotated[str, Argument("OLD", "What the notebook was called.")]


class Verify(OnFiles, frozen=True):
    """Check that the store is what was acknowledged, and yours: chain, seals and artifacts.

    With --replay, rerun every completed step instead: offline, from its recorded inputs and against
    its recorded calls, on a copy of the store. Each output that comes out different is listed.
    Plain cells run too, those above a step before it. Ids and times that libraries draw do not
    count as a difference; those that the notebook draws do. Exit code 0: all agree. 1: some do not.
    """

    example = "--replay"

    replay: Annotated[
        bool, Option("--replay", "Rerun every step offline, and compare its outputs.")
    ] = False
    timeout: Annotated[
        float | None, Option("--timeout", "With --replay: seconds for each step.", "SECONDS")
    ] = None


DryRun = Annotated[bool, Option("--dry-run", "Only say what it would do.")]
Yes = Annotated[bool, Option("--yes", "Do not ask.")]


class Encrypt(OnFiles, frozen=True):
    """Encrypt all that the store holds, and those of the notebook's many runs.

    The key is in DURANB_ENCRYPTION_KEY: a passphrase, or 64 hex digits; else one is made in the
    platform's keyring. Without it nothing can be read again. New stores are encrypted from their
    first byte where DURANB_ENCRYPT=1 is set. The kernel has to be shut down meanwhile.

    With --new-key only the key is changed: to the one in DURANB_NEW_ENCRYPTION_KEY, or to another
    one in the keyring. What lies in the notebook's own file, and what was exported, stays plain.
    """

    example = "--yes"

    new_key: Annotated[bool, Option("--new-key", "Have another key open what is encrypted.")] = (
        False
    )
    dry_run: DryRun = False
    yes: Yes = False


class Decrypt(OnFiles, frozen=True):
    """Write the store, and those of the notebook's many runs, in plain form again."""

    example = "--yes"

    dry_run: DryRun = False
    yes: Yes = False


class Export(OnFiles, frozen=True):
    """The notebook as a graph: a script that runs durably on its own, data, or a picture."""

    example = "--target script -o agent.py"

    target: Annotated[
        Literal["script", "steps", "langgraph", "temporal", "json", "mermaid", "dot"] | None,
        Option("--target", "What to write."),
    ] = None
    out: Out = None
    check: Annotated[
        bool,
        Option(
            "--check",
            "Write nothing: run the exported steps offline, with the recorded answers, and say "
            "what they make otherwise than the notebook did. Exit code 1: something.",
        ),
    ] = False
    timeout: Annotated[
        float | None, Option("--timeout", "With --check: seconds for each node.", "SECONDS")
    ] = None


class ExportTraces(OnFiles, frozen=True):
    """What was carried out, as OpenTelemetry traces: a file in OTLP's JSON, or sent to a collector.

    Exporting again gives the same spans. A process with an SDK configured traces while it runs.
    """

    example = "--endpoint http://127.0.0.1:4318"

    endpoint: Annotated[
        str | None, Option("--endpoint", "The address of a collector (OTLP over HTTP).", "URL")
    ] = None
    out: Out = None

    @classmethod
    def word(cls) -> str:
        """How users write the verb."""
        return "export-traces"


VERBS: dict[str, type[Verb]] = {
    verb.word(): verb
    for verb in (
        *(Run, Resume, Status, Log, Show, Diff, Timeline),
        *(Rewind, Replay, Fork, Switch, Compensate, Resolve),
        *(Answer, Signal, Limits, Trust, Scan, Redact, Forget, Prune),
        *(Adopt, Import, Verify, Encrypt, Decrypt, Test, Export, ExportTraces),
    )
}
"""Every verb by its word. Surfaces look a verb up here whenever they need it."""


def runs_no_code(line: str) -> bool:
    """Whether ``%duranb LINE`` runs no code of the user's: then it touches no variable, but for
    what it says itself. Parses nothing; false for what is no verb."""
    word, *rest = line.split() or ["status"]
    verb = VERBS.get(word)
    if verb is None or verb.runs_code:
        return False
    options = [each.said for each in parameters(verb) if isinstance(each.said, Option)]
    return not any(option.flag in rest for option in options if option.runs_code)
