"""Runs at times: each is a run of its own, named by the time it began, and goes on until it is
done before the next one begins."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from duranb.engine import inbox
from duranb.errors import UsageError
from duranb.runner import headless, over
from duranb.runner.over import How, Outcome, Row
from duranb.store import StoreView, is_store, store_path
from duranb.store.paths import real, runs_path
from duranb.terminal import tame

NAME = "%Y-%m-%dT%H-%M-%S"
_NAMED = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d")

LOOK = 1.0
"""Seconds between two looks at whether what a run waits for has come."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DAY = _UNITS["d"]


@dataclass(frozen=True)
class Every:
    """Every so many seconds, from now on."""

    seconds: int

    def after(self, began: datetime, now: datetime) -> datetime:
        """The first time after ``now``, where the first run began at ``began``. What was missed is
        not made up for."""
        gone = (now - began).total_seconds() // self.seconds
        return began + timedelta(seconds=self.seconds * (gone + 1))

    def cron(self) -> str:
        """The same as crontab has it. Raises :class:`UsageError` for what it has no words for."""
        minutes, rest = divmod(self.seconds, 60)
        if not rest and minutes < 60 and 60 % minutes == 0:
            return f"*/{minutes} * * * *" if minutes > 1 else "* * * * *"
        hours, rest = divmod(self.seconds, 3600)
        if not rest and hours < 24 and 24 % hours == 0:
            return f"0 */{hours} * * *" if hours > 1 else "0 * * * *"
        if self.seconds == _DAY:
            return "0 0 * * *"
        raise UsageError(
            "a crontab has times of the day: --every takes minutes or hours that divide an hour or "
            "a day, or 1d"
        )


@dataclass(frozen=True)
class Daily:
    """Every day at a time, local."""

    hour: int
    minute: int

    def after(self, began: datetime, now: datetime) -> datetime:
        """The first time after ``now``."""
        today = now.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0)
        return today if today > now else today + timedelta(days=1)

    def cron(self) -> str:
        """The same as crontab has it."""
        return f"{self.minute} {self.hour} * * *"


def times(every: str, at: str) -> Every | Daily:
    """When runs begin, as typed: ``1h30m``, or ``07:30``. Raises :class:`UsageError`."""
    if bool(every) == bool(at):
        raise UsageError("a schedule is either --every 1h or --at 07:30")
    if at:
        found = re.fullmatch(r"(\d{1,2}):(\d\d)", at)
        if found is None or int(found[1]) > 23 or int(found[2]) > 59:
            raise UsageError(f"--at takes a time of the day such as 07:30, not {at!r}")
        return Daily(int(found[1]), int(found[2]))
    parts = re.findall(r"(\d+)([smhd])", every)
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if "".join(n + u for n, u in parts) != every or not seconds:
        raise UsageError(f"--every takes a time such as 30m, 1h or 1h30m, not {every!r}")
    return Every(seconds)


def crontab(notebook: Path, when: Every | Daily, words: list[str]) -> str:
    """The line of a crontab that runs a notebook at these times, with more ``words``.

    Raises :class:`UsageError` for what no line can say.
    """
    notebook = real(notebook)
    # A file's name may look like an option.
    name = f"./{notebook.name}" if notebook.name.startswith("-") else notebook.name
    said = shlex.join([sys.executable, "-m", "duranb", "run", name, "--next", *words])
    log = shlex.quote(f"{notebook.stem}.log")
    line = f"cd {shlex.quote(str(notebook.parent))} && {said} >> {log} 2>&1"
    if "\n" in line or tame(line) != line:
        raise UsageError(
            f"a line of a crontab cannot say {line!r}: a name or an option has a new line or "
            "another control character in it. Rename what has it"
        )
    # A bare one is a newline to cron, and so is one after two backslashes: quotes keep it apart
    # from a backslash of the name's own.
    escaped = line.replace("%", "''\\%" if "\\%" in line else "\\%")
    return f"{when.cron()} {escaped}"


def next_run(notebook: Path) -> str:
    """The name of the run to carry out now: the latest one that is not done, else a new one."""
    folder = runs_path(notebook)
    begun = sorted(x.name for x in folder.glob("*") if _NAMED.fullmatch(x.name) and is_store(x))
    ended = {x.run: x.exit for x in over.kept(folder / over.OUTCOMES)}
    if begun and ended.get(begun[-1]) != headless.DONE:
        return begun[-1]
    return datetime.now().strftime(NAME)


def tick(notebook: Path, parameters: Mapping[str, Any], how: How) -> Outcome:
    """Carry out the next run; what came out of it. Raises :class:`UsageError` for what is no
    notebook."""
    return over.carry_out(notebook, Row(0, next_run(notebook), parameters), how)


def go_on(
    notebook: Path,
    parameters: Mapping[str, Any],
    how: How,
    when: Every | Daily,
    ended: Callable[[Outcome, datetime], None],
) -> None:
    """Carry out runs at their times, for ever: the first one now, where it is every so often.

    One that waits goes on as soon as what it waits for is there. ``ended`` is told what came out of
    each, and when the next one begins. Raises KeyboardInterrupt when it is interrupted.
    """
    began = datetime.now()
    due = began if isinstance(when, Every) else when.after(began, began)
    while True:
        _wait(due, lambda: False)
        outcome = tick(notebook, parameters, how)
        due = when.after(began, datetime.now())
        ended(outcome, due)
        if outcome.exit == headless.INTERRUPTED:
            raise KeyboardInterrupt
        while outcome.exit == headless.WAITING and _wait(due, _comes(notebook / outcome.run)):
            outcome = tick(notebook, parameters, how)
            ended(outcome, due)


def _wait(due: datetime, there: Callable[[], bool]) -> bool:
    """Wait until then, or until something is ``there``; whether it is."""
    while (left := (due - datetime.now()).total_seconds()) > 0:
        if there():
            return True
        time.sleep(min(LOOK, left))
    return False


def _comes(run: Path) -> Callable[[], bool]:
    """Tells whether anything has come that a run waits for: an answer, a signal, a time."""
    store = store_path(run)
    with StoreView.open(store) as view:
        history = view.history()
        waits = [c for x in history.executions for c in history.waits_for(x)]
    times = [c.until / 1e6 for c in waits if c.until]

    def there() -> bool:
        posted = any(f.suffix == ".json" for k in inbox.KINDS for f in (store / k).glob("*"))
        return posted or not waits or any(time.time() >= each for each in times)

    return there
