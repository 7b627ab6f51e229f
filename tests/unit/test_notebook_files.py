"""A notebook's file that somebody else may have put there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from duranb.errors import UsageError
from duranb.export import export
from duranb.export.errors import ExportError
from duranb.runner import headless, schedule
from duranb.store.buckets import open_bucket

CELL = '{"cell_type": "code", "source": %s, "metadata": {}, "outputs": []}'
NOTEBOOK = '{"cells": [%s], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}'


def text(made: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(made) and None


def giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(8 << 40)


HARMS: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "8 TB of nothing": giant,
    "nesting": text("[" * 200_000),
    "nested cells": text(NOTEBOOK % ("[" * 200_000 + "]" * 200_000)),
    "a number": text(NOTEBOOK.replace("{}", '{"a": %s}' % ("9" * 5_000)) % ""),
    "a list": text("[]"),
    "a cell that is none": text(NOTEBOOK % "1"),
    "a source that is none": text(NOTEBOOK % (CELL % "5")),
    "a kernel that is none": text(NOTEBOOK.replace("{}", '{"kernelspec": 5}') % ""),
    "a kernel without words": text(NOTEBOOK.replace("{}", '{"kernelspec": {"name": 5}}') % ""),
    "a language that is none": text(NOTEBOOK.replace("{}", '{"language_info": []}') % ""),
    "any bytes": lambda path: path.write_bytes(bytes(range(256))) and None,
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_no_notebook_is_refused(tmp_path: Path, harm: str) -> None:
    """By a sentence, without a wait for what never comes or ends."""
    path = tmp_path / "a.ipynb"
    HARMS[harm](path)
    with pytest.raises(UsageError, match=r"a\.ipynb"):
        headless.read(path)
    with pytest.raises(ExportError, match=r"a\.ipynb"):
        export(path, "script")


def test_a_link_to_ones_own_notebook_is_followed(tmp_path: Path) -> None:
    """As everywhere else."""
    (tmp_path / "own.ipynb").write_text(NOTEBOOK % (CELL % '"a = 1"'))
    (tmp_path / "a.ipynb").symlink_to("own.ipynb")
    assert [c.source for c in headless.read(tmp_path / "a.ipynb").cells] == ["a = 1"]


def test_a_link_that_leads_nowhere_is_no_reason_to_fail_otherwise(tmp_path: Path) -> None:
    """In whatever place: a notebook, a bucket."""
    path = tmp_path / "a.ipynb"
    path.symlink_to(path.name)
    assert "a.ipynb" in schedule.crontab(path, schedule.times("1h", ""), [])
    assert open_bucket(str(path)).names("runs/") == []
    with pytest.raises(UsageError, match="cannot read"):
        headless.run(path)
