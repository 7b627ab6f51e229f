"""Shell commands of a notebook, in what it was exported to: ``!make`` and ``files = !ls``."""

from __future__ import annotations

import codecs
import os
import subprocess
import sys


def shell_run(command: str, *, shell: str = "", check: bool = False) -> None:
    """Run a command and print what it prints as it comes, so that a step keeps it: as IPython does
    by the user's own shell, errors among the rest. By another ``shell``, as in a cell that begins
    with ``%%bash``, errors go to standard error. With ``check`` raises
    :class:`subprocess.CalledProcessError` where it fails."""
    sys.stdout.flush()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    errors = None if shell else subprocess.STDOUT
    with subprocess.Popen(
        [shell or _shell(), "-c", command], stdout=subprocess.PIPE, stderr=errors
    ) as process:
        assert process.stdout is not None
        while data := os.read(process.stdout.fileno(), 1 << 16):
            print(decoder.decode(data), end="", flush=True)
        print(decoder.decode(b"", final=True), end="", flush=True)
    if check and process.returncode:
        raise subprocess.CalledProcessError(process.returncode, [shell or _shell(), "-c", command])


def shell_lines(command: str) -> list[str]:
    """What a command prints, line by line, errors among the rest: a list with the attributes that
    IPython gives it (``.n``, ``.fields()``)."""
    from IPython.utils.text import SList  # which only such a script has to import

    sys.stdout.flush()
    done = subprocess.run(
        [_shell(), "-c", command],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    return SList(done.stdout.splitlines())


def _shell() -> str:
    return os.environ.get("SHELL") or "sh"
