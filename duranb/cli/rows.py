"""``run --over``: a notebook once for each row of a table, here or on a cluster."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from duranb.cli.running import bar
from duranb.cli.saying import put_out, say
from duranb.errors import UsageError
from duranb.runner import headless, over
from duranb.runner.over import Outcome, Row
from duranb.terminal import tame
from duranb.verbs.headless import Run
from duranb.views.words import count, money

_HERE = ("timeout", "budget", "restarts", "kernel", "workers")
"""Options that are about kernels on this machine."""


def run(verb: Run, notebook: Path) -> None:
    """Run it for each row of a table, and show what came out."""
    rows = over.read_rows(Path(verb.over), verb.parameters)
    names = tuple(n.strip() for n in verb.result.split(",") if n.strip())
    wrong = [n for n in names if not n.isidentifier()]
    if wrong:
        raise UsageError(f"--result takes names of variables, not {wrong[0]!r}")
    suffix = verb.out.suffix if verb.out is not None else ".csv"
    over.written([], suffix)  # what cannot be written is said before anything runs
    counts: Counter[str] = Counter()
    cost = 0.0
    with bar(notebook.name) as (progress, task):
        progress.update(task, total=len(rows))

        def ended(outcome: Outcome, before: bool) -> None:
            nonlocal cost
            counts[outcome.status] += 1
            cost += outcome.cost
            said = ", ".join(f"{n} {status}" for status, n in counts.items() if status != "done")
            about = f"{notebook.name} · {money(cost)}{f' · {said}' if said else ''}"
            progress.update(task, advance=1, description=about)
            done = counts.total()
            tenths = [n * 10 // len(rows) for n in (done - 1, done)]
            if tenths[0] < tenths[1] < 10 and not progress.console.is_terminal:  # a log has no bar
                say(f"{about} · {done} of {count(len(rows), 'row')}", err=True)
            last = outcome.error.strip().splitlines()[-1:]
            if last and outcome.exit in (headless.DONE, headless.FAILED):
                progress.console.print(
                    tame(f"run {outcome.run} {outcome.status}: {last[0]}"), markup=False
                )

        carry_out = _on_temporal if verb.on else _here
        outcomes = carry_out(verb, notebook, rows, names or None, ended)
    made = over.written(over.table(rows, outcomes), suffix)
    if verb.out is None:
        put_out(made)
    else:
        verb.out.write_text(made, encoding="utf-8")
    left = len(rows) - len(outcomes)
    without = "under way" if verb.on else "not run"
    said = ", ".join([f"{n} {s}" for s, n in counts.items()] + [f"{left} {without}"] * bool(left))
    say(f"{count(len(rows), 'row')}: {said}; {money(cost)}", err=True)
    if counts["done"] < len(rows):
        example = next((r for r in rows if r.run in outcomes and outcomes[r.run].exit), None)
        if example is not None:
            say(f"look at one: {_look(verb, notebook, example, outcomes)}", err=True)
        say("the same command goes on with those that are not done", err=True)
    ends = (headless.FAILED, headless.INTERRUPTED, headless.WAITING)
    code = next((end for end in ends if counts[over.STATUSES[end]]), headless.DONE)
    code = headless.INTERRUPTED if left and not code else code
    if verb.on:
        from duranb.temporal.runs import end

        end(code)
    sys.exit(code)


def _look(verb: Run, notebook: Path, row: Row, outcomes: dict[str, Outcome]) -> str:
    if not verb.on:
        return f"duranb show {notebook}/{row.run} STEP"
    from duranb.temporal.rows import identifier

    named = identifier(notebook.stem, row, outcomes[row.run].code)
    return f"python -m duranb.temporal status {named}"


def _here(
    verb: Run,
    notebook: Path,
    rows: Sequence[Row],
    wanted: tuple[str, ...] | None,
    ended: over.Ended,
) -> dict[str, Outcome]:
    """In kernels of this machine."""
    if verb.queue or verb.export:
        raise UsageError("--queue and --export are about --on temporal")
    how = over.How(
        timeout=verb.timeout,
        budget=verb.budget,
        restarts=verb.restarts,
        kernel=verb.kernel,
        on_failure=verb.on_failure,
        wanted=wanted,
    )
    return over.over(notebook, rows, how, workers=verb.workers, ended=ended)


def _on_temporal(
    verb: Run,
    notebook: Path,
    rows: Sequence[Row],
    wanted: tuple[str, ...] | None,
    ended: over.Ended,
) -> dict[str, Outcome]:
    """On a cluster, by workers that have the notebook's export."""
    import asyncio

    from duranb.temporal import runs
    from duranb.temporal.export import planned
    from duranb.temporal.rows import over as send
    from duranb.temporal.worker import load_plan

    usual = {f.name: f.default for f in msgspec.structs.fields(Run)}
    given = [n for n in _HERE if getattr(verb, n) != usual[n]]
    if given:
        raise UsageError(
            f"--{given[0]} is about kernels on this machine, and with --on temporal none is used: "
            "the steps have timeouts and budgets of their own (%%durable --timeout, --budget)"
        )
    document = headless.read(notebook)
    headless.check_names(document, notebook)
    plan = planned(notebook) if verb.export is None else load_plan(verb.export)
    outcomes: dict[str, Outcome] = {}

    def one_ended(outcome: Outcome, before: bool) -> None:
        outcomes[outcome.run] = outcome
        ended(outcome, before)

    async def go() -> None:
        await send(
            await runs.connected(),
            plan,
            rows,
            name=notebook.stem,
            code=over.code_of(document),
            wanted=wanted,
            on_failure=verb.on_failure or "",
            queue=verb.queue,
            ended=one_ended,
        )

    try:
        asyncio.run(go())
    except KeyboardInterrupt:
        say("duranb: interrupted; the rows go on over there", err=True)
    return outcomes
