"""What a function step does beside returning a result: recorded with it, and done again with it.

It may change its arguments in place, what it reaches through globals and its closure, give globals
other values, and draw random numbers. Versions before and after tell; no list of methods decides.
"""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from duranb.code.fingerprint import Reach
from duranb.engine.keeping import Captured, NoState
from duranb.engine.telling import Telling
from duranb.errors import UsageError
from duranb.record.events import Binding
from duranb.record.model import BESIDE, CONTESTED, UNTOLD
from duranb.state import inplace, randomness, seeding
from duranb.state.randomness import UNSEEDED
from duranb.state.untold import Untold

if TYPE_CHECKING:
    from duranb.engine.runtime import Runtime
    from duranb.engine.steprun import Host

_GONE = object()

_running: set[FunctionState] = set()
"""The function steps that run now, of all runtimes: several may have the same variables."""

_one_at_a_time = threading.Lock()
"""Steps of several threads begin one after the other, so that of any two one sees the other."""


def values_of(
    fn: Callable[..., Any], arguments: Mapping[str, Any], reach: Reach, live: Mapping[str, Any]
) -> dict[str, Any]:
    """What a function can reach, by how its inputs are called."""
    found = dict(arguments)
    for name in reach.data & live.keys():
        found[global_name(name, arguments)] = live[name]
    for name, cell in _closure(fn).items():
        found[f"{name} (closure)"] = cell.cell_contents
    return found


def global_name(name: str, arguments: Iterable[str]) -> str:
    """How a global is called among inputs."""
    return f"{name} (global)" if name in arguments else name


def _closure(fn: Callable[..., Any]) -> dict[str, types.CellType]:
    names = getattr(getattr(fn, "__code__", None), "co_freevars", ())
    cells = getattr(fn, "__closure__", None) or ()
    full = {}
    for name, cell in zip(names, cells, strict=False):
        try:
            cell.cell_contents  # noqa: B018 an empty one raises
        except ValueError:
            continue
        full[name] = cell
    return full


