"""A model server with batches, at half the price: ``python -m tests.servers.batching PORT``.

It speaks the batch APIs of OpenAI, Azure OpenAI, Anthropic and Gemini, and the live ones, and has a
few words on each text that it is sent. ``POST /__config`` says what goes wrong; ``GET /__stats``
what reached it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

TOKENS = (20, 10)
"""Of each request and each answer."""


class Batch:
    """One that was submitted: its requests by their ids, and when it ends."""

    def __init__(self, number: int, path: str, requests: dict[str, Any], tag: str) -> None:
        self.id = f"batch_{number}"
        self.path = path
        self.requests = requests
        self.tag = tag
        self.created = time.time()


class World:
    """What the server does, and what it remembers.

    A batch ends ``delay`` seconds after it was submitted. Requests for ``rejected`` texts are
    rejected in it, those for ``expired`` ones not made in time. The answers to the next ``lost``
    submissions are lost, and of the next ``dropped`` ones the submissions themselves; ``refusing``
    is a status with which submissions are refused (0: none). ``malformed`` is a text whose first
    answer is no JSON. ``taken`` is a status (0: none) and ``garbled`` the JSON with which
    submissions are answered that were taken. ``harms`` is what goes wrong with the next files of
    answers, one after the other: ``cut`` in the last line, ``short`` of it, ``twice`` each line and
    then as an error, ``foreign``: lines of others too, ``bodiless``. ``puzzling`` is how many looks
    at a batch are answered with what says nothing; ``endless``: its list has always more.
    ``elsewhere`` is another address of this server, to which files of answers have moved.
    ``victim`` is the process that is killed at its next submission, at a ``moment``: before or
    after it was taken.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.rejected: list[str] = []
        self.expired: list[str] = []
        self.lost = 0
        self.dropped = 0
        self.refusing = 0
        self.malformed = ""
        self.taken = 0
        self.garbled: Any = None
        self.harms: list[str] = []
        self.puzzling = 0
        self.endless = False
        self.elsewhere = ""
        self.victim = 0
        self.moment = ""
        self.reset()

    def reset(self) -> None:
        """Forget what reached it."""
        self.files: dict[str, bytes] = {}
        self.processed: set[str] = set()
        self.batches: list[Batch] = []
        self.submitted: Counter[str] = Counter()
        self.live: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.keys: Counter[str] = Counter()

    def stats(self) -> Any:
        """What reached it: texts by how often they were submitted and asked live, the number of
        batches, and of tokens, those in batches counted half; how many keys, by its address."""
        calls = sum(self.submitted.values()) / 2 + sum(self.live.values())
        return {
            "submitted": self.submitted,
            "live": self.live,
            "batches": len(self.batches),
            "tags": [batch.tag for batch in self.batches],
            "paths": self.asked,
            "calls": calls,
            "keys": self.keys,
        }

    # -- answers ---------------------------------------------------------------------------

    def answer(self, path: str, body: Any) -> Any:
        """The body of a whole answer, as OpenAI's or Anthropic's."""
        text = text_of(body)
        self.answered[text] += 1
        said = json.dumps({"about": text})
        if text == self.malformed and self.answered[text] == 1:
            said = said[:-1]
        if path.endswith("/messages"):
            usage = {"input_tokens": TOKENS[0], "output_tokens": TOKENS[1]}
            content = [{"type": "text", "text": said}]
            head = {"id": "msg_1", "type": "message", "role": "assistant", "stop_sequence": None}
            return {
                **head,
                "model": body["model"],
                "content": content,
                "stop_reason": "end_turn",
                "usage": usage,
            }
        if path.endswith(":generateContent"):
            counted = dict(zip(("promptTokenCount", "candidatesTokenCount"), TOKENS, strict=True))
            content = {"role": "model", "parts": [{"text": said}]}
            return {
                "candidates": [{"content": content, "finishReason": "STOP"}],
                "usageMetadata": {**counted, "totalTokenCount": sum(TOKENS)},
                "modelVersion": path.rpartition("/")[2].partition(":")[0],
            }
        message = {"role": "assistant", "content": said}
        usage = {"prompt_tokens": TOKENS[0], "completion_tokens": TOKENS[1]}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {**usage, "total_tokens": sum(TOKENS)},
        }

    def submit(self, path: str, requests: dict[str, Any], tag: str) -> Batch:
        """Take a batch."""
        batch = Batch(len(self.batches) + 1, path, requests, tag)
        self.batches.append(batch)
        self.submitted.update(map(text_of, requests.values()))
        return batch

    def has_ended(self, batch: Batch) -> bool:
        """Whether its answers are there."""
        return time.time() >= batch.created + self.delay

    def results(self, batch: Batch) -> list[Any]:
        """A line for each request, in an order of the server's own."""
        one = self._completion
        if batch.path.endswith("/messages"):
            one = self._message
        elif batch.path.endswith(":generateContent"):
            one = self._generated
        return [one(batch, name) for name in reversed(batch.requests)]

    def _completion(self, batch: Batch, name: str) -> Any:
        body = batch.requests[name]
        line: Any = {"id": f"r_{name}", "custom_id": name, "response": None, "error": None}
        if text_of(body) in self.expired:
            line["error"] = {"code": "batch_expired", "message": "not made within 24 hours"}
        elif text_of(body) in self.rejected:
            error = {"error": {"message": "this text is rejected", "type": "invalid_request_error"}}
            line["response"] = {"status_code": 400, "request_id": "r", "body": error}
        else:
            answer = self.answer(batch.path, body)
            line["response"] = {"status_code": 200, "request_id": "r", "body": answer}
        return line

    def _message(self, batch: Batch, name: str) -> Any:
        body = batch.requests[name]
        result: Any = {"type": "succeeded"}
        if text_of(body) in self.expired:
            result["type"] = "expired"
        elif text_of(body) in self.rejected:
            error = {"type": "invalid_request_error", "message": "this text is rejected"}
            result = {"type": "errored", "error": {"type": "error", "error": error}}
        else:
            result["message"] = self.answer(batch.path, body)
        return {"custom_id": name, "result": result}

    def _generated(self, batch: Batch, name: str) -> Any:
        body = batch.requests[name]
        line: Any = {"metadata": {"key": name}}
        if text_of(body) in self.expired:
            line["error"] = {"code": 4, "message": "not made within 24 hours"}
        elif text_of(body) in self.rejected:
            line["error"] = {"code": 3, "message": "this text is rejected"}
        else:
            line["response"] = self.answer(batch.path, body)
        return line


