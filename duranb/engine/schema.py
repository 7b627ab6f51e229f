"""The JSON schema of a tool, as chat APIs want it: OpenAI's strict mode where its types allow.

Types become schemas through pydantic, docstrings are read by docstring_parser (google, numpy and
sphinx styles).
"""

from __future__ import annotations

import functools
import inspect
import json
import operator
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_type_hints

from duranb.errors import UsageError

_FORMATS = frozenset(
    {"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"}
)
"""Formats that strict mode knows."""

_TOLD = ("default", "format", "maxLength", "minLength", "uniqueItems")
"""What strict mode refuses; the model is told in the description instead."""

_UNKNOWN = ("discriminator", "examples", "title")
"""What says nothing to a model, or is not allowed."""

_LOOSE = ("patternProperties", "prefixItems", "propertyNames")
"""What strict mode has no words for: a schema with one of these is not strict."""


def tool_schema(
    fn: Callable[..., Any], name: str, names: Mapping[str, Any], *, skip: int = 0
) -> dict[str, Any]:
    """``{"type": "function", "function": {name, description, strict, parameters}}`` of a function.

    Every parameter is required, no object takes other properties, and defaults are told in the
    descriptions. ``strict`` is false where a parameter may hold anything (``dict``, ``Any``).
    ``names`` are the local names that annotations may use besides the globals, and the first
    ``skip`` parameters are left out. Raises :class:`duranb.errors.UsageError` for what has no
    schema, with the reason.
    """
    parameters = list(inspect.signature(fn).parameters.values())[skip:]
    hints = _hints(fn, name, names)
    about = _Docstring(inspect.getdoc(fn) or "")
    wanted = {p.name: _described(p, _annotation(p, name, hints), about) for p in parameters}
    properties, definitions = _schemas(name, wanted)
    for parameter in parameters:
        default = parameter.default
        if default is not parameter.empty and _is_json(default):
            properties[parameter.name]["default"] = default
    whole: dict[str, Any] = {"type": "object", "properties": properties}
    if definitions:
        whole["$defs"] = definitions
    strictness = _Strict(definitions)
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": about.text,
            "parameters": strictness.of(whole),
            "strict": strictness.strict,
        },
    }


def _refusal(name: str, reason: str) -> UsageError:
    return UsageError(
        f"{name} cannot be a tool, since no model could be told how to call it: {reason}"
    )


def _hints(fn: Callable[..., Any], name: str, names: Mapping[str, Any]) -> dict[str, Any]:
    while isinstance(fn, functools.partial):
        fn = fn.func
    called = fn if inspect.isroutine(fn) or inspect.isclass(fn) else type(fn).__call__
    try:
        return get_type_hints(called, localns=dict(names) or None, include_extras=True)
    except NameError as error:
        raise _refusal(
            name, f"an annotation uses {error.name!r}, which is not defined yet. Define it before."
        ) from None


def _annotation(parameter: inspect.Parameter, name: str, hints: Mapping[str, Any]) -> Any:
    kind, said = parameter.kind, parameter.name
    if kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        stars = "*" if kind is parameter.VAR_POSITIONAL else "**"
        raise _refusal(name, f"{stars}{said} may be any arguments. Name the ones it takes.")
    if kind is parameter.POSITIONAL_ONLY:
        raise _refusal(name, f"{said!r} is positional only, and models give arguments by name.")
    if said not in hints:
        raise _refusal(name, f"{said!r} has no annotation. Write for example {said}: str.")
    return hints[said]


def _described(parameter: inspect.Parameter, hint: Any, about: _Docstring) -> Any:
    """The annotation with a description: its own, that of ``Annotated[…, "text"]``, or the
    docstring's."""
    from pydantic import Field
    from pydantic.fields import FieldInfo

    made = _modern(hint)
    if parameter.default is None:
        made = typing.Optional[made]  # noqa: UP045 - it may be a string, or not know "|"
    if isinstance(parameter.default, FieldInfo):
        made = typing.Annotated[made, parameter.default]
    given = getattr(made, "__metadata__", ())
    if any(isinstance(each, FieldInfo) and each.description for each in given):
        return made
    text = next((each for each in given if isinstance(each, str)), None)
    text = text or about.parameters.get(parameter.name)
    return typing.Annotated[made, Field(description=text)] if text else made


