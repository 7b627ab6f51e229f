"""pydantic: secrets, as LangChain's models hold them."""

from __future__ import annotations

from typing import Any

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


_WHERE = frozenset({"variables"})

FACTORIES = {
    "pydantic.types.SecretStr": Factory(
        _text, _text_again, usable=_text_is_here, unversioned=_WHERE
    ),
    "pydantic.types.SecretBytes": Factory(
        _bytes, _bytes_again, usable=_bytes_is_here, unversioned=_WHERE
    ),
}
