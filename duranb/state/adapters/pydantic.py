"""pydantic: secrets, as LangChain's models hold them; and type adapters, by their types.

What an adapter has built for its type is another thing in each process: it names definitions by
where they lie in memory. Some build it when they are first asked.
"""

from __future__ import annotations

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


_WHERE = frozenset({"variables"})

FACTORIES = {
    "pydantic.types.SecretStr": Factory(
        _text, _text_again, usable=_text_is_here, unversioned=_WHERE
    ),
    "pydantic.types.SecretBytes": Factory(
        _bytes, _bytes_again, usable=_bytes_is_here, unversioned=_WHERE
    ),
    "pydantic.type_adapter.TypeAdapter": Factory(_adapter, _adapter_again, open=True),
}
