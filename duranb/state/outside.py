"""Files of the user's that values keep their state in: no rewind reaches them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from duranb.code.looking import own_failure
from duranb.state import pending, reconnect
from duranb.state.capture import reduction
from duranb.values import codec


def files(live: dict[str, Any], names: Iterable[str]) -> dict[str, list[str]]:
    """By file, those of some names whose values keep their state in it: a connection to a database
    in a file, an agent's session. A value that is still to be loaded is not looked at."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        value = live.get(name)
        if value is None or pending.is_pending(value):
            continue
        try:
            met = codec.dump({name: value}, live, reduction).met
        except BaseException as error:  # of any kind: pickling runs the values' own code
            if not own_failure(error):
                raise
            continue
        for file in {reconnect.file_of(each) for each in met.described} - {""}:
            found.setdefault(file, []).append(name)
    return found
