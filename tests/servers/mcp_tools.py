"""A server of the Model Context Protocol with nothing but Python, over stdio or HTTP.

``python -S mcp_tools.py FOLDER NAME [--http]``, where ``FOLDER`` gets what reached it in
``seen.txt``, a line for each request, and tells it what to do: if there is a file ``kill``, the
process whose id is in it is killed when a tool has been carried out, before the answer; if there is
one called ``gone``, the server is not there. Over HTTP the URL is the first line of the output; a
path that ends in ``/sse`` is the transport of the protocol's first version.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any

TOOLS = {
    "get_weather": {},
    "open": {},
    "put": {"idempotentHint": True},
    "look": {"readOnlyHint": True},
    "fail": {},
    "crash": {},
    "quit": {},
}
"""Each tool, with what it says of itself."""

ANY = {"type": "object"}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TAKES = {"get_weather": CITY}
"""What a tool takes, where it matters."""

PAGE = 5
"""Tools on a page of the listing."""


class Server:
    """What is the same over every transport."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self._lock = threading.Lock()
        self._count = 0

    def answer(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to a message; None for a notification."""
        method, params = message["method"], message.get("params") or {}
        self.note(method if method != "tools/call" else f"call {self._called(params)}")
        if "id" not in message:
            return None
        made = getattr(self, "on_" + method.replace("/", "_"), None)
        if made is None:
            error = {"code": -32601, "message": "Method not found"}
            return {"jsonrpc": "2.0", "id": message["id"], "error": error}
        result = made(params)
        if "code" in result:
            return {"jsonrpc": "2.0", "id": message["id"], "error": result}
        return {"jsonrpc": "2.0", "id": message["id"], "result": result}

    def note(self, line: str) -> None:
        """It has reached the outside world."""
        with self._lock, open(self.folder / "seen.txt", "a") as seen:
            seen.write(line + "\n")

    @staticmethod
    def _called(params: dict[str, Any]) -> str:
        key = (params.get("_meta") or {}).get("duranb/idempotency-key", "")
        told = " ".join(map(str, (params.get("arguments") or {}).values()))
        return f"{params['name']} {told} {key}".strip()

    def on_initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        """The handshake."""
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}, "resources": {}, "prompts": {}},
            "serverInfo": {"name": self.name, "version": "1"},
        }

    def on_tools_list(self, params: dict[str, Any]) -> dict[str, Any]:
        """Some tools at a time."""
        first = int(params.get("cursor") or 0)
        listed = [
            {"name": name, "inputSchema": TAKES.get(name, ANY), "annotations": said}
            for name, said in list(TOOLS.items())[first : first + PAGE]
        ]
        more = {"nextCursor": str(first + PAGE)} if first + PAGE < len(TOOLS) else {}
        return {"tools": listed, **more}

    def on_tools_call(self, params: dict[str, Any]) -> dict[str, Any]:
        """Carry a tool out."""
        name = params["name"]
        if name == "crash":
            return {"code": -32603, "message": "Internal error"}
        if name == "quit":
            os._exit(1)
        kill = self.folder / "kill"
        if kill.exists():
            number = int(kill.read_text())
            kill.unlink()
            os.kill(number, signal.SIGKILL)
            sys.exit()
        with self._lock:
            self._count += 1
        text = f"{name} {self._count} of {os.getpid()}"
        if name == "get_weather":
            text = f"The weather in {params['arguments']['city']} is sunny."
        return {"content": [{"type": "text", "text": text}], "isError": name == "fail"}

    def on_resources_read(self, params: dict[str, Any]) -> dict[str, Any]:
        """A resource that changes."""
        with self._lock:
            self._count += 1
        return {"contents": [{"uri": params["uri"], "text": f"read {self._count}"}]}

    def on_prompts_get(self, params: dict[str, Any]) -> dict[str, Any]:
        """A prompt."""
        content = {"type": "text", "text": params["name"]}
        return {"messages": [{"role": "user", "content": content}]}


def stdio(server: Server) -> None:
    """A message a line."""
    for line in sys.stdin:
        answer = server.answer(json.loads(line))
        if answer is not None:
            print(json.dumps(answer), flush=True)


def http(server: Server) -> None:
    """A message a request, and a stream that stays open: for the answers, in the first version."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    streams: list[queue.Queue[bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = server.answer(json.loads(body))
            data = b"" if answer is None else json.dumps(answer).encode()
            if self.path.startswith("/sse"):
                streams[int(self.path.rpartition("/")[2])].put(data)
                answer, data = None, b""
            self.send_response(202 if answer is None else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.send_header("mcp-session-id", "one")
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            server.note("stream")
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(b": open\n\n")
            self.wfile.flush()
            if self.path == "/sse":
                self._tell_answers()
            threading.Event().wait()

        def _tell_answers(self) -> None:
            streams.append(queue.Queue())
            at = f"/sse/{len(streams) - 1}".encode()
            self.wfile.write(b"event: endpoint\ndata: " + at + b"\n\n")
            while True:
                data = streams[int(at[5:])].get()
                if data:
                    self.wfile.write(b"event: message\ndata: " + data + b"\n\n")

        def do_DELETE(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    print(f"http://127.0.0.1:{listening.server_port}/mcp", flush=True)
    listening.serve_forever()


if __name__ == "__main__":
    made = Server(Path(sys.argv[1]), sys.argv[2])
    if not (made.folder / "gone").exists():
        (http if "--http" in sys.argv else stdio)(made)
