"""The order in which steps must run so that each finds what it was recorded with.

The order in which they last ran is not that: a step that was replayed alone ran last, and yet what
others computed from it comes after it.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping

from duranb.record.history import History
from duranb.record.model import Execution


def in_data_order(history: History, steps: Mapping[str, Execution]) -> list[Execution]:
    """One execution of each step, in the order of the data.

    A step comes after those that made its inputs, and before those that change an input of its in
    place or bind it anew. What the data leaves open, and steps that need each other's results in
    turn, follow the order in which the steps first appeared.
    """
    position = {step: i for i, step in enumerate(history.steps)}
    before = _edges(history, steps)
    waiting = {step: len(before[step]) for step in steps}
    after = defaultdict(list)
    for step, earlier in before.items():
        for each in earlier:
            after[each].append(step)
    ready = [(position[step], step) for step, number in waiting.items() if not number]
    heapq.heapify(ready)
    found: list[Execution] = []
    while waiting:
        if not ready:  # they need each other's results: begin with the one that came first
            first = min(waiting, key=position.__getitem__)
            heapq.heappush(ready, (position[first], first))
        step = heapq.heappop(ready)[1]
        if waiting.pop(step, None) is None:
            continue
        found.append(steps[step])
        for each in after[step]:
            if each in waiting:
                waiting[each] -= 1
                if not waiting[each]:
                    heapq.heappush(ready, (position[each], each))
    return found


def _edges(history: History, steps: Mapping[str, Execution]) -> dict[str, set[str]]:
    """The steps that each step must come after."""
    writers: dict[str, list[str]] = defaultdict(list)
    makers: dict[tuple[str, str], str] = {}
    for step, this in steps.items():
        for name in this.outputs:
            writers[name].append(step)
        for earlier in history.executions_of(step):
            makers |= {(name, made.version): step for name, made in earlier.outputs.items()}
    before: dict[str, set[str]] = {step: set() for step in steps}
    for step, this in steps.items():
        for name, version in this.inputs.items():
            bound = history.bound_at(name, this.before)
            by = history.executions.get(bound.execution) if bound is not None else None
            # A replay is given its inputs as recorded: then no step bound them just before.
            known = by is not None and by.step in steps and name in by.outputs
            maker = by.step if by is not None and known else makers.get((name, version), step)
            if maker != step:
                before[step].add(maker)
            if name in this.outputs:
                continue
            for writer in writers[name]:
                if writer != step and _changes(history, steps[writer], name, version):
                    before[writer].add(step)
    return before


def _changes(history: History, writer: Execution, name: str, version: str) -> bool:
    """Whether an execution found ``name`` in this ``version`` and left it in another."""
    found = history.binding(name, writer.before)
    if found is None or found.version != version:
        return False
    return writer.outputs[name].version != version
