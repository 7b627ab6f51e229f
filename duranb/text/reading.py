"""Reading a file of a folder that somebody else may have filled."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def regular(path: Path) -> bytes:
    """What a regular file holds, or one that a link leads to. In the place of a pipe somebody would
    be waited for, and a device never ends.

    Raises OSError.
    """
    opened = os.open(path, os.O_RDONLY | _AT_ONCE)
    with os.fdopen(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return file.read()
