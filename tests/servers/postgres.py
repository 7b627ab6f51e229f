"""A PostgreSQL server of the test's own, on 127.0.0.1, in a folder that goes with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ports import free_port

USER = "nobody"
"""PostgreSQL does not run as root."""


def found() -> bool:
    """Whether PostgreSQL's programs, and psycopg, are on this machine."""
    import importlib.util

    programs = all(map(shutil.which, ("initdb", "pg_ctl")))
    return programs and importlib.util.find_spec("psycopg") is not None


@contextmanager
def serving() -> Iterator[str]:
    """Start one; the connection string. It is stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="duranb-pg-"))
    if os.getuid() == 0:
        shutil.chown(folder, USER)
    port = free_port()
    options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={folder}"
    data, log = str(folder / "data"), str(folder / "log")
    try:
        _run("initdb", "-D", data, "-U", "duranb", "-A", "trust", "--no-sync")
        _run("pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start")
        try:
            yield f"host=127.0.0.1 port={port} user=duranb dbname=postgres"
        finally:
            _run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _run(program: str, *words: str) -> None:
    command = [str(shutil.which(program)), *words]
    if os.getuid() == 0:
        command = ["setpriv", f"--reuid={USER}", f"--regid={_group()}", "--clear-groups", *command]
    # The server inherits what it is given: a pipe would stay open as long as it runs.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(command, cwd="/", stdout=said, stderr=said, check=False)
        said.seek(0)
        assert done.returncode == 0, said.read().decode()


def _group() -> str:
    import grp
    import pwd

    return grp.getgrgid(pwd.getpwnam(USER).pw_gid).gr_name
