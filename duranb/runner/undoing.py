"""Undoing a headless run that failed: in the kernel where it failed, or in the next one."""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from duranb.terminal import uncolored

NOTHING = "nothing stands that this run did"
"""How ``compensate --all`` begins to say that there is nothing to undo."""


def after_failure(client: NotebookClient, document: nbformat.NotebookNode, failed: int) -> str:
    """Undo all that the run did, in the kernel where cell ``failed`` has failed; what to tell of
    it. Raises nbclient's ``DeadKernelError``."""
    for index, cell in enumerate(document.cells[failed + 1 :], failed + 1):
        if cell.cell_type == "code" and cell.source.lstrip().startswith("%%compensate"):
            client.execute_cell(cell, index)  # which only registers the undo
    return _compensate(client, document, "--all ")[1]


def carry_on(client: NotebookClient, document: nbformat.NotebookNode) -> str:
    """Undo the rest of what an earlier kernel had begun to undo; what to tell of it. Raises
    nbclient's ``DeadKernelError``."""
    _run(client, document, "%duranb rewind --yes")  # undos use the notebook's functions and clients
    done, said = _compensate(client, document, "")
    if not done:
        return f"an earlier run had failed. {said}"
    return (
        f"an earlier run had failed, and not all that it did was undone. Now it is: {said}\n\n"
        "Run the notebook again to begin anew"
    )


def _compensate(
    client: NotebookClient, document: nbformat.NotebookNode, which: str
) -> tuple[bool, str]:
    """Whether it came to its end, and what to tell of it."""
    try:
        said = _run(client, document, f"%duranb compensate {which}--yes")
    except CellExecutionError as error:
        told = uncolored(error.evalue)
        if told.startswith(NOTHING):
            return True, "nothing that the run did had to be undone"
        return False, f"what the run did is not all undone: {told}"
    return True, said[said.index("compensated ") :]


def _run(client: NotebookClient, document: nbformat.NotebookNode, source: str) -> str:
    """Run a line in the kernel; what it prints."""
    cell = nbformat.v4.new_code_cell(source)
    document.cells.append(cell)
    try:
        client.execute_cell(cell, len(document.cells) - 1)
    finally:
        document.cells.remove(cell)
    return "".join(_printed(cell)).strip()


def _printed(cell: nbformat.NotebookNode) -> Iterator[str]:
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.text
