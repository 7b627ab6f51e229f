"""Which kernel a notebook is run by without a front end, and how it is spoken to."""

from __future__ import annotations

import contextlib
import os
import tempfile

import nbformat
from jupyter_client.kernelspec import KernelSpec, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager

from duranb.errors import UsageError


def manager(document: nbformat.NotebookNode, kernel: str) -> AsyncKernelManager:
    """The kernel asked for, or the notebook's own. A name that means nothing on this machine is
    that of somebody else's environment: then it is this one's Python.

    Raises :class:`UsageError` for a kernel that is not there, or that does not speak Python.
    """
    spec = document.metadata.get("kernelspec", {})
    language = document.metadata.get("language_info", {}).get("name") or spec.get("language")
    if not kernel and (language or "python") != "python":
        raise UsageError(f"a durable notebook is written in Python, and this one in {language}")
    made = AsyncKernelManager(kernel_name=kernel or spec.get("name", "python3"))
    found = _spec(made)
    if found is None and kernel:
        known = ", ".join(sorted(made.kernel_spec_manager.find_kernel_specs()))
        raise UsageError(f"there is no kernel {kernel!r}; there are: {known}")
    if found is not None and found.language != "python":
        raise UsageError(f"the kernel {made.kernel_name!r} is not one for Python")
    return made if found is not None else AsyncKernelManager(kernel_name="python3")


def wires(manager: AsyncKernelManager) -> contextlib.AbstractContextManager[object]:
    """Have a kernel be spoken to through files, where the system has such sockets: a port that was
    free when it was chosen may be another process's when the kernel takes it, and a kernel that
    gets none lives on and says nothing. They are gone at the end."""
    if os.name == "nt":
        return contextlib.nullcontext()
    folder = tempfile.TemporaryDirectory(prefix="duranb-kernel-", ignore_cleanup_errors=True)
    if len(folder.name) > _LONGEST:
        return folder
    manager.transport, manager.ip = "ipc", f"{folder.name}/wire"
    return folder


_LONGEST = 80
"""Characters of a folder in which a socket can have its name: the system allows about a hundred."""


def _spec(manager: AsyncKernelManager) -> KernelSpec | None:
    try:
        return manager.kernel_spec
    except NoSuchKernel:
        return None