def _schemas(name: str, wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of each parameter, and the definitions that they refer to."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError

    adapters: list[tuple[str, Literal["validation"], TypeAdapter[Any]]] = []
    for parameter, hint in wanted.items():
        try:
            adapter = TypeAdapter(hint)
            adapter.json_schema()
        except (PydanticUserError, PydanticUndefinedAnnotation) as error:
            reason = error.message.partition("\n")[0].partition(". ")[0]
            raise _refusal(
                name,
                f"the type of {parameter!r} has no JSON schema ({reason}). Give it one that "
                "has: a str, a number, a list, a dataclass, a pydantic model.",
            ) from None
        adapters.append((parameter, "validation", adapter))
    found, shared = TypeAdapter.json_schemas(adapters)
    return {p: dict(found[p, "validation"]) for p in wanted}, shared.get("$defs", {})


def _modern(hint: Any) -> Any:
    """The type, with each ``typing.TypedDict`` as one that pydantic takes before Python 3.12."""
    if sys.version_info >= (3, 12):
        return hint
    import typing_extensions

    if typing.is_typeddict(hint) and type(hint).__module__ == "typing":
        hints = get_type_hints(hint, include_extras=True)
        fields = {
            n: _modern(t)
            if n in hint.__required_keys__
            else typing_extensions.NotRequired[_modern(t)]
            for n, t in hints.items()
        }
        return typing_extensions.TypedDict(hint.__name__, fields)  # type: ignore[operator]
    arguments = typing.get_args(hint)
    changed = tuple(map(_modern, arguments))
    if all(a is b for a, b in zip(arguments, changed, strict=True)):
        return hint
    if typing.get_origin(hint) is typing.Annotated:
        return typing.Annotated[(changed[0], *hint.__metadata__)]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, changed)
    return hint.copy_with(changed) if hasattr(hint, "copy_with") else hint.__origin__[changed]


class _Docstring:
    """What a docstring says: ``text`` before its sections, and of each parameter."""

    def __init__(self, doc: str) -> None:
        import docstring_parser

        found = docstring_parser.parse(doc)
        parts = (found.short_description, found.long_description)
        gap = "\n\n" if found.blank_after_short_description else "\n"
        self.text = gap.join(part for part in parts if part)
        self.parameters = {p.arg_name.lstrip("*"): p.description for p in found.params}


class _Strict:
    """Turns schemas into those of strict mode. ``strict``: whether that went without a rest."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.strict = True
        self._definitions = definitions

    def of(self, schema: Any) -> Any:
        """The schema, and all in it, as strict mode wants it."""
        if schema is True or schema == {}:
            self.strict = False
            return {}
        schema = {k: v for k, v in schema.items() if k not in _UNKNOWN}
        if "$ref" in schema and len(schema) > 1:  # a reference has to stand alone
            target = self._definitions[schema.pop("$ref").removeprefix("#/$defs/")]
            return self.of({**target, **schema})
        if "oneOf" in schema:
            schema["anyOf"] = schema.pop("oneOf")
        if schema.keys() & set(_LOOSE):
            self.strict = False
        self._tell(schema)
        for key in ("properties", "$defs"):
            if key in schema:
                schema[key] = {name: self.of(each) for name, each in schema[key].items()}
        for key in ("anyOf", "allOf", "prefixItems"):
            if key in schema:
                schema[key] = [self.of(each) for each in schema[key]]
        if "items" in schema:
            schema["items"] = self.of(schema["items"])
        if schema.get("type") == "object":
            self._closed(schema)
        elif schema.get("type") == "array" and "items" not in schema:
            self.strict = False
        return schema

    def _closed(self, schema: dict[str, Any]) -> None:
        """No property may be left out, and no other one be there."""
        properties = schema.setdefault("properties", {})
        others = schema.get("additionalProperties", not properties and "required" not in schema)
        if others:
            self.strict = False
            if others is not True:
                schema["additionalProperties"] = self.of(others)
            return
        schema["required"] = list(properties)
        schema["additionalProperties"] = False

    def _tell(self, schema: dict[str, Any]) -> None:
        """Say in the description what strict mode has no keyword for."""
        told = []
        for key in _TOLD:
            if key in schema and not (key == "format" and schema[key] in _FORMATS):
                value = schema.pop(key)
                if value is not None:
                    told.append(f"{key}: {json.dumps(value, ensure_ascii=False)}")
        if told:
            text = schema.get("description", "")
            schema["description"] = f"{text} ({', '.join(told)})".strip()


def _is_json(value: object) -> bool:
    """Whether a default can be told as it is."""
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return type(value) in (str, int, float, bool)
