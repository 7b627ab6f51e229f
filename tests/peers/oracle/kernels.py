"""Lives in kernels as users have them, each a process of its own, killed with ``kill -9``."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from tests.kernel.harness import Kernel, KernelDied
from tests.peers.oracle.life import ROOT, Lived, Server, Wanted, begin, play

_EVENTS = "__import__('tests.peers.oracle.life', fromlist=['x'])._events()"
_FACTS = (
    "print(__import__('json').dumps(__import__('tests.peers.oracle.life', fromlist=['x'])"
    ".facts(get_ipython().user_ns, {since}, {only})))"
)


class Kernels(Server):
    """Lives what a server lives, a thousand times slower and without any trick; what the cells read
    and write is noted by the server."""

    def live(self, wanted: Wanted) -> Lived:
        """Live one life to its end."""
        if wanted.mode == "trace":
            return super().live(wanted)
        notebook = Path(wanted.folder) / "notebook.ipynb"
        kernel = Kernel(notebook, PYTHONPATH=str(ROOT)).start(extension=False)
        lived = Lived()
        timer = threading.Timer(wanted.killed, kernel.kill_process) if wanted.killed else None

        def run(code: str) -> list[tuple[str, Any]]:
            result = kernel.run(code)
            failed = result.error
            return [
                *result.messages,
                *([("error", {"ename": failed[0], "evalue": failed[1]})] if failed else []),
            ]

        def die() -> bool:
            kernel.kill_process()
            return True

        try:
            begin(run, wanted, lived)
            since = int(kernel.value(_EVENTS)) if wanted.mode == "durable" else -1
            if timer is not None:
                timer.start()
            if play(run, wanted, lived, lambda done: None, die):
                found = kernel.run(_FACTS.format(since=since, only=wanted.only))
                assert found.error is None, found.error
                for name, fact in json.loads(found.stdout).items():
                    setattr(lived, name, fact)
        except KernelDied:
            lived.ended = False
        finally:
            if timer is not None:
                timer.cancel()
            kernel.kill()
        return lived
