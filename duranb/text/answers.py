"""Answers that people give, against the JSON schema of what was asked: what fits, and what to say
of what does not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from duranb.errors import UsageError
from duranb.text import grammars

Schema = Mapping[str, Any]

_YES = ("y", "yes", "true", "on")
_NO = ("n", "no", "false", "off")

MOST_CHOICES = 12
"""Choices that are named; of the others it is said how many there are."""


def fitting(schema: Schema | None, value: Any) -> Any:
    """``value`` as ``schema`` has it. Typed words stand for what the schema wants: ``3`` for the
    text of that name, ``yes`` for true, ``a, b`` for several.

    Raises :class:`UsageError`, which says what is expected, for what does not fit.
    """
    if schema is None:
        return value
    made = _meant(schema, schema, value)
    problem = _problem(schema, made)
    if problem:
        raise UsageError(problem)
    return made


def _problem(schema: Schema, value: Any) -> str:
    """What is wrong with a value, and what is expected there; an empty string where it fits."""
    grammars.when_needed()
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.exceptions import best_match

    checker = Draft202012Validator(schema, format_checker=FormatChecker())
    error = best_match(checker.iter_errors(value))
    if error is None:
        return ""
    where = ".".join(str(part) for part in error.absolute_path)
    said = error.message if len(error.message) <= 300 else f"{error.message[:299]}…"
    told = f"{where}: {said}" if where else said
    return f"{told}. It takes {_expected(schema, error.schema, deep=True)}"


def _meant(root: Schema, schema: Schema, value: Any) -> Any:
    """What typed words stand for, where the schema says that."""
    schema = resolved(root, schema)
    kind = schema.get("type")
    if kind == "string" and isinstance(value, int | float) and "enum" not in schema:
        return json.dumps(value)
    if "enum" in schema and value not in schema["enum"] and not isinstance(value, str):
        return next((x for x in schema["enum"] if x == json.dumps(value)), value)
    if not isinstance(value, str):
        return value
    if kind in ("integer", "number"):
        return _typed(value)
    if kind == "boolean" and value.lower() in (*_YES, *_NO):
        return value.lower() in _YES
    if kind == "null" and value == "":
        return None
    if kind == "array":
        inner = schema.get("items", {})
        return [_meant(root, inner, _typed(x)) for x in re.split(r"\s*,\s*", value) if x]
    if "enum" in schema and value not in schema["enum"]:
        same = [x for x in schema["enum"] if isinstance(x, str) and x.lower() == value.lower()]
        return same[0] if len(same) == 1 else value
    for each in schema.get("anyOf", ()):
        made = _meant(root, each, value)
        if made != value:
            return made
    return value


def _typed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def resolved(root: Schema, schema: Schema) -> Schema:
    """A schema with its reference into the definitions of ``root`` followed."""
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    found = root.get("$defs", {}).get(name) if name else None
    return {**found, **{k: v for k, v in schema.items() if k != "$ref"}} if found else schema


def expected(schema: Schema) -> str:
    """What a schema takes, as words after "it takes"."""
    return _expected(schema, schema, deep=True)


def _expected(root: Schema, schema: Schema, *, deep: bool) -> str:
    schema = resolved(root, schema)
    if "const" in schema:
        return _shown(schema["const"])
    if "enum" in schema:
        shown = [_shown(x) for x in schema["enum"]]
        more = f" or {len(shown) - MOST_CHOICES} more" if len(shown) > MOST_CHOICES else ""
        return f"one of: {', '.join(shown[:MOST_CHOICES])}{more}"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_expected(root, each, deep=deep) for each in schema[key])
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        if not deep or not fields:
            return "an object"
        optional = set(fields) - set(schema.get("required", ()))
        told = [
            f"{name}{' (may be left out)' if name in optional else ''}: "
            f"{_expected(root, each, deep=False)}"
            for name, each in fields.items()
        ]
        return f"an object {{{'; '.join(told)}}}"
    if kind == "array":
        return f"a list, each item {_expected(root, schema.get('items', {}), deep=False)}"
    words = {
        "string": f"a {schema['format']}" if "format" in schema else "text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "yes or no",
        "null": "null",
    }
    return f"{words.get(str(kind), 'anything')}{_bounds(schema)}"


_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "minLength": "characters: at least",
    "maxLength": "characters: at most",
    "pattern": "matching",
}


def _bounds(schema: Schema) -> str:
    told = [f"{words} {schema[key]}" for key, words in _BOUNDS.items() if key in schema]
    return f" ({', '.join(told)})" if told else ""


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
