"""The verbs that run a notebook in a kernel of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from duranb.verbs.declaration import Argument, Headless, Option

Seconds = Annotated[float | None, Option("--timeout", "Seconds for each cell.", "SECONDS")]
Budget = Annotated[
    float | None,
    Option("--budget", "US dollars that models may cost from now on, at most.", "USD"),
]
Kernel = Annotated[
    str, Option("--kernel", "The kernel to use instead of the notebook's own.", "NAME")
]

OnFailure = Annotated[
    Literal["compensate"] | None,
    Option("--on-failure", "When a cell fails: undo all that the run did, latest first."),
]


class Run(Headless, frozen=True):
    """Run the notebook headless; go on where it stopped, also when its kernel dies.

    Exit code 0: done. 1: a cell failed. 75: it waits for an answer (duranb answer). 2: there is
    nothing that could run.
    """

    example = "-p limit=20"

    parameters: Annotated[
        dict[str, Any],
        Option(
            "-p",
            "Assign a variable after the cell tagged 'parameters', or first of all. A value is "
            "JSON, or else text.",
            "NAME=VALUE",
        ),
    ] = {}
    timeout: Seconds = None
    budget: Budget = None
    restarts: Annotated[
        int, Option("--restarts", "Kernels in a row that may die without progress.", "COUNT")
    ] = 10
    kernel: Kernel = ""
    out: Annotated[
        Path | None,
        Option("-o", "Write the executed notebook; with --over the table of results.", "FILE"),
    ] = None
    on_failure: OnFailure = None
    over: Annotated[
        str,
        Option(
            "--over",
            "Run the notebook once for each row of a .csv or .jsonl file, whose columns are "
            "parameters. Run it again to go on with the rows that are not done. --budget is for "
            "each row.",
            "FILE",
        ),
    ] = ""
    workers: Annotated[
        int, Option("--workers", "With --over: kernels at once.", "COUNT", least=1)
    ] = 2
    result: Annotated[
        str,
        Option(
            "--result",
            "With --over: the variables for the table of results; else what the last step made.",
            "a,b",
        ),
    ] = ""
    on: Annotated[
        Literal["temporal"] | None,
        Option(
            "--on",
            "With --over: send the rows to a cluster, whose workers have the notebook's export. "
            "TEMPORAL_ADDRESS says where it is.",
        ),
    ] = None
    queue: Annotated[
        str, Option("--queue", "With --on: the workers' task queue, if not the usual.", "NAME")
    ] = ""
    export: Annotated[
        Path | None,
        Option("--export", "With --on: the export that the workers have.", "FOLDER"),
    ] = None
    every: Annotated[
        str,
        Option(
            "--every",
            "Stay, and run it now and every so often: each time a run of its own, which is gone on "
            "with until it is done. One that waits goes on when its answer is there.",
            "30m|1h|1d",
        ),
    ] = ""
    at: Annotated[str, Option("--at", "The same, every day at a time.", "HH:MM")] = ""
    next: Annotated[
        bool,
        Option("--next", "One of these: go on with the latest that is not done, or begin another."),
    ] = False
    crontab: Annotated[
        bool,
        Option(
            "--crontab", "With --every or --at: only print the line for crontab(5) that does it."
        ),
    ] = False


class Resume(Headless, frozen=True):
    """Go on with a notebook that has run before, with the parameters of its last run.

    Otherwise the same as run, but an error where there is nothing to resume.
    """

    timeout: Seconds = None
    budget: Budget = None
    restarts: Annotated[
        int, Option("--restarts", "Kernels in a row that may die without progress.", "COUNT")
    ] = 10
    kernel: Kernel = ""
    out: Annotated[Path | None, Option("-o", "Write the executed notebook.", "FILE")] = None
    on_failure: OnFailure = None


class Import(Headless, frozen=True):
    """Take in a run that was carried out elsewhere: by workers on Temporal, or an exported graph.

    All that was recorded there is in the notebook's history then, to be looked at, rewound and
    replayed. The notebook runs once for that: its plain cells run, and each step is given what was
    made there, as far as it is the same step; where it is not, that is said, and its calls are in
    the journal. Import again to bring what is new. A run beside the notebook's own is a branch.
    """

    example = "s3://bucket/path --run licences-7"

    source: Annotated[
        str,
        Argument(
            "SOURCE", "A bucket (a folder or URL), or a script, notebook or store that has run."
        ),
    ]
    run: Annotated[str, Option("--run", "Which run, where there are several.", "ID")] = ""
    parameters: Annotated[
        dict[str, Any],
        Option("-p", "A parameter of the run that is not recorded there.", "NAME=VALUE"),
    ] = {}
    key: Annotated[
        Path | None,
        Option("--key", "A file with the workers' DURANB_KEY, where that is not yours.", "FILE"),
    ] = None
    trust: Annotated[
        bool, Option("--trust", "Take what anybody has recorded: its values are code.")
    ] = False
    only_record: Annotated[
        bool, Option("--only-record", "Run no cell now: Run All gives the steps what they made.")
    ] = False


class Test(Headless, frozen=True):
    """Run the notebook as it is now, offline, against what was recorded of it.

    Every cell runs, steps included, on a copy of the store; no key and no network is needed. A call
    that was never recorded fails, with what differs from the nearest recorded one, as does any cell
    that raises (its own asserts). Exit code 0: it passed. 1: it failed.
    """

    kernel: Kernel = ""
    timeout: Seconds = None
