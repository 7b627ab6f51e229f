"""What names and headings of somebody else's notebook become in exported text: words."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

from duranb.export import export

CODE = '__import__("pathlib").Path("made").touch()'

HARMS = {
    "quotes": f'a"""+{CODE}+"""',
    "one quote": f'a"\n{CODE}\n"',
    "a backslash": "a\\",
    "lines": f"a\n{CODE}\n",
    "a carriage return": f"a\r{CODE}\r",
    "a separator": f"a\u2028{CODE}",
}


@pytest.mark.parametrize("target", ["script", "steps", "langgraph", "mermaid", "dot"])
@pytest.mark.parametrize("harm", HARMS)
def test_a_name_or_a_heading_is_no_code(tmp_path: Path, target: str, harm: str) -> None:
    """Whatever a file is called, or a heading says: no target has it in a place where it is run."""
    notebook = tmp_path / f"{HARMS[harm].replace('/', '-')}.ipynb"
    heading = nbformat.v4.new_markdown_cell(f"# {HARMS[harm]}")  # type: ignore[no-untyped-call]
    cell = nbformat.v4.new_code_cell("%%durable one\na = 1")  # type: ignore[no-untyped-call]
    made = nbformat.v4.new_notebook(cells=[heading, cell])  # type: ignore[no-untyped-call]
    nbformat.write(made, notebook)  # type: ignore[no-untyped-call]
    text = export(notebook, target)
    if target in ("mermaid", "dot"):
        assert not any(row.strip().startswith("__import__") for row in text.splitlines())
        return
    named = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert "__import__" not in named
