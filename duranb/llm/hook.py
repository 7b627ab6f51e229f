"""The hook on the wire: where the HTTP libraries send what steps ask for.

Every SDK that is built on one of them passes here exactly once for each try, whatever of its own
layers it was called through, and in clients made before or after the hook went in. Transports would
miss the SDKs that bring their own; methods of the SDKs, their raw, parsing and streaming variants.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import wrapt

from duranb.engine import rounds, watch
from duranb.llm import mcp, patching, prices
from duranb.llm.batches.desk import BatchDesk
from duranb.llm.sending import Hooks

LIBRARIES = {
    "httpx": "httpx",
    "httpx2": "httpx",
    "urllib3": "urllib3",
    "requests": "requests",
    "urllib.request": "urllib",
    "aiohttp": "aiohttp",
}
"""Each library, and the module of :mod:`duranb.llm.libraries` that hooks it."""


class _State:
    awaiting_imports = False


def install() -> None:
    """Journal the HTTP requests of steps from now on. Twice is as good as once.

    Libraries that are imported later are hooked when they are; requests outside of steps pass
    untouched.
    """
    Hooks.installed = True
    rounds.provide(BatchDesk)
    if not _State.awaiting_imports:
        _State.awaiting_imports = True
        for name in LIBRARIES:
            wrapt.register_post_import_hook(_hook, name)
        mcp.watch()
        watch.install()
        return
    for name in LIBRARIES:
        if name in sys.modules:
            _hook(sys.modules[name])


def uninstall() -> None:
    """Take the hooks out. Where somebody else has wrapped ours, it stays and does nothing."""
    Hooks.installed = False
    rounds.provide(None)
    patching.restore()


def _hook(module: ModuleType) -> None:
    if not Hooks.installed:
        return
    library = importlib.import_module(f"duranb.llm.libraries.{LIBRARIES[module.__name__]}")
    library.hook(module)
    parent, _, name = module.__name__.rpartition(".")
    if parent:  # as importing does, but only after its hooks: the prices' HTTP library looks for it
        setattr(sys.modules[parent], name, module)
    prices.prepare()
