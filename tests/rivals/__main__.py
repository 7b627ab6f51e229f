"""``make rivals``: one job, many documents, side by side.

Each program asks a model about every document, 16 at a time, on a bad day: the server limits the
rate (Retry-After), fails 2 % of the documents once, is slow for 2 %, sends one malformed answer,
and one document is poisoned. It is killed with ``kill -9`` when half is answered, and started
again. What reached the server is counted there.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.servers.process import LimitedServer

PROGRAMS = Path(__file__).parent / "programs"
RIVALS = {
    "duranb": "duranb",
    "dbos": "dbos",
    "langgraph": "langgraph",
    "curator": "bespokelabs-curator",
    "pydantic_ai": "pydantic-ai-slim",
}
PATIENCE = 900


def lines_of(program: Path) -> int:
    """Lines of code between the marks: what a user writes for this job."""
    inside = False
    found = 0
    for line in program.read_text().splitlines():
        text = line.strip()
        inside = (inside or text == "# job begins") and text != "# job ends"
        found += inside and bool(text) and not text.startswith("#")
    return found


def begun(name: str, folder: Path, url: str, count: int) -> subprocess.Popen[str]:
    """The program, as a user would start it."""
    environment = {
        **os.environ,
        "JOB": json.dumps([f"{url}/v1", count]),
        "PYTHONPATH": str(PROGRAMS),
        "DURANB_HOME": str(folder / "home"),
        "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": f"{url}/v1",
    }
    program = folder / f"with_{name}.py"
    program.write_text((PROGRAMS / program.name).read_text())
    with (folder / "errors").open("a") as errors:
        return subprocess.Popen(
            [sys.executable, str(program)],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )


def ended(process: subprocess.Popen[str], folder: Path) -> list[int] | str:
    """The documents whose result is wrong, or what went wrong instead."""
    try:
        said, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"not done in {PATIENCE} s"
    told = [line for line in said.splitlines() if line.startswith('{"wrong"')]
    if process.returncode or not told:
        last = (folder / "errors").read_text().strip().splitlines()[-1:]
        return f"failed: {' '.join(last)[:120]}"
    wrong: list[int] = json.loads(told[-1])["wrong"]
    return wrong


def measure(name: str, server: LimitedServer, count: int) -> dict[str, object]:
    """One program: once undisturbed, and once killed in the middle."""
    found: dict[str, object] = {"lines": lines_of(PROGRAMS / f"with_{name}.py")}
    for story in ("undisturbed", "killed"):
        server.configure(
            per_second=200, burst=20, failing=20, slow=20, malformed="document 11", delay=0.02
        )
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            began = time.monotonic()
            process = begun(name, folder, server.url, count)
            at = 0
            if story == "killed":
                while server.stats["answered"] < count // 2 and process.poll() is None:
                    time.sleep(0.01)
                process.send_signal(signal.SIGKILL)
                process.communicate()
                at = server.stats["answered"]
                process = begun(name, folder, server.url, count)
            wrong = ended(process, folder)
            stats = server.stats
            found[story] = {
                "wrong": wrong,
                "paid": stats["answered"],
                "refused": stats["statuses"].get("429", 0),
                "seconds": round(time.monotonic() - began, 1),
                "answered when killed": at,
            }
    return found


def table(found: dict[str, dict[str, object]], count: int) -> str:
    """As Markdown. Paid: answers that the server gave; ``count`` and one malformed are needed."""
    lines = [
        f"| {count} documents | lines | wrong | paid | refused | seconds | killed: wrong | paid "
        "| paid twice | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, told in found.items():
        version = importlib.metadata.version(RIVALS[name])
        cells = [f"{name} {version}", str(told["lines"])]
        for story in ("undisturbed", "killed"):
            one = told[story]
            assert isinstance(one, dict)
            wrong = one["wrong"]
            said = wrong if isinstance(wrong, str) else "none" if not wrong else f"{len(wrong)}"
            cells += [said, str(one["paid"])]
            cells += [str(max(0, one["paid"] - count - 1) if story == "killed" else one["refused"])]
            cells += [str(one["seconds"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(RIVALS))
    parser.add_argument("--count", type=int, default=1000)
    given = parser.parse_args()
    found = {}
    with LimitedServer() as server:
        for name in given.names or list(RIVALS):
            found[name] = measure(name, server, given.count)
            print(name, json.dumps(found[name]), file=sys.stderr, flush=True)
    print(table(found, given.count))


if __name__ == "__main__":
    main()
