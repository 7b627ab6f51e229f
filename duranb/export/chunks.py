"""A cell's source cut into its statements, each with the comments above it.

What a user wrote is moved as text, never printed from its syntax tree: comments, line breaks and
the form of literals stay.
"""

from __future__ import annotations

import ast
import io
import textwrap
import tokenize
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Chunk:
    """One statement: its text, comments above included, and its node. ``gap`` says that there was
    a blank line above."""

    text: str
    node: ast.stmt
    gap: bool = False


def cut(source: str) -> list[Chunk]:
    """The statements of a source. Those that share a line are separated; comments after the last
    one go with it."""
    lines = source.split("\n")  # as the parser counts them
    found: list[Chunk] = []
    done = 0
    body = ast.parse(source).body
    for index, node in enumerate(body):
        start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        end = node.end_lineno or node.lineno
        following = body[index + 1].lineno if index + 1 < len(body) else len(lines) + 1
        if start <= done or following <= end:
            segment = ast.get_source_segment(source, node, padded=True) or ast.unparse(node)
            text = "\n".join([*lines[done : start - 1], textwrap.dedent(segment)])
        else:
            text = "\n".join(lines[done:end])
        found.append(Chunk(_trimmed(text), node, text.lstrip(" \t").startswith("\n")))
        done = max(done, end)
    if found:
        rest = _trimmed("\n".join(lines[done:]))
        last = found[-1]
        if rest:
            found[-1] = replace(last, text=f"{last.text}\n{rest}")
    return found


def replaced(source: str, edits: list[tuple[ast.AST, str]]) -> str:
    """A source with the text of some of its nodes replaced; nodes must not overlap."""
    starts = [0]
    for line in source.split("\n"):
        starts.append(starts[-1] + len(line.encode()) + 1)
    data = source.encode()
    spans = sorted(
        (
            starts[node.lineno - 1] + node.col_offset,  # type: ignore[attr-defined]
            starts[node.end_lineno - 1] + node.end_col_offset,  # type: ignore[attr-defined]
            text,
        )
        for node, text in edits
    )
    for start, end, text in reversed(spans):
        data = data[:start] + text.encode() + data[end:]
    return data.decode()


def as_main(source: str) -> str:
    """A source without ``if __name__ == "__main__":`` around statements: a notebook is always the
    main module, and what it is exported to may be imported."""
    edits: list[tuple[ast.AST, str]] = []
    for node in ast.parse(source).body:
        match node:
            case ast.If(test=ast.Compare(left=one, ops=[ast.Eq()], comparators=[other])):
                if {ast.unparse(one), ast.unparse(other)} == {"__name__", "'__main__'"}:
                    edits.append((node, _body(source, node)))
    return replaced(source, edits) if edits else source


def _body(source: str, node: ast.If) -> str:
    """The text of its body, moved to the left, but for lines that begin inside of a string."""
    first, last = node.body[0], node.body[-1]
    lines = source.split("\n")[first.lineno - 1 : last.end_lineno]
    lines[-1] = lines[-1].encode()[: last.end_col_offset].decode()
    left = first.col_offset
    lines[0] = lines[0].encode()[left:].decode()
    inside = _inside_strings("\n".join(lines))
    moved = [
        line[left:] if number not in inside and not line[:left].strip() else line
        for number, line in enumerate(lines[1:], 2)
    ]
    return "\n".join([lines[0], *moved])


def indented(text: str, prefix: str = "    ") -> str:
    """A text moved to the right, but for lines that begin inside of a string."""
    inside = _inside_strings(text)
    return "\n".join(
        line if number in inside or not line.strip() else prefix + line
        for number, line in enumerate(text.split("\n"), 1)
    )


def _inside_strings(text: str) -> set[int]:
    """The numbers of lines that begin inside of a string."""
    found: set[int] = set()
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text + "\n").readline):
        kind = tokenize.tok_name[token.type]
        if kind == "STRING":
            found.update(range(token.start[0] + 1, token.end[0] + 1))
        elif kind == "FSTRING_START":  # since Python 3.12
            opened.append(token.start[0])
        elif kind == "FSTRING_END":
            found.update(range(opened.pop() + 1, token.end[0] + 1))
    return found


def _trimmed(text: str) -> str:
    """Without blank lines around."""
    lines = text.split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    return "\n".join(lines)
