"""A kernel that replays offline: on a copy of the store, and with no way out.

``DURANB_REPLAY`` names the folder of the copy; ``duranb verify --replay``, ``duranb test`` and the
pytest plugin set it. A kernel that was started without it is like any other.
"""

from __future__ import annotations

import ast
import functools
import inspect
import os
import sys
import types
from collections.abc import Callable
from typing import Any, cast

from duranb.engine.context import current
from duranb.engine.runtime import active
from duranb.errors import Unrecorded
from duranb.session import comparing


@functools.cache
def store() -> str:
    """The folder of the store to replay on; empty in a kernel that runs live. It is taken out of
    the environment, or every process that a cell starts would replay as well."""
    return os.environ.pop("DURANB_REPLAY", "")


_HERE = frozenset({"", "localhost"})


def begin() -> None:
    """Let nothing out of this process from now on.

    An audit hook sees every connection that Python code opens, whichever library it is for. There
    is no way to take one out again, which is as it should be.
    """
    sys.addaudithook(_look)


def _look(event: str, args: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event == "socket.getaddrinfo":
        host = args[0].decode("ascii", "replace") if isinstance(args[0], bytes) else args[0]
        # A number is looked up nowhere: whoever connects to it is stopped there.
        if host and host not in _HERE and not host.replace(".", "").isdigit() and ":" not in host:
            _refuse(host)
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1] if len(args) > 1 else None
        # Sockets of this machine have a path; Windows makes its own pairs by the loopback.
        if isinstance(address, tuple) and not (
            sys.platform == "win32" and address[0] in ("127.0.0.1", "::1")
        ):
            _refuse(str(address[0]))


def _refuse(host: str) -> None:
    step = current()
    where = f"step {step.step!r}" if step is not None else "a cell that is no step"
    raise Unrecorded(
        f"{where} tried to reach {host}, and a replay is offline. Ask for it through an HTTP "
        "library inside a durable step, and run the notebook live once: then it is recorded."
    )


def as_in_a_cell(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function of ``steps.py`` whose body is called what it was called as a cell: functions made
    in it have no ``f.<locals>.`` before their name, by which their calls are known."""
    inner = cast(types.FunctionType, inspect.unwrap(fn))
    return types.FunctionType(
        _renamed(inner.__code__, f"{inner.__qualname__}.<locals>."),
        inner.__globals__,
        inner.__name__,
        inner.__defaults__,
        inner.__closure__,
    )


def _renamed(code: types.CodeType, prefix: str) -> types.CodeType:
    constants = tuple(
        _renamed(c, prefix)
        if isinstance(c, types.CodeType)
        else c.removeprefix(prefix)
        if isinstance(c, str)
        else c
        for c in code.co_consts
    )
    return code.replace(co_consts=constants, co_qualname=code.co_qualname.removeprefix(prefix))


def compare(execution: int, step: str = "") -> None:
    """Show which outputs of the latest rerun of an execution differ from the recorded ones only in
    what libraries drew themselves, for ``duranb verify --replay``; or, for ``duranb export
    --check``, those of the latest execution of a ``step``, under its name."""
    from IPython import get_ipython
    from IPython.display import publish_display_data

    runtime = active()
    assert runtime is not None
    recorded = runtime.history.executions[execution]
    tree = ast.parse(get_ipython().transform_cell(recorded.source))
    rerun = next(reversed(runtime.history.executions_of(step)), None) if step else None
    aside: Any = comparing.set_aside(runtime, recorded, tree, rerun)
    aside = {step: aside} if step else aside
    publish_display_data({comparing.COMPARED: aside, "text/plain": ""})
