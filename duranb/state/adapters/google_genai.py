"""google-genai: clients. A chat holds nothing else that cannot be stored."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from duranb.state.adapters import secrets
from duranb.state.factory import Factory
from duranb.text.called import is_secret_field

_OF_THE_SDK = frozenset({"content-type", "user-agent", "x-goog-api-client"})
"""Headers that a client sets itself; another version of the SDK says something else there."""


def _describe(api: Any) -> dict[str, Any]:
    options = api._http_options
    headers = {
        name: value
        for name, value in (options.headers or {}).items()
        if not is_secret_field(name) and name.lower() not in _OF_THE_SDK
    }
    place = {"project": api.project, "location": api.location} if api.vertexai else {}
    return {
        "vertexai": api.vertexai,
        **place,
        "http_options": {
            "base_url": options.base_url,
            "api_version": options.api_version,
            "headers": headers,
            "timeout": options.timeout,
            "retry_options": options.retry_options,
        },
    }


def _of_client(client: Any) -> dict[str, Any]:
    return _describe(client._api_client)


def _with_key(options: dict[str, Any]) -> dict[str, Any]:
    known = import_module("google.genai._api_client")
    if options["vertexai"] or known.get_env_api_key():
        return options
    # The key is never stored; a local server wants none, and any other will say so.
    return {**options, "api_key": secrets.again([])}


def _api(**options: Any) -> Any:
    return import_module("google.genai._api_client").BaseApiClient(**_with_key(options))


def _client(**options: Any) -> Any:
    return import_module("google.genai").Client(**_with_key(options))


def _async_client(**options: Any) -> Any:
    return import_module("google.genai.client").AsyncClient(_api(**options))


def _is_open(api: Any) -> bool:
    return not api._httpx_client.is_closed and secrets.is_here(api.api_key or "")


def _client_is_open(client: Any) -> bool:
    return _is_open(client._api_client)


FACTORIES = {
    "google.genai._api_client.BaseApiClient": Factory(_describe, _api, usable=_is_open),
    # They close what they are built on when they go, so none is built on one that is alive.
    "google.genai.client.Client": Factory(_of_client, _client, usable=_client_is_open),
    "google.genai.client.AsyncClient": Factory(_of_client, _async_client, usable=_client_is_open),
}
