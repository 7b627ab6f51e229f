"""A model server with limits, for many documents: ``python -m tests.servers.limited PORT``.

It answers OpenAI's chat completions with a few words on the document it is sent. ``POST /__config``
says what goes wrong; ``GET /__stats`` what reached it. One process, no threads: a request costs it
little, so that what is measured is the client.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import zlib
from collections import Counter
from typing import Any


class World:
    """What the server does, and what it remembers.

    ``per_second`` requests are answered, with bursts of ``burst``; the others are refused with 429
    and a Retry-After (0: no limit), and so are the first ``refusing``. ``failing`` and ``slow`` are
    parts of a thousand documents: the first request for such a one gets a 500, or is answered
    ``slowness`` seconds later.
    ``malformed`` is the document whose first answer is no JSON. ``delay`` is in seconds.
    ``tokens`` are those that an answer is said to have on average; some have up to twice as many.
    """

    def __init__(self) -> None:
        self.per_second = 0.0
        self.burst = 1.0
        self.refusing = 0
        self.failing = 0
        self.slow = 0
        self.slowness = 0.5
        self.malformed = ""
        self.delay = 0.0
        self.tokens = 10
        self.reset()

    def reset(self) -> None:
        """Forget what reached it."""
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.level = self.burst
        self.filled = time.monotonic()
        self.first = self.last = 0.0

    def refusal(self) -> float:
        """Seconds until the limit allows a request; 0: now."""
        if self.statuses[429] < self.refusing:
            return 0.05
        if not self.per_second:
            return 0.0
        now = time.monotonic()
        self.level = min(self.burst, self.level + (now - self.filled) * self.per_second)
        self.filled = now
        if self.level >= 1:
            self.level -= 1
            return 0.0
        return (1 - self.level) / self.per_second

    async def answer(self, body: Any) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body."""
        if not body.get("messages"):
            return 400, {}, {"error": {"message": "there are no messages"}}
        text = str(body["messages"][-1]["content"])
        self.first = self.first or time.monotonic()
        wait = self.refusal()
        if wait:
            return 429, {"Retry-After": f"{wait:.3f}"}, {"error": {"message": "too many requests"}}
        self.asked[text] += 1
        lot = zlib.crc32(text.encode()) % 1000
        if self.asked[text] == 1 and lot < self.failing:
            return 500, {}, {"error": {"message": "the model fell over"}}
        slow = self.asked[text] == 1 and self.failing <= lot < self.failing + self.slow
        await asyncio.sleep(self.slowness if slow else self.delay)
        self.answered[text] += 1
        self.last = time.monotonic()
        said = json.dumps({"about": text})
        if text == self.malformed and self.answered[text] == 1:
            said = said[:-1]
        message = {"role": "assistant", "content": said}
        tokens = zlib.crc32(text[::-1].encode()) % (2 * self.tokens) + 1
        usage = {"prompt_tokens": 100, "completion_tokens": tokens}
        whole = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {**usage, "total_tokens": 100 + tokens},
        }
        return 200, {}, whole

    def stats(self) -> Any:
        """What reached it: statuses, the number of answers, and those given more than once."""
        return {
            "statuses": {str(status): n for status, n in self.statuses.items()},
            "answered": sum(self.answered.values()),
            "twice": {text: n for text, n in self.answered.items() if n > 1},
            "seconds": self.last - self.first,
        }


async def serve(world: World, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, until the client leaves."""
    try:
        while line := await reader.readline():
            _, path, _ = line.decode().split(" ", 2)
            size = 0
            while (header := await reader.readline()).strip():
                name, _, value = header.decode().partition(":")
                size = int(value) if name.lower() == "content-length" else size
            body = json.loads(await reader.readexactly(size) or b"{}")
            headers: dict[str, str] = {}
            status, told = 200, None
            if path == "/__config":
                vars(world).update(body)
                world.reset()
            elif path == "/__stats":
                told = world.stats()
            else:
                status, headers, told = await world.answer(body)
                world.statuses[status] += 1
            data = json.dumps(told).encode()
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + data)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # a client that was killed: that is what this server is for
    finally:
        writer.close()


async def main(port: int) -> None:
    """Serve until killed; the first line of output is the port."""
    world = World()
    server = await asyncio.start_server(lambda r, w: serve(world, r, w), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
