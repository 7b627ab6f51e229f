"""Recorded function steps restored by a new process, beside LangGraph's tasks.

``python -m tests.benchmarks.bench_steps [--langgraph PYTHON] [--steps N]``: PYTHON is the
interpreter of an environment with langgraph and langgraph-checkpoint-sqlite. Each process records
N calls, and another one has the same N calls restored; CPU seconds of the latter, best of 3. The
two take turns, so that what else the machine does is the same for both.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DURANB = """
import sys, time
import duranb

@duranb.step
def work(n):
    return {"n": n, "text": "x" * 100}

with duranb.durable(__file__):
    work(-1)  # what is done once in a process
    begun = time.process_time()
    for n in range(int(sys.argv[1])):
        work(n)
    print(time.process_time() - begun)
"""

LANGGRAPH = """
import os, sys, time
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.func import entrypoint, task

@task
def work(n):
    return {"n": n, "text": "x" * 100}

with SqliteSaver.from_conn_string("checkpoints.db") as saver:
    @entrypoint(checkpointer=saver)
    def flow(count):
        begun = time.process_time()
        for n in range(count):
            work(n).result()
        print(time.process_time() - begun)
        if not os.path.exists("recorded"):
            open("recorded", "w").close()
            raise KeyError("stopped after the last task")
        return count

    config = {"configurable": {"thread_id": "1"}, "recursion_limit": 10_000}
    try:
        flow.invoke(None if os.path.exists("recorded") else int(sys.argv[1]), config)
    except KeyError:
        pass
"""


def restored(python: str, source: str, steps: int) -> float:
    """CPU seconds in which a new process has recorded steps restored."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.py"
        script.write_text(source)
        env = {**os.environ, "DURANB_HOME": str(Path(folder) / "home")}
        command = [python, str(script), str(steps)]
        for _ in range(2):
            done = subprocess.run(
                command, cwd=folder, env=env, check=True, capture_output=True, text=True
            )
    return float(done.stdout.split()[-1])


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--langgraph", metavar="PYTHON")
    parser.add_argument("--steps", type=int, default=900)
    options = parser.parse_args()
    sides = {"duranb": (sys.executable, DURANB)}
    if options.langgraph:
        sides["langgraph"] = (options.langgraph, LANGGRAPH)
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(3):
        for name, (python, source) in sides.items():
            found[name].append(restored(python, source, options.steps))
    for name, times in found.items():
        print(f"{name}: {min(times) * 1000:.0f} ms of CPU for {options.steps} restored steps")


if __name__ == "__main__":
    main()
