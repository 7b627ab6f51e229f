"""A sample of ``make frameworks``, of what is installed for development; and that it can fail."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.frameworks import program
from tests.frameworks.model import digest, masked
from tests.frameworks.program import Cell, Program
from tests.frameworks.server import StandIn
from tests.frameworks.story import Story
from tests.frameworks.tools import __main__ as tools


def test_openai_agent_comes_back_whole(tmp_path: Path) -> None:
    """Killed in turn one, restarted, replayed offline, edited: it sends what a plain run sends."""
    with StandIn() as server:
        story = Story(program.load("openai"), server, tmp_path)
        story.tell({"run", "killed in turn one", "edited, restarted"})
    faults = {name: outcome.fault for name, outcome in story.outcomes.items() if outcome.fault}
    assert not faults and {"duranb test", "restarted, rewound"} <= set(story.outcomes)
    assert story.verified == "3/3"


def test_a_method_is_a_tool_of_a_framework(tmp_path: Path) -> None:
    """Taken as it is, called once although its process was killed, and undone once."""
    with StandIn() as server:
        tools.check("anthropic", "method", tmp_path, server)
    with pytest.raises(tools.Fault, match="the agent did not call it"), StandIn() as server:
        tools.check("no framework", "sync", tmp_path, server)


def test_a_process_that_hangs_is_ended_and_named() -> None:
    """It asks the stand-in nothing more when the next one is looked at."""
    hangs = [sys.executable, "-c", "import time; time.sleep(600)"]
    pipe = subprocess.PIPE
    with subprocess.Popen(hangs, stdout=pipe, text=True) as process:
        with pytest.raises(tools.Fault, match="took longer than 0 seconds"):
            tools.finish(process, 0.01)
        assert process.returncode == -signal.SIGKILL


def test_forgetful_agent_is_found_out(tmp_path: Path) -> None:
    """What knows its kernel only does not send what a plain run sends; the fault shows both."""
    setup, one, two, *_ = program.load("openai").cells
    setup = Cell(f"import os\n{setup.body}")
    two = Cell(two.body.replace("Which city", "Which city of {os.getpid()}"), two.step)
    two = Cell(two.body.replace('ask("', 'ask(f"'), two.step)
    with StandIn() as server:
        story = Story(
            Program("forgetful", (setup, one, two), Cell("ask('Well?')")), server, tmp_path
        )
        story.tell({"killed between turns"})
    fault = story.outcomes["killed between turns"].fault
    assert fault.startswith("turn_two: another request: ") and fault.count("Which city of ") == 2


def test_every_program_has_its_turns() -> None:
    """Each file in programs/ is a notebook with turn one, turn two and a structured answer."""
    assert len(program.names()) >= 13
    for name in program.names():
        steps = [cell.step for cell in program.load(name).steps]
        assert steps == ["turn_one", "turn_two", "report"], name


def test_random_ids_make_no_other_request() -> None:
    """Ids and times are put aside; which of them are the same is not, nor is anything else."""
    one, other = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    when, then = "2026-11-26T00:33:11.123456Z", "2025-01-01 10:00:00+02:00"
    assert masked([one, one, when]) == masked([other, other, then]) != masked([one, other, when])
    assert digest({"text": "cats"}) != digest({"text": "dogs"})