class FunctionState(NoState):
    """Follows what one execution of a function does beside its result.

    What it shares with function steps that run at the same time is nobody's: that is said, and not
    recorded.
    """

    def __init__(
        self,
        runtime: Runtime,
        step: str,
        host: Host,
        given: inplace.Given,
        untold: Untold,
        telling: Telling,
        names: Iterable[str],
        arguments: Iterable[str],
        parent: int,
    ) -> None:
        super().__init__(runtime)
        self._step = step
        self._host = host
        self._given = given
        self._untold = untold
        self._telling = telling
        self._live = runtime.namespace.live
        self._names = {n: global_name(n, arguments) for n in names}
        self._bound = {n: self._live.get(n, _GONE) for n in self._names}
        self._random = randomness.state()
        self._changed: list[str] = []
        self._others: set[FunctionState] = set()
        self.execution = 0
        self.parent = parent

    # -- who else runs ---------------------------------------------------------------------

    def begin(self, execution: int) -> None:
        """Its body is going to run."""
        self.execution = execution
        with _one_at_a_time:
            running = {each for each in _running if each._live is self._live}
            by_id = {each.execution: each for each in running if each._runtime is self._runtime}
            outer = set()
            above = by_id.get(self.parent)
            while above is not None:
                outer.add(above)
                above = by_id.get(above.parent)
            for other in running - outer:
                other._others.add(self)
                self._others.add(other)
            _running.add(self)

    def end(self) -> None:
        """Its body has ended for good."""
        with _one_at_a_time:
            _running.discard(self)
            self._others.clear()  # or each held those that it ran beside, for as long as any runs

    @property
    def _is_beside(self) -> bool:
        """Whether others of its runtime ran meanwhile, which could have drawn random numbers."""
        return any(each._runtime is self._runtime for each in list(self._others))

    # -- what it did -----------------------------------------------------------------------

    def check(self) -> BaseException | None:
        """What it did that could not be done again; None if there is nothing of the kind."""
        self._changed = self._given.changed()
        for name in self._changed:
            if inplace.cannot_take(self._given.values[name]):
                kind = type(self._given.values[name]).__name__
                return UsageError(
                    f"step {self._step!r} changed {name} in place, and when the step is restored a "
                    f"{kind} cannot be given that state again. Return what it makes of {name} "
                    "instead, or make it a %%durable cell."
                )
        for name, before in self._bound.items():
            if before is not _GONE and name not in self._live:
                return UsageError(
                    f"step {self._step!r} deleted the variable {name}: a function step cannot do "
                    "that again when it is restored. Leave it to a cell."
                )
        return None

    def clean(self) -> list[str]:
        others = list(self._others)
        beside = {n for other in others for n in other._names}
        moved = {n for n, before in self._bound.items() if self._live.get(n, _GONE) is not before}
        for name in moved - beside:
            if self._bound[name] is _GONE:
                self._live.pop(name, None)
            else:
                self._live[name] = self._bound[name]
        owns = self._runtime.settings.owns_generators
        if owns or (owns is None and not others):
            randomness.set_state(self._random)
        if left := sorted(moved & beside):
            self._host.notice(
                f"{self._step}: {', '.join(left)} may have been bound by steps that ran at the "
                "same time, so the next attempt finds it as it is"
            )
        return self._given.changed()

    def capture(self) -> Captured:
        rebound = {
            n: self._live[n]
            for n, before in self._bound.items()
            if n in self._live and self._live[n] is not before and self._is_new(n, before)
        }
        now, before = randomness.state(), randomness.fingerprints(self._random)
        moved = {n for n, at in randomness.fingerprints(now).items() if before.get(n) != at}
        seeded = _seeded(self._runtime)
        if self._is_beside:
            moved &= seeded
        contested = self._contested(self._changed, rebound, moved)
        kept = self._given.keep(
            self._host.result(),
            [n for n in self._changed if n not in contested],
            {n: v for n, v in rebound.items() if n not in contested},
            {n: now[n] for n in moved if n not in contested},
        )
        altered, beside = self._altered(), self._beside()
        if kept is None and not contested and not altered and not beside:
            return Captured(self._runtime.at)
        binding, stored = kept if kept is not None else (None, {})
        drawn = {n: before.get(n, UNSEEDED) if n in seeded else UNSEEDED for n in moved}
        outputs = {self._names.get(n, n) if n in rebound else n: b for n, b in stored.items()}
        outputs |= {n: Binding("", "", why=CONTESTED) for n in contested}
        outputs |= {n: Binding("", "", why=UNTOLD) for n in altered}
        outputs |= {n: Binding("", "", why=BESIDE) for n in beside}
        return Captured(self._runtime.at, outputs=outputs, drawn=drawn, result=binding)

    def _altered(self) -> list[str]:
        """The classes, functions and iterators that it changed, or the values that they are in."""
        found = sorted({*self._untold.inside(), *self._given.read()})
        if found:
            self._host.notice(
                f"{self._step}: it changed {', '.join(found)}, and a record cannot hold that (the "
                "attributes or defaults of a class or function, or how far a generator or another "
                "iterator has come), "
                "so this step cannot be restored and runs again the next time. Its calls are "
                "answered from the journal"
            )
        return found

    def _beside(self) -> list[str]:
        """What it changed that is no variable. This process has that now; said once for a step,
        which may be called a thousand times."""
        lost = self._telling.lost(self._host.result())
        altered = {
            n for n in self._untold.beside.altered() if self._others or not self._telling.keeps(n)
        }
        found = sorted(altered.union(lost))
        here = self._runtime.here
        if found and self._step not in here:
            self._host.notice(
                f"{self._step}: it changed {', '.join(found)}, which is no variable, and a record "
                "of a function cannot hold that: in another process this step cannot be restored, "
                "and runs again. Its calls are answered from the journal"
            )
        if found:
            here.setdefault(self._step, set()).add(self.execution)
        return found

    def _contested(
        self, changed: Iterable[str], rebound: Iterable[str], moved: Iterable[str]
    ) -> set[str]:
        """What changed while another step ran at the same time that reaches it too."""
        others = list(self._others)  # more may begin meanwhile
        found = {n for n in rebound if any(n in other._names for other in others)}
        if self._is_beside:
            found |= set(moved)
        if others:
            theirs = {id(p) for other in others for p in other._given.parts}
            live = self._runtime.namespace.live
            for name in changed:
                its = inplace.numbered([self._given.values[name]], live)
                if any(id(part) in theirs for part in its):
                    found.add(name)
        if found:
            names = ", ".join(f"the state of {n}" if n in moved else n for n in sorted(found))
            self._host.notice(
                f"{self._step}: {names} changed while other steps ran that could have changed it "
                "too: nobody knows whose change it is, so this one cannot be restored and runs "
                "again the next time. Its calls are answered from the journal"
            )
        return found

    def _is_new(self, name: str, before: object) -> bool:
        namespace = self._runtime.namespace
        if before is _GONE:
            return True
        was = self._given.versions.get(self._names[name]) or namespace.version_of(before)
        return namespace.version_of(self._live[name]) != was


def _seeded(runtime: Runtime) -> set[str]:
    """The generators whose state is the notebook's doing, or the script's."""
    told = runtime.namespace.generators.told()
    found = {n for n, at in told.items() if at != UNSEEDED}
    if found or not _seeds_anything(runtime.namespace.live):
        return found
    return {"random", "numpy", "torch"}


def _seeds_anything(live: Mapping[str, Any]) -> bool:
    """Whether the script that has these globals seeds a generator anywhere."""
    file = live.get("__file__")
    return isinstance(file, str) and seeding.in_file(file)
