"""The types of what Python and the front end say to each other, written out as TypeScript.

The structs of this package are the only declaration: ``python -m duranb.timelines.wire`` writes
``widgets/src/wire.ts`` from them, and ``--check`` (part of ``make lint``) fails where that file is
not what they say. A struct that omits defaults on the wire has its defaulted fields optional.
"""

from __future__ import annotations

import enum
import inspect
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from duranb.record.model import Ledger
from duranb.timelines.columns import Sent
from duranb.timelines.detail import Detail
from duranb.timelines.exchange import Exchange
from duranb.timelines.model import Update
from duranb.timelines.requests import Preview
from duranb.timelines.rows import Row
from duranb.verbs.declaration import Acts, Changes, Verb
from duranb.verbs.table import VERBS

FILE = Path(__file__).parents[2] / "widgets" / "src" / "wire.ts"

SENT = (Update, Sent, Detail, Exchange, Preview)
"""What Python sends. What these are made of follows from them."""

FILLED = (Row, Detail, Ledger)
"""Structs whose defaults the front end needs as values, to fill in what was left out."""

_PLAIN: dict[Any, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    None: "null",
    type(None): "null",
    Any: "unknown",
}


def typescript() -> str:
    """The whole file."""
    given = [verb for verb in VERBS.values() if issubclass(verb, (Changes, Acts))]
    parts = [
        "// Generated from Python's structs by `python -m duranb.timelines.wire`: do not edit.\n"
        '// Times are microseconds since the epoch, UTC; 0 means "not yet".',
        *map(_declared, _reached([*SENT, *given])),
        _verbs("Changes", "The verbs that say first what they would do", given, Changes),
        _verbs("Acts", "The verbs that act at once", given, Acts),
        *map(_defaults, FILLED),
    ]
    return "\n\n".join(parts) + "\n"


def _verbs(name: str, about: str, verbs: Iterable[type[Verb]], kind: type[Verb]) -> str:
    """An interface from each verb's word to what the verb takes."""
    lines = "\n".join(f"  {x.word()}: {x.__name__};" for x in verbs if issubclass(x, kind))
    return f"/** {about}, each with what it takes. */\nexport interface {name} {{\n{lines}\n}}"


def _reached(roots: Iterable[type]) -> list[type]:
    """The structs and enums that types are made of, each after those that it needs."""
    found: dict[type, None] = {}
    seen: set[type] = set()  # one may be made of itself

    def visit(kind: Any) -> None:
        if kind in found or kind in seen:
            return
        if _is_struct(kind):
            seen.add(kind)
            for each in get_type_hints(kind).values():
                visit(each)
            found[kind] = None
        elif isinstance(kind, type) and issubclass(kind, enum.Enum):
            found[kind] = None
        else:
            for each in get_args(kind):
                visit(each)

    for root in roots:
        visit(root)
    return list(found)


def _declared(kind: type) -> str:
    about = inspect.cleandoc(kind.__doc__ or "").replace("``", "`").replace("\n", "\n * ")
    said = f"/** {about} */" if "\n" not in about else f"/**\n * {about}\n */"
    said = "\n".join(line.rstrip() for line in said.splitlines())
    if issubclass(kind, enum.Enum):
        values = " | ".join(f'"{each.value}"' for each in kind)
        return f"{said}\nexport type {kind.__name__} = {values};"
    lines = "\n".join(f"  {line};" for line in fields_of(kind))
    body = f"{{\n{lines}\n}}" if lines else "{}"
    return f"{said}\nexport interface {kind.__name__} {body}"


def fields_of(kind: Any) -> Iterator[str]:
    hints = get_type_hints(kind)
    # What the front end sends may leave out whatever has a default; Python only if told so.
    optional = kind.__struct_config__.omit_defaults or kind.__struct_config__.forbid_unknown_fields
    if kind.__struct_config__.tag:
        yield f'{kind.__struct_config__.tag_field}: "{kind.__struct_config__.tag}"'
    for field in msgspec.structs.fields(kind):
        mark = "?" if optional and not field.required else ""
        yield f"{field.encode_name}{mark}: {_type(hints[field.name])}"


def _type(kind: Any) -> str:
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " | ".join(map(_type, inside))
    if origin is Literal:
        return " | ".join(f'"{each}"' for each in inside)
    if origin is dict:
        return f"Record<string, {_type(inside[1])}>"
    if origin is tuple and inside[-1] is not Ellipsis:
        return f"[{', '.join(map(_type, inside))}]"
    if origin in (list, tuple):
        element = _type(inside[0])
        return f"({element})[]" if " | " in element else f"{element}[]"
    return str(kind.__name__)


def _defaults(kind: Any) -> str:
    values, required = {}, []
    for field in msgspec.structs.fields(kind):
        if field.required:
            required.append(f'"{field.name}"')
        else:
            made = field.default_factory
            values[field.name] = field.default if made is msgspec.NODEFAULT else made()
    text = msgspec.json.format(msgspec.json.encode(values), indent=2).decode()
    name = kind.__name__
    filled = f"Omit<Required<{name}>, {' | '.join(required)}>" if required else name
    return (
        f"/** What the fields of {name} are where they were left out. */\n"
        f"export const {name.upper()}: {filled} = {text};"
    )


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def main(arguments: list[str]) -> None:
    """Write the file, or with ``--check`` exit with 1 where it is not what it would be."""
    if arguments == ["--check"]:
        if not FILE.exists() or FILE.read_text(encoding="utf-8") != typescript():
            sys.exit(f"{FILE} is not what the structs say: python -m duranb.timelines.wire")
    elif arguments:
        sys.exit("usage: python -m duranb.timelines.wire [--check]")
    else:
        FILE.write_text(typescript(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
