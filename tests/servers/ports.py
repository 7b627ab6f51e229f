"""A port for a server that has to be told one before it starts, and may be started again on it."""

from __future__ import annotations

import random
import socket

GIVEN = range(10_000, 30_000)
"""Below those that a system gives to whoever asks for any (from 32768 on Linux, from 49152
elsewhere): a port of theirs that is free now may be the near end of somebody's connection when the
server starts."""

_chance = random.SystemRandom()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has, and that nobody gets without asking for just it."""
    while True:
        port = _chance.choice(GIVEN)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:  # somebody has it
                continue
            return port
