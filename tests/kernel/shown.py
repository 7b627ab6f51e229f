"""What cells show, made comparable: plain beside durable, and what was restored beside what ran.

Figures are compared by their pixels and drawings by their shapes, ids by where they first appear,
and text without the addresses of objects.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.kernel.harness import Kernel, Result

Message = tuple[str, str]
"""The type of a message, and its content as comparable text."""

_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_ID = re.compile(
    r"(?<![0-9a-f])(?:[0-9a-f]{32}|[0-9a-f]{16}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|[0-9a-f]{8}-[0-9a-f]{24}_\d+_\d+)(?![0-9a-f])"
)
_INPUT = re.compile(r"In\[\d+\]|(?<=/)ipykernel_\d+/\d+\.py(?::\d+)?|<ipython-input-\d+-[0-9a-f]+>")
_LINE = re.compile(r"(?<=, line )\d+|(?<=\.py:)\d+|^(?:-+>)?\s*\d+ ", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_OF_A_DRAWING = re.compile(r'(?:id|xlink:href|clip-path)="[^"]*"|<dc:date>[^<]*</dc:date>')


class Seen:
    """Messages of one life of a notebook, with ids that are numbered as they come up."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def of(self, result: Result) -> list[Message]:
        """All that a cell put out, in order, but duranb's own lines."""
        found: list[Message] = []
        for kind, content in result.messages:
            if is_notice(content):
                continue
            if kind == "stream" and found and found[-1][0] == content["name"]:
                found[-1] = (content["name"], found[-1][1] + self._text(content["text"]))
            elif kind == "stream":
                found.append((content["name"], self._text(content["text"])))
            else:
                found.append((kind, self._content(kind, content)))
        if result.error is not None:
            name, value, trace = result.error
            found.append(("error", self._text(f"{name}: {value}\n{_frames(trace)}")))
        for each in result.payload:
            found.append(("payload", self._text(json.dumps(each, sort_keys=True))))
        return found

    def _content(self, kind: str, content: dict[str, Any]) -> str:
        kept = {k: v for k, v in content.items() if k != "execution_count"}
        if "data" in kept:
            kept["data"] = {mime: self._figure(mime, v) for mime, v in kept["data"].items()}
        return self._text(json.dumps(kept, sort_keys=True))

    @staticmethod
    def _figure(mime: str, value: Any) -> Any:
        if mime in ("image/png", "image/jpeg"):
            return pixels(base64.b64decode(value))
        if mime == "image/svg+xml":
            return hashlib.sha256(_OF_A_DRAWING.sub("", value).encode()).hexdigest()
        return value

    def _text(self, text: str) -> str:
        text = _INPUT.sub("the cell", _ADDRESS.sub("0x", _COLOUR.sub("", text)))
        return _ID.sub(lambda m: self._ids.setdefault(m[0], f"id{len(self._ids)}"), text)


def is_notice(content: dict[str, Any]) -> bool:
    """Whether a message is one of duranb's own quiet lines."""
    html = (content.get("data") or {}).get("text/html", "")
    return str(html).startswith('<div class="duranb')


def pixels(image: bytes) -> str:
    """The content of an image: its size and its pixels, whatever its file says beside them."""
    from PIL import Image

    with Image.open(io.BytesIO(image)) as opened:
        drawn = opened.convert("RGBA")
        return f"{drawn.size} {hashlib.sha256(drawn.tobytes()).hexdigest()}"


def _frames(trace: str) -> str:
    """A traceback without the numbers of lines: a durable cell has one line more."""
    return _LINE.sub("", _COLOUR.sub("", trace))


@dataclass
class Tally:
    """How many messages of two runs of a notebook are equal, of all that either put out."""

    equal: int = 0
    all: int = 0
    differing: list[str] = field(default_factory=list)

    def add(self, cell: str, one: list[Message], other: list[Message]) -> None:
        """Compare the messages of one cell."""
        same = sum(
            block.size
            for block in difflib.SequenceMatcher(None, one, other, False).get_matching_blocks()
        )
        self.equal += same
        self.all += max(len(one), len(other))
        if one != other:
            lines = difflib.unified_diff([*map(_short, one)], [*map(_short, other)], lineterm="")
            self.differing.append("\n".join([cell, *lines]))

    def __str__(self) -> str:
        return f"{self.equal} of {self.all} messages equal"


def _short(message: Message) -> str:
    return f"{message[0]}: {message[1][:1500]}"


def durable(cells: Iterable[str]) -> list[str]:
    """Every cell a step."""
    return [f"%%durable cell_{number}\n{cell}" for number, cell in enumerate(cells, 1)]


@dataclass
class Lives:
    """A notebook's messages in a plain kernel, in a first durable one, and in one that restores;
    and the cells that were not restored, with what was said instead."""

    cells: list[str]
    plain: list[list[Message]]
    first: list[list[Message]]
    restored: list[list[Message]]
    ran: list[str]

    def first_beside_plain(self) -> Tally:
        """What the first durable run put out, beside plain cells."""
        return _compared(self.cells, self.plain, self.first)

    def restored_beside_first(self) -> Tally:
        """What was put out again, beside the first run."""
        return _compared(self.cells, self.first, self.restored)


def live(kernels: Callable[..., Kernel], cells: list[str], timeout: float = 300) -> Lives:
    """Run a notebook plain, then with every cell durable; kill the kernel, and run all again."""
    steps = durable(cells)
    plain = _run(kernels("plain").start(extension=False), cells, timeout)
    first = _run(kernels("durable").start(), steps, timeout)
    again = _run(kernels("durable").start(), steps, timeout)
    ran = [
        f"{cell}\n{result.notices}"
        for cell, result in zip(cells, again, strict=True)
        if "restored" not in result.notices
    ]
    return Lives(cells, *([*map(Seen().of, results)] for results in (plain, first, again)), ran)


def _run(kernel: Kernel, cells: list[str], timeout: float) -> list[Result]:
    results = [kernel.run(cell, f"cell-{n}", timeout) for n, cell in enumerate(cells)]
    kernel.kill()
    return results


def _compared(cells: list[str], one: list[list[Message]], other: list[list[Message]]) -> Tally:
    tally = Tally()
    for cell, first, second in zip(cells, one, other, strict=True):
        tally.add(cell, first, second)
    return tally
