"""The kernelspec of the durable kernel."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager

NAME = "python3-durable"

SPEC = {
    "argv": [
        sys.executable,
        "-m",
        "ipykernel_launcher",
        "--ext=duranb",
        "-f",
        "{connection_file}",
    ],
    "display_name": "Python 3 (durable)",
    "language": "python",
    "metadata": {"debugger": True},
    "kernel_protocol_version": "5.5",
}


def install(*, sys_prefix: bool = False) -> str:
    """Write the kernelspec for this interpreter; the folder it lies in."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kernel.json").write_text(json.dumps(SPEC, indent=1), encoding="utf-8")
        prefix = sys.prefix if sys_prefix else None
        return KernelSpecManager().install_kernel_spec(
            folder, NAME, user=prefix is None, prefix=prefix
        )
