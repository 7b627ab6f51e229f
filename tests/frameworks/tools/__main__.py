"""``python -m tests.frameworks.tools [NAME…]``: the frameworks with tools of duranb's, as a table.

Run it with the environment of ``make frameworks``. For each framework and each kind of function:
its own registration takes the tool; its agent calls it, killed when the model has been told the
result; a second process goes on, and has called nothing again; then the step is undone, once. The
tools of an MCP server have no undo.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.frameworks.server import StandIn
from tests.frameworks.tools.agents import AGENTS, MCP_AGENTS, NOT_ASYNC
from tests.servers import mcp_tools

KINDS = ("sync", "async", "method", "MCP stdio", "MCP HTTP")
SCRIPT = Path(__file__).with_name("script.py")
ROOT = Path(__file__).parents[3]
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY")
DONE = "weather Paris"
SAID = "The weather in Paris is sunny."
LONGEST = 600.0
"""Seconds until a process is taken to hang: on a busy machine an import takes minutes."""


class Fault(Exception):
    """Something is not as it has to be; the text says what."""


def check(framework: str, kind: str, folder: Path, server: StandIn) -> None:
    """One cell of the table. Raises :class:`Fault`."""
    shutil.copy(SCRIPT, folder / "script.py")
    if not kind.startswith("MCP"):
        _killed(framework, (kind,), ("undo",), folder, server)
        if (found := _effects(folder)) != [DONE, f"undo {SAID}"]:
            raise Fault(f"the world saw {found}")
        return
    command = [sys.executable, "-S", mcp_tools.__file__, str(folder), "desk"]
    if kind == "MCP stdio":
        _killed(framework, ("mcp", *command), (), folder, server)
        return
    process = subprocess.Popen([*command, "--http"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        _killed(framework, ("mcp", process.stdout.readline().strip()), (), folder, server)
    finally:
        process.kill()
        process.communicate()


def _killed(
    framework: str, words: tuple[str, ...], more: tuple[str, ...], folder: Path, server: StandIn
) -> None:
    """A process that is killed when the model has been told the result, and one that goes on."""
    server.forget()
    server.hold(2)
    first = _start(framework, words, folder, server)
    arrived = False
    end = time.monotonic() + LONGEST
    while not arrived and first.poll() is None and time.monotonic() < end:
        arrived = server.wait_for(2, 0.5)
    first.kill()
    printed, _ = first.communicate()
    server.release()
    if not arrived:
        raise Fault(f"the agent did not call it: {printed[-3000:]}")
    if SAID not in str(server.seen[1].body):
        raise Fault(f"the model was not told its result: {server.seen[1].body}")
    if (found := _effects(folder)) != [DONE]:
        raise Fault(f"called, but the world saw {found}")
    second = _start(framework, (*words, *more), folder, server)
    printed = finish(second)
    if second.returncode or "ANSWER Answer" not in printed:
        raise Fault(f"the second process: {printed[-3000:]}")
    if _effects(folder).count(DONE) != 1:
        raise Fault(f"the world saw {_effects(folder)}")
    keys = [seen.key for seen in server.seen]
    if keys[0] in keys[1:] or len({*keys}) != len(keys) - 1:
        raise Fault(f"paid again: {[str(seen.body) for seen in server.seen]}")


def finish(process: subprocess.Popen[str], seconds: float = LONGEST) -> str:
    """What a process printed. One that takes too long is killed, or it would ask the stand-in
    while the next one is looked at. Raises :class:`Fault`."""
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        printed, _ = process.communicate()
        raise Fault(f"took longer than {seconds:.0f} seconds: {printed[-3000:]}") from None


def _start(
    framework: str, words: tuple[str, ...], folder: Path, server: StandIn
) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        **dict.fromkeys(KEYS, "sk-stand-in"),
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OPENAI_API_BASE": f"{server.url}/v1",
        "ANTHROPIC_BASE_URL": server.url,
        "GOOGLE_GEMINI_BASE_URL": server.url,
        "DURANB_HOME": str(folder / "home"),
        "DSPY_CACHEDIR": str(folder / "dspy"),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        [sys.executable, "script.py", framework, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _effects(folder: Path) -> list[str]:
    """What the tool did: noted by itself, or by the MCP server with the key of each call."""
    found: list[str] = []
    if (file := folder / "effects.txt").exists():
        found = file.read_text().splitlines()
    if (file := folder / "seen.txt").exists():
        called = re.findall("call get_(weather Paris) duranb-", file.read_text())
        found += called
    return found


def _is_none(framework: str, kind: str) -> bool:
    """Whether the framework has no such thing."""
    known = framework in MCP_AGENTS if "MCP" in kind else framework not in NOT_ASYNC
    return not known and kind not in ("sync", "method")


def main(names: list[str]) -> int:
    """Print the table; exit code 1 when something is not as it has to be."""
    table = ["| | " + " | ".join(KINDS) + " |", "|---|" + "---|" * len(KINDS)]
    wrong = 0
    with StandIn() as server:
        for framework in names or AGENTS:
            marks = []
            for kind in KINDS:
                if _is_none(framework, kind):
                    marks.append("-")
                    continue
                with tempfile.TemporaryDirectory(prefix="duranb-tool-") as folder:
                    try:
                        check(framework, kind, Path(folder), server)
                    except Fault as fault:
                        print(f"{framework}, {kind}: {fault}\n", flush=True)
                        marks.append("✗")
                        wrong += 1
                    else:
                        marks.append("✓")
            table.append(f"| {framework} | " + " | ".join(marks) + " |")
            print(table[-1], flush=True)
    print("\n".join(table))
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
