"""The module ``steps.py`` in a worker's process: its functions, and the variables they read."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import inspect
import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from duranb.code import identity
from duranb.code.fingerprint import Uses
from duranb.errors import UsageError
from duranb.plan import Node
from duranb.state import randomness, seeding
from duranb.state.capture import told
from duranb.state.untold import ADVICE, Untold
from duranb.temporal.visits import Visit, Visits
from duranb.values import canonical

GONE = object()


class OtherExport(UsageError):
    """``steps.py`` is not of the export that a run was started with."""


class Steps:
    """One ``steps.py``, imported once under the name that its values are stored with."""

    def __init__(self, file: Path, name: str = "steps") -> None:
        self.file = file.resolve()
        self.module = _imported(self.file, name)
        self.uses = Uses(vars(self.module), root=self.file.parent)
        seeds = seeding.calls(ast.parse(self.file.read_bytes()))
        self._random = randomness.state() if seeds else None
        self.one_at_a_time = threading.Lock()
        """Held by nodes that use what a process has only one of: variables of the module, random
        generators, settings."""
        self.visits = Visits(self._renew)
        """The nodes that run."""
        self._known: dict[str, str] = {}

    def function(self, node: Node) -> Callable[..., Any]:
        """What carries a node out. Raises :class:`OtherExport` where it is not there, or takes
        other parameters than the plan says."""
        found = getattr(self.module, node.function, None)
        if found is None:
            raise OtherExport(
                f"{self.file} has no function {node.function!r}, which this run needs for step "
                f"{node.name!r}: it was started from another export. Keep a worker with that one "
                "until its runs are done"
            )
        takes = tuple(inspect.signature(found).parameters)
        if takes != node.parameters:
            raise OtherExport(
                f"{node.function} in {self.file} takes ({', '.join(takes)}), and this run gives "
                f"({', '.join(node.parameters)}): it was started from another export. Keep a "
                "worker with that one until its runs are done"
            )
        return found  # type: ignore[no-any-return]

    def begin_random(self, run: str) -> None:
        """Put the random generators where a run begins: where the module's own code has seeded
        them, else where no other run begins and each try of this one does."""
        if self._random is not None:
            randomness.set_state(self._random)
            return
        random.seed(run)
        numpy: Any = sys.modules.get("numpy.random")
        if numpy is not None:
            numpy.seed(random.getrandbits(32))
        torch: Any = sys.modules.get("torch")
        if torch is not None:
            torch.manual_seed(random.getrandbits(32))

    @contextlib.contextmanager
    def having(self, values: Mapping[str, Any]) -> Iterator[None]:
        """The module's variables are these in this block, and what they were after it."""
        live = vars(self.module)
        before = {name: live.get(name, GONE) for name in values}
        live.update(values)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is GONE:
                    live.pop(name, None)
                else:
                    live[name] = value

    def _renew(self) -> None:
        importlib.reload(self.module)
        self._known.clear()

    @contextlib.contextmanager
    def watching(
        self, visit: Visit, node: Node, fn: Callable[..., Any], given: Sequence[Any]
    ) -> Iterator[None]:
        """Raise :class:`UsageError` where a node, called with ``given``, has changed a variable of
        the module in place that the plan knows nothing of, or a class or function of it: other
        workers would not see it. It is a :class:`duranb.temporal.visits.Disturbed` where another
        node may have done so."""
        live = vars(self.module)
        own = {*node.reads, *node.uses, *node.writes}
        inner = inspect.unwrap(fn)
        reach = self.uses.of_object(inner, given)
        names = sorted(n for n in reach.data - own if n in live)
        before = {n: canonical.version(live[n], live, told) for n in names}
        untold = Untold.now(self.uses, inner, reach)
        visit.reaches = frozenset({*reach.data, *reach.uses, *node.uses})
        begun = frozenset(n for n, v in before.items() if self._known.setdefault(n, v) != v)
        if begun and visit.others(begun):  # one of those has changed it already
            self.visits.changed(visit, begun)
        self._known.update(before)
        yield
        changed = [n for n in names if canonical.version(live.get(n), live, told) != before[n]]
        altered = [n for n in untold.altered() if n not in own]
        if altered or changed:
            self.visits.changed(visit, frozenset({*altered, *changed}))
        if altered:
            raise UsageError(f"step {node.name!r} changed {', '.join(altered)} in place: {ADVICE}")
        if changed:
            raise UsageError(
                f"step {node.name!r} changed {', '.join(changed)} in place, which a plain cell "
                "above the first step made: other steps, on other workers, do not see that, and "
                "the plan did not know. Run the notebook once with duranb, so that it is recorded, "
                "and export it again"
            )


def _imported(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise UsageError(f"there is no {file}: export the notebook with --target temporal")
    sys.path.insert(0, str(file.parent))  # for modules of the project that lie beside it
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    identity.NOTEBOOKS.add(name)
    spec.loader.exec_module(module)
    return module
