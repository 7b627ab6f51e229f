"""Starting the stand-in beside a notebook, and finding the one that runs there already."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from duranb.demo.journal import Request, read_journal
from duranb.engine.runtime import active

IDLE = 1800.0
"""Seconds without a request after which a stand-in that a notebook started ends by itself."""

FOLDER = ".duranb/.standin"
"""Where it keeps its port and its journal, below the folder it is started for. A calm one is
another one, and keeps its own beside it."""


_children: dict[int, subprocess.Popen[bytes]] = {}
"""Those that this process started: it has to wait for their end, or they stay as zombies."""


@dataclass(frozen=True)
class StandIn:
    """A running stand-in. ``url`` is the base URL for clients, ``pid`` its process."""

    url: str
    pid: int
    journal: Path

    def stop(self) -> None:
        """End it, unless it has ended by itself (its pid may be another process's by now)."""
        if is_standin(self.url):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
        if self.pid in _children:
            _children.pop(self.pid).wait()

    def requests(self) -> list[Request]:
        """Everything that ever reached it."""
        return read_journal(self.journal)


def start_standin(
    folder: str | Path = ".", *, idle: float = IDLE, pace: float = 1.0, calm: bool = False
) -> StandIn:
    """Start the stand-in for the notebooks of ``folder``, or find the one that runs.

    It is a process of its own, so that a kernel's end does not end it, and comes back at the same
    address where it can: the address is part of what identifies a recorded call. ``pace``
    multiplies its delays, and nothing goes wrong at a ``calm`` one. Raises ``RuntimeError`` when it
    does not start.
    """
    home = (Path(folder) / (f"{FOLDER}-calm" if calm else FOLDER)).resolve()
    home.mkdir(parents=True, exist_ok=True)
    state = home / "at.json"
    before = _known(state)
    if before is not None and (_replaying() or is_standin(before.url)):
        return before
    port = int(before.url.rpartition(":")[2].split("/")[0]) if before is not None else 0
    options = ["--idle", str(idle), "--pace", str(pace), *(["--calm"] if calm else [])]
    try:
        started = _start(home, port, options)
    except RuntimeError:
        if not port:
            raise
        started = _start(home, 0, options)  # somebody else took the port since
    part = state.with_suffix(".part")
    part.write_text(json.dumps({"url": started.url, "pid": started.pid}))
    part.replace(state)
    return started


def _replaying() -> bool:
    """Whether this process replays offline: then recorded answers stand in for the stand-in."""
    runtime = active()
    return runtime is not None and runtime.settings.strict


def is_standin(url: str) -> bool:
    """Whether a stand-in answers at a base URL."""
    from duranb.demo.standin import NAME

    try:
        with urllib.request.urlopen(url.removesuffix("/v1") + "/", timeout=2) as answer:
            return bool(answer.headers.get("Server") == NAME)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _known(state: Path) -> StandIn | None:
    try:
        said = json.loads(state.read_text(encoding="utf-8"))
        return StandIn(str(said["url"]), int(said["pid"]), state.parent / "journal.jsonl")
    except (OSError, ValueError, KeyError):
        return None  # none was started here yet


def _start(home: Path, port: int, options: list[str]) -> StandIn:
    journal = home / "journal.jsonl"
    command = [sys.executable, "-m", "duranb.demo.standin", "--port", str(port)]
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--journal", str(journal), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert process.stdout is not None
    said = process.stdout.readline().decode()
    process.stdout.close()
    if not said.startswith("listening on "):
        process.wait()
        raise RuntimeError(f"the stand-in did not start: see {home / 'log'}")
    _children[process.pid] = process
    return StandIn(said.split()[-1], process.pid, journal)
