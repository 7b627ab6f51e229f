"""Secrets that turned out to be some when they were stored already."""

from __future__ import annotations

from duranb.engine.runtime import Runtime
from duranb.errors import StoreError
from duranb.text.known import KNOWN


def told(runtime: Runtime, execution: int) -> str:
    """What is to be said of variables, and of the code of an execution, that were stored before a
    secret in them was known; empty where nothing was, or nothing is known since this was asked."""
    if runtime.known_secrets == len(KNOWN):
        return ""
    runtime.known_secrets = len(KNOWN)
    found = [name for name in _texts(runtime) if _is_stored(runtime, name)]
    with runtime.lock:
        this = runtime.history.executions.get(execution)
    if this is not None and KNOWN.find(this.source.encode()):
        found.append("the step's code")
    if not found:
        return ""
    return (
        f"stored before it was known to be a secret: {', '.join(found)}. %duranb redact --found "
        "(or: duranb redact NOTEBOOK --found) takes it out"
    )


def _texts(runtime: Runtime) -> list[str]:
    live = runtime.namespace.live
    return [n for n, value in list(live.items()) if type(value) is str and KNOWN.said(value)]


def _is_stored(runtime: Runtime, name: str) -> bool:
    binding = runtime.namespace.bindings().get(name)
    if binding is None or not binding.artifact:
        return False
    try:
        return bool(KNOWN.find(runtime.store.get(binding.artifact)))
    except StoreError:
        return False  # damaged: whoever needs it is told
