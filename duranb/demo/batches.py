"""``/v1/files`` and ``/v1/batches``: many requests at once, answered some time later."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from duranb.demo import wire
from duranb.demo.prompts import BadRequest

FILES, BATCHES = "/v1/files", "/v1/batches"

SECONDS = 5.0
"""Until a batch has ended, unless the stand-in's pace is another one."""

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')


@dataclass
class _Batch:
    """One that was submitted: what is told of it, its answers, and when it has ended."""

    told: dict[str, Any]
    answers: list[dict[str, Any]]
    ends: float = field(default=0.0)


class Batches:
    """Those of one stand-in, for as long as it runs. ``answer`` gives the status and the body of
    an answer to a path and a body; ``seconds`` go by until a batch has ended."""

    def __init__(self, answer: Callable[[str, Any], tuple[int, Any]], seconds: float) -> None:
        self._answer = answer
        self._seconds = seconds
        self._files: dict[str, bytes] = {}
        self._batches: dict[str, _Batch] = {}
        self._lock = threading.Lock()

    def upload(self, content_type: str, content: bytes) -> dict[str, Any]:
        """Keep the file in a multipart body. Raises :class:`BadRequest`."""
        boundary = _BOUNDARY.search(content_type)
        parts = content.split(b"--" + boundary[1].encode()) if boundary else []
        found = next((part for part in parts if b"filename=" in part), None)
        if found is None:
            raise BadRequest("a file in a multipart body")
        with self._lock:
            name = f"file-standin-{len(self._files) + 1}"
            data = found.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
            self._files[name] = data
        return {"id": name, "object": "file", "bytes": len(data), "purpose": "batch"}

    def submit(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Take a batch. Raises :class:`BadRequest`."""
        content = self._files.get(str(asked.get("input_file_id")))
        if content is None:
            raise BadRequest("there is no such input file")
        try:
            lines = [json.loads(line) for line in content.splitlines() if line.strip()]
            answers = [self._answered(line) for line in lines]
        except (ValueError, KeyError, TypeError) as error:
            raise BadRequest(f"the input file has no request on some line: {error}") from error
        now = time.time()
        with self._lock:
            name = f"batch_standin_{len(self._batches) + 1}"
            told = {
                "id": name,
                "object": "batch",
                "endpoint": asked.get("endpoint"),
                "input_file_id": asked["input_file_id"],
                "completion_window": asked.get("completion_window"),
                "created_at": int(now),
                "metadata": asked.get("metadata") or {},
            }
            self._batches[name] = _Batch(told, answers, now + self._seconds)
        return self.shown(name)

    def _answered(self, line: dict[str, Any]) -> dict[str, Any]:
        status, body = self._answer(str(line["url"]), line["body"])
        answer = {"status_code": status, "request_id": line["custom_id"], "body": body}
        return {"custom_id": line["custom_id"], "response": answer, "error": None}

    def shown(self, name: str) -> dict[str, Any]:
        """How far a batch is. Raises KeyError."""
        batch = self._batches[name]
        total = len(batch.answers)
        left = max(0.0, batch.ends - time.time())
        if left:
            done = int(total * (1 - left / self._seconds))
            counts = {"total": total, "completed": done, "failed": 0}
            return {**batch.told, "status": "in_progress", "request_counts": counts}
        counts = {"total": total, "completed": total, "failed": 0}
        output = f"{name}.jsonl"
        return {
            **batch.told,
            "status": "completed",
            "request_counts": counts,
            "output_file_id": output,
        }

    def listed(self) -> dict[str, Any]:
        """All of them, the latest first."""
        with self._lock:
            names = list(reversed(self._batches))
        return {"object": "list", "data": [*map(self.shown, names)], "has_more": False}

    def output(self, file: str) -> bytes:
        """The answers of a batch that has ended. Raises KeyError."""
        answers = self._batches[file.removesuffix(".jsonl")].answers
        return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in answers)

    def found(self, path: str) -> tuple[int, Any]:
        """The status and the body for what is asked for by GET below these paths."""
        try:
            if path.rstrip("/") == BATCHES:
                return 200, self.listed()
            if path.startswith(f"{BATCHES}/"):
                return 200, self.shown(path.removeprefix(f"{BATCHES}/"))
            return 200, self.output(path.removeprefix(f"{FILES}/").removesuffix("/content"))
        except KeyError:
            return 404, wire.error(f"there is no {path} here", "not_found")
