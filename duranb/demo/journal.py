"""What reached the stand-in, on disk: a line when a request arrives, another when it is over."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """One request to the stand-in. Times are microseconds since the epoch, UTC; 0: not yet.

    ``digest`` is equal for requests that ask for the same. ``sent`` is whether the whole answer
    went out while the client was still there. ``read`` and ``written`` count tokens.
    """

    number: int
    at: int
    path: str
    digest: str
    model: str
    stream: bool
    fate: str
    status: int = 0
    sent: bool = False
    ended: int = 0
    read: int = 0
    written: int = 0

    @property
    def answered(self) -> bool:
        """Whether a model's answer was fully sent: what a real provider would bill."""
        return self.sent and self.status == 200


def digest(path: str, body: Any) -> str:
    """What a request asks for, as a digest: its path and its body, whatever the order of keys."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(f"{path}\0{canonical}".encode(), digest_size=12).hexdigest()


class Journal:
    """Owns the file. Continues one that is there, so that numbers go on after a restart."""

    def __init__(self, file: Path) -> None:
        self._requests = {r.number: r for r in read_journal(file)}
        self._lock = threading.Lock()
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if file.stat().st_size:
            os.write(self._file, b"\n")  # a line that a kill cut short ends here

    def begin(self, path: str, body: Any, fate: Callable[[int], str]) -> Request:
        """Write down that a request arrived; ``fate`` says from its number what becomes of it."""
        asked = body if isinstance(body, dict) else {}
        with self._lock:
            number = max(self._requests, default=0) + 1
            request = Request(
                number=number,
                at=_now(),
                path=path,
                digest=digest(path, body),
                model=str(asked.get("model", "")),
                stream=bool(asked.get("stream")),
                fate=fate(number),
            )
            self._requests[number] = request
            self._write(asdict(request))
        return request

    def end(self, number: int, **outcome: Any) -> None:
        """Write down what became of it: ``status``, ``sent``, ``read``, ``written``."""
        with self._lock:
            outcome["ended"] = _now()
            self._requests[number] = replace(self._requests[number], **outcome)
            self._write({"number": number, **outcome})

    def requests(self) -> list[Request]:
        """All of them, in order of arrival."""
        with self._lock:
            return [self._requests[n] for n in sorted(self._requests)]

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")
        os.fsync(self._file)


def read_journal(file: Path) -> list[Request]:
    """What a journal holds, while the stand-in runs or after; empty when there is none."""
    found: dict[int, Request] = {}
    if not file.exists():
        return []
    for text in file.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue  # empty, or the line that a kill cut short
        number = line["number"]
        found[number] = replace(found[number], **line) if number in found else Request(**line)
    return [found[n] for n in sorted(found)]


def _now() -> int:
    return time.time_ns() // 1000
