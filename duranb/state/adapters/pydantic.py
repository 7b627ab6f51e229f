"""pydantic: secrets, as LangChain's models hold them; type adapters, by their types; validators and
serializers, by their schemas.

What is built for a type is another thing in each process: it names definitions by where the classes
lie in memory. Some adapters build it when they are first asked.
"""

from __future__ import annotations

import re
import weakref
from typing import Any

from duranb.code.looking import own_failure
from duranb.state.adapters import secrets
from duranb.state.factory import Factory
from duranb.text.known import KNOWN


def _text(secret: Any) -> dict[str, Any]:
    KNOWN.learn(secret.get_secret_value(), "a SecretStr")
    return {"variables": secrets.where(secret.get_secret_value())}


def _text_again(variables: list[str]) -> Any:
    from pydantic import SecretStr

    return SecretStr(secrets.again(variables))


def _bytes(secret: Any) -> dict[str, Any]:
    KNOWN.learn(secret.get_secret_value(), "a SecretBytes")
    return {"variables": secrets.where(secret.get_secret_value().decode(errors="replace"))}


def _bytes_again(variables: list[str]) -> Any:
    from pydantic import SecretBytes

    return SecretBytes(secrets.again(variables).encode())


def _text_is_here(secret: Any) -> bool:
    return secrets.is_here(secret.get_secret_value())


def _bytes_is_here(secret: Any) -> bool:
    return secrets.is_here(secret.get_secret_value().decode(errors="replace"))


def _adapter(adapter: Any) -> dict[str, Any] | None:
    """None where its type is not told by itself: by a name in the function that made it."""
    described = {
        "type": adapter._type,
        "config": adapter._config,
        "module": adapter._module_name,
    }
    if adapter not in _told:
        try:
            _adapter_again(**described)
        except BaseException as error:  # of any kind: schemas are the classes' own code
            if not own_failure(error):
                raise
            return None
        _told.add(adapter)
    return described


_told: weakref.WeakSet[Any] = weakref.WeakSet()
"""The adapters that were made again once, and can be."""


def _adapter_again(type: Any, config: Any, module: str) -> Any:  # noqa: A002 (its own word)
    from pydantic import TypeAdapter

    return TypeAdapter(type, config=config, module=module)


def _built(built: Any) -> dict[str, Any]:
    """By its schema, in which definitions are numbered as they come."""
    kind, arguments = built.__reduce__()[:2]
    return {"kind": kind, "arguments": _Numbering().of(arguments)}


def _built_again(kind: Any, arguments: tuple[Any, ...]) -> Any:
    return kind(*arguments)


class _Numbering:
    """Copies a schema, with other names for its definitions."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}
        self._made: dict[int, Any] = {}

    def of(self, part: Any) -> Any:
        """The same with other names; what occurs twice does so in the copy."""
        kind = type(part)
        if kind not in (dict, list, tuple):
            return part
        if (found := self._made.get(id(part))) is not None:
            return found
        made: Any
        if kind is dict:
            made = self._made[id(part)] = {}
            for name, value in part.items():
                is_name = name in ("ref", "schema_ref") and type(value) is str
                made[name] = _ADDRESS.sub(self._number, value) if is_name else self.of(value)
        elif kind is list:
            made = self._made[id(part)] = []
            made += map(self.of, part)
        else:
            made = self._made[id(part)] = tuple(map(self.of, part))
        return made

    def _number(self, address: re.Match[str]) -> str:
        return self._numbers.setdefault(address.group(), f":{len(self._numbers) + 1}")


_ADDRESS = re.compile(r":\d{6,}")

_WHERE = frozenset({"variables"})

FACTORIES = {
    "pydantic.types.SecretStr": Factory(
        _text, _text_again, usable=_text_is_here, unversioned=_WHERE
    ),
    "pydantic.types.SecretBytes": Factory(
        _bytes, _bytes_again, usable=_bytes_is_here, unversioned=_WHERE
    ),
    "pydantic.type_adapter.TypeAdapter": Factory(_adapter, _adapter_again, open=True),
    "pydantic_core._pydantic_core.SchemaValidator": Factory(_built, _built_again, open=True),
    "pydantic_core._pydantic_core.SchemaSerializer": Factory(_built, _built_again, open=True),
}
