"""What running a value's code could touch, as far as the value itself does not show it.

A list of functions, an object with a callback, an iterator over ``map``: calling what is inside
reaches the globals of functions that no name of the cell stands for. Pickling has met all of them.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import types
from collections.abc import Iterable
from typing import Any

from duranb.code.bytecode import code_names
from duranb.code.fingerprint import Uses
from duranb.code.looking import dict_of, is_a, is_class, module_name, module_of
from duranb.state import pending, reconnect
from duranb.values.met import Met

NOTHING: frozenset[str] = frozenset()

_MODULE = "module:"
_MOST = 20_000
"""Objects of a module's that are gone through."""


def names(met: Met, uses: Uses) -> frozenset[str] | None:
    """The global names that this code can touch, ``module:NAME`` for code of the project's modules;
    None where nobody can tell."""
    if any(reconnect.may_call(v) for v in met.described if not pending.is_pending(v)):
        return None
    found: set[str] = set()
    modules: set[str] = set()
    for each in met.code:
        if type(each) is types.FunctionType and _of_notebook(each, uses.live):
            touched = code_names(each.__code__)
            if touched.opaque:
                return None
            found |= touched.loads | touched.stores
            modules |= touched.imports
        elif (module := _module(each)) not in ("builtins", "__main__", ""):
            modules.add(module)
    return frozenset(found.union(_MODULE + m for m in modules if uses.modules.owns(m)))


def held_by_module(name: str) -> set[int] | None:
    """The ids of objects that a project's module holds, if ``name`` (``module:NAME``) is one; None
    if there are too many to tell."""
    module = sys.modules.get(name.removeprefix(_MODULE)) if name.startswith(_MODULE) else None
    if module is None:
        return set()
    found: dict[int, object] = {}
    stack = list(vars(module).values())
    while stack:
        value = stack.pop()
        if id(value) in found or is_a(value, *_LEFT_OUT):
            continue
        if is_class(value):
            if module_of(value) == module_name(module):
                stack += dict_of(value).values()
            continue
        found[id(value)] = value
        if len(found) > _MOST:
            return None
        stack += gc.get_referents(value)
    return set(found)


_LEFT_OUT = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, str, int, float)


def runs_beside(live: dict[str, Any]) -> bool:
    """Whether code of the notebook runs now, or waits to, on another thread or in a task."""
    stacks = sys._current_frames()
    # A frame that holds itself would keep all that its callers hold.
    stacks.pop(threading.get_ident(), None)
    if any(_stack_is_of(frame, live) for frame in stacks.values()):
        return True
    if any(isinstance(each, threading.Timer) and _may_call_notebook(each) for each in _threads()):
        return True
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return False
    current = asyncio.current_task(loop)
    return any(_task_is_of(t, live) for t in asyncio.all_tasks(loop) if t is not current)


def _threads() -> Iterable[threading.Thread]:
    return threading.enumerate()


def _may_call_notebook(timer: threading.Timer) -> bool:
    """Whether a timer is still to call what may be, or may call, code of the notebook. Those of
    duranb's own (for how long a process may read a store, or a step may take) do not."""
    module = getattr(timer.function, "__module__", None)
    own = type(module) is str and module.partition(".")[0] == __name__.partition(".")[0]
    return not own and not timer.finished.is_set()


def _stack_is_of(frame: types.FrameType | None, live: dict[str, Any]) -> bool:
    while frame is not None:
        if frame.f_globals is live:
            return True
        frame = frame.f_back
    return False


def _task_is_of(task: asyncio.Task[Any], live: dict[str, Any]) -> bool:
    waiting: Any = task.get_coro()
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None)
        if frame is not None and frame.f_globals is live:
            return True
        waiting = getattr(waiting, "cr_await", None)
    return False


def _of_notebook(function: types.FunctionType, live: dict[str, Any]) -> bool:
    return function.__globals__ is live or _module(function) == "__main__"


def _module(each: types.FunctionType | type) -> str:
    """Where a function or class says that it is from; empty where it says nothing of use."""
    if is_class(each):
        return module_of(each)
    return each.__module__ if type(each.__module__) is str else ""
