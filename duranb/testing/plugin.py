"""The pytest plugin: the fixture ``durable_notebook``, and ``--durable``.

It is loaded into every test run where duranb is installed, so it imports nothing but pytest, and
does nothing unless it is asked to. With ``--durable``, notebooks named on the command line, and
those with a store in the folders that are, are collected: each is replayed once, offline, and each
of its steps is a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from duranb.testing import Failed, replay

if TYPE_CHECKING:
    from duranb.runner.offline import Failure
    from duranb.testing.replayed import Replayed


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--durable``."""
    parser.getgroup("duranb").addoption(
        "--durable",
        action="store_true",
        help="collect notebooks: replay each one offline against what was recorded of it, every "
        "durable step a test (pytest --durable agent.ipynb)",
    )


@pytest.fixture
def durable_notebook(request: pytest.FixtureRequest) -> Callable[..., Replayed]:
    """``durable_notebook(path)``: :func:`duranb.testing.replay` of a notebook; the path is relative
    to the folder of the test's own file."""
    folder = request.path.parent

    def replay_beside(notebook: str | Path, **options: object) -> Replayed:
        __tracebackhide__ = True
        return replay(folder / notebook, **options)  # type: ignore[arg-type]

    return replay_beside


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a notebook, with ``--durable``."""
    if file_path.suffix != ".ipynb" or not parent.config.getoption("durable"):
        return None
    from duranb.session.places import has_store

    if not (parent.session.isinitpath(file_path) or has_store(file_path)):
        return None
    return NotebookFile.from_parent(parent, path=file_path)


class NotebookFile(pytest.File):
    """A notebook; replayed when the first of its steps is to run."""

    _replayed = False
    _failure: Failure | None = None

    def collect(self) -> Iterator[StepItem]:
        """A test for each step, in order."""
        from duranb.errors import DuranbError
        from duranb.runner.headless import check_names, read, step_of

        try:
            document = read(self.path)
            check_names(document, self.path)
        except DuranbError as error:
            raise self.CollectError(error.message) from error
        found = [
            (number, step_of(cell.source))
            for number, cell in enumerate(document.cells)
            if cell.cell_type == "code" and step_of(cell.source)
        ]
        before = -1
        for number, name in found:
            # A step without a name of its own is called after what it assigns, once it runs.
            named = name if "(" not in name else f"cell-{number + 1}"
            item: StepItem = StepItem.from_parent(self, name=named)
            item.before, item.cell = before, number
            item.is_last, before = number == found[-1][0], number
            yield item

    def failure(self) -> Failure | None:
        """What ended the replay, or None when it came to its end."""
        if not self._replayed:
            from duranb.runner.offline import rerun

            with rerun(self.path) as done:
                self._failure = done.failure
            self._replayed = True
        return self._failure


class StepItem(pytest.Item):
    """A step. It fails with what failed in it, or in a plain cell since the step before (for the
    last one: in any cell after it), and is skipped where the replay did not get to it."""

    cell = 0
    is_last = False
    before = -1

    def runtest(self) -> None:
        """Replay the notebook, if no other step has done so yet."""
        assert isinstance(self.parent, NotebookFile)
        failure = self.parent.failure()
        if failure is None or (failure.cell > self.cell and not self.is_last):
            return
        if failure.cell <= self.before:
            pytest.skip(f"not reached: cell {failure.cell + 1} failed before it")
        from duranb.testing.replayed import failed

        raise failed(failure)

    def repr_failure(  # type: ignore[override]
        self, excinfo: pytest.ExceptionInfo[BaseException], style: str | None = None
    ) -> object:
        """The message alone: a traceback through the plugin says nothing."""
        from duranb.errors import DuranbError

        if isinstance(excinfo.value, (Failed, DuranbError)):
            return excinfo.value.message
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it is: the notebook, and the step's name."""
        return self.path, None, f"{self.path.name}: {self.name}"
