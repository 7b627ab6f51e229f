"""Every kind of object in the table is stored, remade or refused as it says; nothing is silently
wrong. ``DURANB_WRITE=1`` writes the table of what happened to ``KINDS.md``."""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from duranb.code.fingerprint import Uses
from duranb.record.events import Binding
from duranb.state import Namespace
from duranb.state.placeholder import Placeholder
from duranb.store import Store
from tests.peers.kinds import KINDS, Kind

TABLE = Path(__file__).with_name("KINDS.md")

LOADER = """
import json, sys, types, warnings
warnings.simplefilter("ignore")
from pathlib import Path
import msgspec
from duranb.record.events import Binding
from duranb.code.fingerprint import Uses
from duranb.state import Namespace
from duranb.state.placeholder import Placeholder
from duranb.store import Store

store = Store.open(Path(sys.argv[1]))
for line in sys.stdin:
    name, show, told = json.loads(line)
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    live = vars(main)
    bindings = msgspec.convert(told, dict[str, Binding])
    namespace = Namespace(live, store, Uses(live, Path("/nowhere")))
    try:
        namespace.restore(bindings)
        namespace.need(None)
        if type(live["x"]) is Placeholder:
            said = ["placeholder", repr(live["x"])]
        else:
            said = ["value", repr(eval(show, live))]
        said.append(live.get("beside"))
    except BaseException as error:
        said = ["error", f"{type(error).__name__}: {error}", None]
    print("@@" + json.dumps([name, *said]), flush=True)
"""


def installed(kind: Kind) -> bool:
    """Whether what a kind needs is there."""
    return all(importlib.util.find_spec(module) for module in kind.needs.split())


