"""A command of the shell begins at once: it loads what it needs and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from duranb.verbs.table import VERBS

HEAVY = ("nbformat", "jsonschema", "duckdb", "IPython", "nbclient", "openai", "asyncio", "rich")

_LOADED = """
import sys
sys.argv = ["duranb", *{words!r}]
from duranb.cli.main import main
try:
    main()
except SystemExit:
    pass
print("loaded", *(x for x in {heavy!r} if x in sys.modules))
"""


def loaded(folder: Path, *words: str) -> list[str]:
    """The heavy packages that ``duranb WORDS`` has loaded by its end."""
    code = _LOADED.format(words=words, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1].split()[1:]


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    """``duranb --help`` shows every verb, and loads none of them."""
    assert loaded(tmp_path, "--help") == []


@pytest.mark.parametrize("verb", ["run", "show", "export", "replay"])
def test_help_of_a_verb_loads_nothing_heavy(tmp_path: Path, verb: str) -> None:
    """A verb tells what it takes without what carries it out."""
    assert verb in VERBS
    assert loaded(tmp_path, verb, "--help") == []


@pytest.mark.parametrize("words", [("status", "a.py"), ("log", "a.py"), ("verify", "a.py")])
def test_looking_loads_only_what_it_shows(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Looking at a store needs neither a notebook's libraries nor the database."""
    script = "import duranb\nwith duranb.durable(__file__):\n    pass\n"
    (tmp_path / "a.py").write_text(script)
    subprocess.run([sys.executable, "a.py"], cwd=tmp_path, check=True)
    assert set(loaded(tmp_path, *words)) <= {"rich"}


CHECKS = """
import sys
import {first}
import nbformat
from jsonschema import FormatChecker
assert "rfc3987_syntax.syntax_helpers" not in sys.modules
nbformat.validate(nbformat.v4.new_notebook())
assert "rfc3987_syntax.syntax_helpers" not in sys.modules
conforms = FormatChecker().conforms
print(conforms("http://\\u00e9.example/a", "iri"), conforms("no iri", "iri"))
print("rfc3987_syntax.syntax_helpers" in sys.modules)
import rfc3987_syntax
print(callable(rfc3987_syntax.is_valid_syntax), rfc3987_syntax.__spec__.name)
"""


@pytest.mark.parametrize("first", ["duranb.cli.main", "duranb.runner.over"])
def test_a_grammar_is_read_when_something_is_checked_by_it(tmp_path: Path, first: str) -> None:
    """Reading a notebook does without the grammar of ``iri``, which takes a second to be read;
    whoever checks that format gets the same answer as ever."""
    pytest.importorskip("rfc3987_syntax", reason="comes with JupyterLab")
    said = subprocess.run(
        [sys.executable, "-c", CHECKS.format(first=first)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout.split() == ["True", "False", "True", "True", "rfc3987_syntax"], said.stderr