def text_of(body: Any) -> str:
    """The text that a request is about."""
    if "contents" in body:
        return str(body["contents"][-1]["parts"][0]["text"])
    return str(body["messages"][-1]["content"])


class Api:
    """Paths to answers: (status, JSON or lines); None where the connection is to break."""

    def __init__(self, world: World) -> None:
        self.world = world

    def serve(self, method: str, path: str, kind: str, content: bytes) -> tuple[int, Any] | None:
        """Answer one request."""
        world, (path, _, query) = self.world, path.partition("?")
        world.asked[f"{method} {path}"] += 1
        if path.startswith("/openai/"):
            return self._azure(method, path.removeprefix("/openai"), query, kind, content)
        if path.startswith("/v1beta/") and not path.endswith(":generateContent"):
            return self._gemini(method, path.removeprefix("/v1beta/"), content)
        if path == "/v1/files":
            world.files[f"file_{len(world.files)}"] = file_in(kind, content)
            return 200, {"id": f"file_{len(world.files) - 1}", "object": "file"}
        if path.startswith("/v1/files/"):
            name = path.split("/")[3]
            return 200, self._output(name) if name.startswith("out_") else world.files[name]
        if path in ("/v1/batches", "/v1/messages/batches"):
            return self._batches(path, method, content)
        if path.startswith(("/v1/batches/", "/v1/messages/batches/")):
            batch = next((b for b in world.batches if b.id in path.split("/")), None)
            if batch is None:
                return 404, {"error": {"message": "there is no such batch"}}
            if path.endswith("/results"):
                return 200, self._file(batch)
            if world.puzzling:
                world.puzzling -= 1
                return 200, {"object": "batch"}
            return 200, self._shown(batch)
        body = json.loads(content)
        world.live[text_of(body)] += 1
        if text_of(body) in world.rejected:
            return 400, {"error": {"message": "this text is rejected"}}
        return 200, world.answer(path, body)

    def _azure(
        self, method: str, path: str, query: str, kind: str, content: bytes
    ) -> tuple[int, Any] | None:
        """As OpenAI, but that each request names a version, that deployments are in paths and not
        in batches, and that a file takes its time."""
        world = self.world
        if "api-version=" not in query:
            return 404, {"error": {"code": "404", "message": "Resource not found"}}
        if path == "/files":
            status, told = self.serve(method, "/v1/files", kind, content) or (500, None)
            return status, {**told, "status": "pending"}
        if path.startswith("/files/") and not path.endswith("/content"):
            world.processed.add(name := path.split("/")[2])
            return 200, {"id": name, "object": "file", "status": "processed"}
        if path == "/batches" and method == "POST":
            asked = json.loads(content)
            given = [*map(json.loads, world.files[asked["input_file_id"]].splitlines())]
            wrong = {asked["endpoint"], *(line["url"] for line in given)} - {"/chat/completions"}
            if wrong or {line["body"]["model"] for line in given} != {"batches"}:
                return 400, {"error": {"message": f"no such endpoint or deployment: {wrong}"}}
            if asked["input_file_id"] not in world.processed:
                return 400, {"error": {"message": "the file is not processed yet"}}
        if path.startswith("/deployments/"):
            path = "/" + path.split("/", 3)[3]
        return self.serve(method, f"/v1{path}", kind, content)

    def _gemini(self, method: str, path: str, content: bytes) -> tuple[int, Any] | None:
        """Its batches; long-running operations as Google has them."""
        world = self.world
        if method == "GET" and path == "batches":
            shown = [self._operation(batch, whole=False) for batch in reversed(world.batches)]
            return 200, {"operations": shown} if shown else {}
        if method == "GET":
            batch = next((b for b in world.batches if path == f"batches/{b.id}"), None)
            if batch is None:
                return 404, {"error": {"code": 404, "message": "no such batch", "status": "NOT"}}
            return 200, self._operation(batch, whole=True)
        if (ends := self._ends_before()) is not None:
            return ends[0]
        asked = json.loads(content)["batch"]
        given = asked["inputConfig"]["requests"]["requests"]
        requests = {one["metadata"]["key"]: one["request"] for one in given}
        named = "/v1beta/" + path.replace(":batchGenerateContent", ":generateContent")
        batch = world.submit(named, requests, asked["displayName"])
        return self._taken(batch, self._operation(batch, whole=False))

    def _operation(self, batch: Batch, *, whole: bool) -> Any:
        ended, count = self.world.has_ended(batch), str(len(batch.requests))
        state = "BATCH_STATE_SUCCEEDED" if ended else "BATCH_STATE_RUNNING"
        stats = {"requestCount": count, **({"successfulRequestCount": count} if ended else {})}
        found: Any = {
            "name": f"batches/{batch.id}",
            "metadata": {"displayName": batch.tag, "state": state, "batchStats": stats},
        }
        if ended:
            found["done"] = True
        if ended and whole:
            inlined = {"inlinedResponses": self.world.results(batch)}
            found["response"] = {"inlinedResponses": inlined}
        return found

    def _batches(self, path: str, method: str, content: bytes) -> tuple[int, Any] | None:
        world = self.world
        if method == "GET":
            shown = [self._shown(batch) for batch in reversed(world.batches)]
            return 200, {"data": shown, "has_more": world.endless}
        if (ends := self._ends_before()) is not None:
            return ends[0]
        asked = json.loads(content)
        if path == "/v1/batches":
            given = map(json.loads, world.files[asked["input_file_id"]].splitlines())
            requests = {line["custom_id"]: line["body"] for line in given}
            batch = world.submit(asked["endpoint"], requests, asked["metadata"]["duranb"])
        else:
            requests = {one["custom_id"]: one["params"] for one in asked["requests"]}
            batch = world.submit("/v1/messages", requests, next(iter(requests)).rpartition("-")[0])
        return self._taken(batch, self._shown(batch))

    def _ends_before(self) -> tuple[tuple[int, Any] | None] | None:
        """What a submission ends in that is not taken; None for one that is."""
        world = self.world
        if world.refusing:
            return ((world.refusing, {"error": {"message": "no batches here"}}),)
        if world.dropped:
            world.dropped -= 1
            return (None,)
        if world.victim and world.moment == "before":
            self._kill()
            return (None,)
        return None

    def _taken(self, batch: Batch, shown: Any) -> tuple[int, Any] | None:
        """What a submission ends in that was taken."""
        world = self.world
        if world.victim:
            self._kill()
            return None
        if world.lost:
            world.lost -= 1
            return None
        if world.taken:
            return world.taken, {"error": {"message": "the gateway gave up"}}
        return 200, shown if world.garbled is None else world.garbled

    def _kill(self) -> None:
        victim, self.world.victim = self.world.victim, 0
        os.kill(victim, signal.SIGKILL)

    def _output(self, name: str) -> bytes:
        batch = next(b for b in self.world.batches if name == f"out_{b.id}")
        return self._file(batch)

    def _file(self, batch: Batch) -> bytes:
        """A batch's answers, and what goes wrong with them."""
        found, harms = self.world.results(batch), self.world.harms
        harm = harms.pop(0) if harms else ""
        if harm == "cut":
            return lines(found)[:-20]
        if harm == "short":
            found = found[:-1]
        if harm == "twice":
            found += [{**each, "response": None, "error": {"message": "again"}} for each in found]
        if harm == "foreign":
            found += [{**each, "custom_id": f"of-another-{n}"} for n, each in enumerate(found)]
        if harm == "bodiless":
            found[0]["response"] = {"status_code": 200}
        return lines(found)

    def _shown(self, batch: Batch) -> Any:
        ended, count = self.world.has_ended(batch), len(batch.requests)
        if batch.path == "/v1/messages":
            counts = {"processing": 0 if ended else count, "succeeded": count if ended else 0}
            return {
                "id": batch.id,
                "processing_status": "ended" if ended else "in_progress",
                "request_counts": counts,
                "created_at": datetime.fromtimestamp(batch.created, UTC).isoformat(),
                "results_url": f"/v1/messages/batches/{batch.id}/results" if ended else None,
            }
        return {
            "id": batch.id,
            "status": "completed" if ended else "in_progress",
            "request_counts": {"completed": count if ended else 0, "failed": 0, "total": count},
            "created_at": int(batch.created),
            "metadata": {"duranb": batch.tag},
            "output_file_id": f"out_{batch.id}" if ended else None,
        }


