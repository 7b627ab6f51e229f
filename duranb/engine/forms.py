"""Which answers ``duranb.ask`` takes, as a JSON schema; and answers that fit it, made into what the
code gets."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any

from duranb.errors import UsageError
from duranb.record.question import EDIT, Question
from duranb.text import answers
from duranb.text.credentials import learn_fields

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


class Form:
    """What is asked, and what an answer is made into. ``payload`` is what is to be approved.
    ``default`` is what the code gets as it is, where any answer will do."""

    def __init__(
        self,
        question: Question,
        convert: Callable[[Any], Any] = lambda value: value,
        *,
        payload: Any = None,
        default: Any = None,
    ) -> None:
        self.question = question
        self.default = default
        self._convert = convert
        self._payload = payload
        if question.has_default and not self.keeps_default:
            self.check(question.default)

    @property
    def keeps_default(self) -> bool:
        """Whether the default is no answer that would have to fit."""
        return self.question.schema is None

    def check(self, value: Any) -> Any:
        """An answer as it is recorded. Raises :class:`UsageError` for one that does not fit."""
        fitting = answers.fitting(self.question.answers, value)
        self.made(fitting)
        return fitting

    def made(self, value: Any) -> Any:
        """What the code gets for an answer that fits: for an approval, the payload it is about, for
        an edit the edited one.

        Raises :class:`UsageError` where the type's own validators refuse it.
        """
        from pydantic import ValidationError

        if self.question.approves:
            if not isinstance(value, dict):
                return self._payload
            value = value[EDIT]
        try:
            return self._convert(value)
        except ValidationError as error:
            told = "; ".join(
                ": ".join(filter(None, (".".join(map(str, each["loc"])), each["msg"])))
                for each in error.errors(include_url=False)
            )
            raise UsageError(told) from None


def form(
    text: str, schema: Any, choices: Iterable[Any] | None, several: bool, default: Any
) -> Form:
    """The form of a question for an answer. Raises :class:`UsageError` for what has no form."""
    if choices is not None:
        if schema is not None:
            raise UsageError("duranb.ask() takes a schema or choices=, one of them")
        options = _jsonable(list(choices), "the choices")
        if not options:
            raise UsageError("duranb.ask() was given no choices: there is nothing to choose")
        one: dict[str, Any] = {"enum": options}
        many = {"type": "array", "items": one, "uniqueItems": True}
        return Form(Question(text=text, schema=many if several else one, **_default(default)))
    if several:
        raise UsageError("duranb.ask(several=True) goes with choices=")
    if schema is None:
        shown = {} if default is None else {"default": to_json(default), "has_default": True}
        return Form(Question(text=text, **shown), default=default)
    if schema in _PLAIN:
        question = Question(text=text, schema={"type": _PLAIN[schema]}, **_default(default))
        return Form(question, float if schema is float else lambda value: value)
    adapter = _adapter(schema)
    question = Question(text=text, schema=adapter.json_schema(), **_default(default))
    return Form(question, _reading(adapter))


def approval(text: str, payload: Any, default: Any) -> Form:
    """The form of a question about a payload. Raises :class:`UsageError` for one that cannot be
    shown whole."""
    shown = _jsonable(payload, "what is to be approved")
    adapter = None if isinstance(payload, str | int | float | bool | None) else _of(payload)
    if adapter is not None:
        schema, convert = adapter.json_schema(), _reading(adapter)
    else:
        schema, convert = _like(shown), lambda value: value
    question = Question(text=text, schema=schema, approves=True, payload=shown, **_default(default))
    return Form(question, convert, payload=payload)


def _like(shown: Any) -> dict[str, Any]:
    """The schema of a payload that has no type: what is edited keeps its shape."""
    if isinstance(shown, dict) and shown:
        fields = {name: {**_like(each), "title": name} for name, each in shown.items()}
        return {"type": "object", "properties": fields, "required": list(shown)}
    if isinstance(shown, bool):
        return {"type": "boolean"}
    if isinstance(shown, int | float):
        return {"type": "number"}
    return {"type": "string"} if isinstance(shown, str) else {}


def _of(payload: Any) -> Any:
    """What makes an edited payload into one of its type. Lists and dictionaries stay as they are
    written."""
    kind = type(payload)
    if kind in (list, dict, tuple) or not inspect.isclass(kind):
        return None
    return _adapter(kind)


def _adapter(schema: Any) -> Any:
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError

    try:
        adapter = TypeAdapter(schema)
        adapter.json_schema()
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        reason = error.message.partition("\n")[0]
        raise UsageError(
            f"duranb.ask() cannot make a form of {schema!r} ({reason}). Give it a type: int, "
            "Literal['a', 'b'], a pydantic model, a dataclass"
        ) from None
    return adapter


def _reading(adapter: Any) -> Callable[[Any], Any]:
    """Answers are JSON, also to types that are strict about it."""
    return lambda value: adapter.validate_json(json.dumps(value))


def _default(default: Any) -> dict[str, Any]:
    if default is None:
        return {}
    return {"default": _jsonable(default, "the default"), "has_default": True}


def to_json(value: Any) -> Any:
    """A value as JSON has it, or what it looks like where it is none."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value, fallback=repr)


def _jsonable(value: Any, what: str) -> Any:
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    try:
        shown = to_jsonable_python(value)
    except PydanticSerializationError as error:
        raise UsageError(
            f"duranb.ask(): {what} cannot be shown whole to whoever answers ({error}): give it "
            "text, numbers, lists, dictionaries, or a pydantic model"
        ) from None
    learn_fields(shown, f"{what} of a question,")
    return shown
