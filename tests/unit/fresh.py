"""Values made by code in one process and looked at in another, as after a restart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Case(NamedTuple):
    """``make`` binds names; ``show`` is an expression that is the same in both processes.
    ``again`` is code that runs in the new process before the values come back, as plain cells do.
    ``needs`` are modules without which it is left out."""

    name: str
    make: str
    show: str
    again: str = ""
    needs: str = ""


class Said(NamedTuple):
    """What was seen of a case: in the process that made it, in a new one, and of what was named as
    missing; the names whose versions differ."""

    made: str
    found: str
    missing: list[str]
    versions: list[str]


MAKE = """
import asyncio, faulthandler, json, sys, types, warnings
faulthandler.dump_traceback_later(50, exit=True)
from pathlib import Path
warnings.simplefilter("ignore")
from duranb.code.fingerprint import Uses
from duranb.record.events import Binding
from duranb.state import Namespace
from duranb.store import Store
import msgspec

async def main():
    store = Store.open(Path(sys.argv[1]))
    for line in sys.stdin:
        name, make, show, told, again = json.loads(line)
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        live = vars(module)
        namespace = Namespace(live, store, Uses(live, Path("/nowhere")))
        namespace.sync()
        try:
            exec(again, live)
            namespace.touched(None)
            namespace.sync()
            if told is None:
                exec(make, live)
                namespace.touched(None)
                told = dict(namespace.sync().changed)
            else:
                told = msgspec.convert(told, dict[str, Binding])
                namespace.restore(told)
                namespace.need(None)
            now = {n: namespace.version_of(live[n]) for n, b in told.items() if not b.why}
            other = [n for n, version in now.items() if version != told[n].version]
            said = repr(eval(show, live))
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            other = []
            told = told or {}
        parts = {n: {f: getattr(b, f) for f in b.__struct_fields__} for n, b in told.items()}
        print("@@" + json.dumps([name, said, parts, other]), flush=True)
    store.flush()
    store.close()

asyncio.run(main())
"""


def look(cases: Sequence[Case], folder: Path) -> dict[str, Said]:
    """Make all, each in a namespace of its own, and bring them back in a new process."""
    made = _run([[*c[:3], None, c.again] for c in cases], folder)
    lines = [[*c[:3], made[c.name][1], c.again] for c in cases if c.name in made]
    found = _run(lines, folder)
    nothing = ("the new process died", {}, [])
    return {
        name: Said(
            said,
            found.get(name, nothing)[0],
            [b["why"] for b in told.values() if b["why"]],
            other + found.get(name, nothing)[2],
        )
        for name, (said, told, other) in made.items()
    }


def _run(lines: list[list[Any]], folder: Path) -> dict[str, tuple[str, dict[str, Any], list[str]]]:
    done = subprocess.run(
        [sys.executable, "-c", MAKE, str(folder / "store")],
        input="\n".join(map(json.dumps, lines)),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    told = [json.loads(text[2:]) for text in done.stdout.splitlines() if text.startswith("@@")]
    if len(told) < len(lines):
        told.append([lines[len(told)][0], f"the process died: {done.stderr[-800:]}", {}, []])
    return {name: (said, parts, other) for name, said, parts, other in told}
