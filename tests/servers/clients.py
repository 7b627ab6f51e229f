"""The same request, sent with each HTTP library: its answer piece by piece."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import aiohttp
import httpx2
import requests
import urllib3

JSON = {"Content-Type": "application/json", "Authorization": "Bearer sk-secret"}

MOST = 8 << 20
"""Bytes after which the one that collects pieces reads no further."""

Pieces = Iterator[bytes]


def with_requests(url: str, body: Any) -> Pieces:
    with requests.post(url, json=body, headers=JSON, stream=True) as answer:
        answer.raise_for_status()
        yield from answer.iter_content(None)


def with_urllib3(url: str, body: Any) -> Pieces:
    with urllib3.PoolManager() as pools:
        data = json.dumps(body)
        answer = pools.request("POST", url, body=data, headers=JSON, preload_content=False)
        if answer.status >= 400:
            raise HTTPException(answer.status)
        yield from answer.stream()
        answer.release_conn()


def with_urllib(url: str, body: Any) -> Pieces:
    asked = Request(url, json.dumps(body).encode(), JSON)
    with urlopen(asked) as answer:
        while piece := answer.read1(1 << 16):
            yield piece


def with_aiohttp(url: str, body: Any) -> Pieces:
    async def ask() -> list[bytes]:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.post(url, json=body, headers=JSON) as answer,
        ):
            pieces = []
            async for piece in answer.content.iter_any():
                pieces.append(piece)
                if sum(map(len, pieces)) > MOST:
                    break
            return pieces

    yield from asyncio.run(ask())


def with_httpx(url: str, body: Any) -> Pieces:
    with httpx2.Client(verify=False) as http, http.stream("POST", url, json=body) as answer:
        answer.raise_for_status()
        yield from answer.iter_bytes()


Ask = Callable[[str, Any], Pieces]

NEW: dict[str, Ask] = {
    "requests": with_requests,
    "urllib3": with_urllib3,
    "urllib": with_urllib,
    "aiohttp": with_aiohttp,
}
FAILS = (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, HTTPError)
"""What they raise, beside aiohttp."""
