"""Layout and lint of exported modules: what ``ruff`` with its defaults would ask for.

Layout is made by ruff itself. What it finds wrong with the user's own code is not mended, which
could change what it does; it is excused where it stands.
"""

from __future__ import annotations

import subprocess

import msgspec
from ruff import find_ruff_bin

from duranb.export.errors import ExportError


class _Code(msgspec.Struct):
    code: str | None
    noqa_row: int | None


def tidy(text: str, source: str) -> str:
    """A module's text as ``ruff format`` and ``ruff check`` leave it in peace. ``source`` is the
    notebook's name, for the message of an :class:`ExportError` if it is no Python."""
    text = _ruff(
        ["format"], _ruff(["check", "--select=I", "--fix", "--quiet"], text, source), source
    )
    rows: dict[int, set[str]] = {}
    check = ["check", "--output-format", "json", "--exit-zero"]
    for found in msgspec.json.decode(_ruff(check, text, source), type=list[_Code]):
        if found.code and found.noqa_row:
            rows.setdefault(found.noqa_row, set()).add(found.code)
    if not rows:
        return text
    lines = text.split("\n")
    for row, codes in rows.items():
        lines[row - 1] += f"  # noqa: {', '.join(sorted(codes))}"
    return _ruff(["format"], "\n".join(lines), source)


def _ruff(words: list[str], text: str, source: str) -> str:
    done = subprocess.run(
        [find_ruff_bin(), *words, "--isolated", "--stdin-filename", "steps.py", "-"],
        input=text,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise ExportError(f"{source} became no valid Python when exported: {done.stderr.strip()}")
    return done.stdout