class Outcome:
    """What happened to one kind: it was made and stored, changed and stored again, and loaded."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.error = ""
        self.detected = self.quiet = True
        self.shown = ""
        self.bindings: dict[str, Binding] = {}
        self.loaded: list[Any] = []
        self.rewound: list[Any] = []

    @property
    def fate(self) -> str:
        """Stored, remade or refused; else what went wrong."""
        if self.error:
            return self.error
        again = self._became(self.loaded)
        rewound = self._became(self.rewound)
        return again if rewound in (again, "stored") else f"{again}, and after a rewind {rewound}"

    def _became(self, loaded: list[Any]) -> str:
        sort, text, beside = loaded
        if sort == "error":
            return f"wrong: {text}"
        if beside != ["kept"]:
            return "took another value with it"
        if sort == "placeholder":
            return "refused"
        if (sort, text) != ("value", self.shown):
            return f"wrong: {text} instead of {self.shown}"
        return "remade" if self.kind.fate == "remade" else "stored"


def store_one(kind: Kind, store: Store) -> Outcome:
    """Make a value, follow its change, and keep what its state is recorded as."""
    import types

    outcome = Outcome(kind)
    main = types.ModuleType("__main__")
    live = vars(main)
    before = sys.modules["__main__"]
    sys.modules["__main__"] = main
    try:
        namespace = Namespace(live, store, Uses(live, Path("/nowhere")))
        namespace.sync()
        exec(f"{kind.make}\nbeside = ['kept']", live)
        namespace.touched(None)
        namespace.sync()
        if kind.change:
            exec(kind.change, live)
            namespace.touched({"x", "k", "b", "c", "d", "ax"})
            outcome.detected = bool(namespace.sync().changed)
        outcome.bindings = namespace.bindings()
        if outcome.bindings["x"].artifact:
            outcome.shown = repr(eval(kind.show, live))
            namespace.touched({"x"})
            namespace.sync()
        outcome.rewound = rewound(namespace, kind, outcome.bindings)
    except BaseException as error:
        outcome.error = f"{type(error).__name__}: {error}"
    finally:
        sys.modules["__main__"] = before
    return outcome


def rewound(namespace: Namespace, kind: Kind, bindings: dict[str, Binding]) -> list[Any]:
    """What becomes of a value when, in the same process, its names are bound to something else and
    then brought back."""
    live = namespace.live
    live.update(dict.fromkeys(bindings))
    namespace.touched(None)
    namespace.sync()
    namespace.restore(bindings)
    namespace.need(None)
    if type(live["x"]) is Placeholder:
        return ["placeholder", repr(live["x"]), live["beside"]]
    try:
        return ["value", repr(eval(kind.show, live)), live["beside"]]
    except Exception as error:
        return ["error", f"{type(error).__name__}: {error}", live["beside"]]


@pytest.fixture(scope="module")
def outcomes(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Outcome]:
    """What happened to each kind that is to be tested and is installed: all in one store, loaded by
    one new process."""
    specs = [getattr(item, "callspec", None) for item in request.session.items]
    kinds = [spec.params.get("kind") for spec in specs if spec]
    wanted = {kind.name for kind in kinds if isinstance(kind, Kind)}
    folder = tmp_path_factory.mktemp("kinds")
    environment = {**os.environ, "DURANB_HOME": str(folder / "home"), "PYTHONHASHSEED": "7"}
    environment.pop("OPENAI_API_KEY", None)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("DURANB_HOME", str(folder / "home"))
        patch.chdir(folder)
        store = Store.open(folder / "store")
        found = {k.name: store_one(k, store) for k in KINDS if k.name in wanted and installed(k)}
        store.flush()
        store.close()
    gc.collect()  # a connection that lives on here would hold its file
    lines = [
        json.dumps([name, o.kind.show, {n: _told(b) for n, b in o.bindings.items()}])
        for name, o in found.items()
        if not o.error
    ]
    loader = subprocess.run(
        [sys.executable, "-c", LOADER, str(folder / "store")],
        input="\n".join(lines),
        cwd=folder,
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    for line in loader.stdout.splitlines():
        if line.startswith("@@"):
            name, *said = json.loads(line[2:])
            found[name].loaded = said
    for outcome in found.values():
        if not outcome.loaded and not outcome.error:
            outcome.error = f"the new process died: {loader.stderr[-500:]}"
    return found


def _told(binding: Binding) -> dict[str, Any]:
    return {f: getattr(binding, f) for f in binding.__struct_fields__}


def test_there_are_enough_kinds() -> None:
    """The table has at least 500 kinds, and no two of one name."""
    assert len(KINDS) >= 500 and len({k.name for k in KINDS}) == len(KINDS)


HEAVY = frozenset(
    ["astropy", "matplotlib", "numba", "seaborn", "sklearn", "statsmodels", "sympy", "xarray"]
)
"""Libraries that take seconds to import, or whose objects are large: with the soak tests."""


def _param(kind: Kind) -> Any:
    heavy = not HEAVY.isdisjoint(kind.needs.split())
    marks = [pytest.mark.soak] if heavy else []
    return pytest.param(kind, id=kind.name.replace(" ", "-"), marks=marks)


@pytest.mark.parametrize("kind", [_param(kind) for kind in KINDS])
def test_kind(kind: Kind, outcomes: dict[str, Outcome]) -> None:
    """It becomes what the table says, in a new process, and a change in place is noticed."""
    if not installed(kind):
        pytest.skip(f"{kind.needs} is not installed")
    outcome = outcomes[kind.name]
    assert outcome.fate == kind.fate
    assert outcome.detected, "a change in place was missed"


def test_the_table_is_the_one_that_was_written(outcomes: dict[str, Outcome]) -> None:
    """KINDS.md says what happens today."""
    lines = ["| kind | fate | its change in place |", "|---|---|---|"]
    for kind in KINDS:
        outcome = outcomes.get(kind.name)
        fate = outcome.fate if outcome else kind.fate
        detected = outcome.detected if outcome else True
        change = ("noticed" if detected else "missed") if kind.change else "there is none"
        lines.append(f"| {kind.name} | {fate} | {change} |")
    text = f"{HEAD}\n" + "\n".join(lines) + "\n"
    if os.environ.get("DURANB_WRITE"):
        TABLE.write_text(text)
    assert TABLE.read_text() == text


HEAD = """# What becomes of each kind of object

Written by `DURANB_WRITE=1 python -m pytest tests/peers`; the test that follows it fails when it is
no longer so. *stored*: the same in a new process. *remade*: a factory makes it again, without
secrets. *refused*: it is named when the step completes, and a placeholder says so when it is used.
"""