def lines(found: list[Any]) -> bytes:
    """A file with a JSON value on each line."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in found)


def file_in(kind: str, content: bytes) -> bytes:
    """The file in a multipart body."""
    boundary = b"--" + kind.partition("boundary=")[2].strip('"').encode()
    part = next(p for p in content.split(boundary) if b"filename=" in p)
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


async def serve(world: World, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, until the client leaves."""
    api = Api(world)
    try:
        while line := await reader.readline():
            method, path, _ = line.decode().split(" ", 2)
            size, kind, host, keys = 0, "", "", 0
            while (header := await reader.readline()).strip():
                name, _, value = header.decode().partition(":")
                size = int(value) if name.lower() == "content-length" else size
                kind = value.strip() if name.lower() == "content-type" else kind
                host = value.strip() if name.lower() == "host" else host
                keys += "sk-secret" in value
            content = await reader.readexactly(size)
            if path == "/__config":
                vars(world).update(json.loads(content))
                answer: tuple[int, Any] | None = (200, None)
            elif path == "/__reset":
                world.__init__()  # type: ignore[misc]
                answer = (200, None)
            elif path == "/__stats":
                answer = (200, world.stats())
            elif (
                world.elsewhere
                and path.partition("?")[0].endswith(("/content", "/results"))
                and (not world.elsewhere.endswith(host))
            ):
                answer = (302, b"")
            else:
                answer = api.serve(method, path, kind, content)
            if answer is None:
                return
            status, told = answer
            data = told if isinstance(told, bytes) else json.dumps(told).encode()
            world.keys[host] += keys
            head = f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            if status == 302:
                head += f"Location: {world.elsewhere}{path}\r\n"
            writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + data)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # a client that was killed: that is what this server is for
    finally:
        writer.close()


async def main(port: int) -> None:
    """Serve until killed; the first line of output is the port."""
    world = World()
    server = await asyncio.start_server(
        lambda r, w: serve(world, r, w), "127.0.0.1", port, limit=2**24
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
