"""Whatever an HTTP library gives outside of a step, it gives inside of one, and on a replay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3

from tests.servers.shapes import ANSWERS, Shapes
from tests.servers.steps import Notebook

Facts = tuple[Any, ...]
"""Status, reason, headers, body and where it came from, as a library gives them."""


@pytest.fixture(scope="module")
def shapes() -> Iterator[Shapes]:
    """The server."""
    with Shapes() as running:
        yield running


def by_httpx(library: Any, stream: bool, method: str, url: str, follow: bool) -> Facts:
    with library.Client(follow_redirects=follow, verify=False) as http:
        request = http.build_request(method, url)
        response = http.send(request, stream=stream)
        body = b"".join(response.iter_bytes()) if stream else response.content
        response.close()
        hops = [each.status_code for each in response.history]
        headers = response.headers.multi_items()
        return response.status_code, response.reason_phrase, headers, body, str(response.url), hops


def by_httpx_async(method: str, url: str, follow: bool) -> Facts:
    async def ask() -> Facts:
        async with httpx2.AsyncClient(follow_redirects=follow, verify=False) as http:
            response = await http.request(method, url)
            headers = response.headers.multi_items()
            where = str(response.url), [each.status_code for each in response.history]
            return response.status_code, response.reason_phrase, headers, response.content, *where

    return asyncio.run(ask())


def by_requests(stream: bool, method: str, url: str, follow: bool) -> Facts:
    with requests.Session() as session:
        asked = session.request(method, url, stream=stream, allow_redirects=follow)
        body = b"".join(asked.iter_content(7)) if stream else asked.content
        asked.close()
        hops = [each.status_code for each in asked.history]
        text = asked.encoding, asked.cookies.get_dict(), asked.is_redirect, asked.links, asked.ok
        headers = list(asked.raw.headers.items())
        return asked.status_code, asked.reason, headers, body, asked.url, hops, text


def by_raw(method: str, url: str, follow: bool) -> Facts:
    """requests, and the bytes as they came."""
    with requests.get(url, stream=True, allow_redirects=follow) as asked:
        return asked.status_code, asked.reason, list(asked.raw.headers.items()), asked.raw.read()


def by_urllib3(preload: bool, method: str, url: str, follow: bool) -> Facts:
    with urllib3.PoolManager() as pools:
        asked = pools.request(method, url, preload_content=preload, redirect=follow)
        body = asked.data if preload else b"".join(asked.stream(11))
        asked.release_conn()
        hops = [each.status for each in asked.retries.history] if asked.retries else []
        return asked.status, asked.reason, list(asked.headers.items()), body, asked.geturl(), hops


def by_pool(method: str, url: str, follow: bool) -> Facts:
    """A connection pool used alone, which follows redirects by itself."""
    with urllib3.connection_from_url(url) as pool:
        asked = pool.urlopen(method, url[url.index("/", 8) :], redirect=follow)
        return asked.status, asked.reason, list(asked.headers.items()), asked.data


def by_urllib(method: str, url: str, follow: bool) -> Facts:
    try:
        with urlopen(Request(url, method=method)) as asked:
            return asked.status, asked.msg, asked.headers.items(), asked.read(), asked.geturl()
    except HTTPError as error:
        return error.code, error.reason, error.headers.items(), error.read(), error.geturl()


def by_aiohttp(method: str, url: str, follow: bool) -> Facts:
    async def ask() -> Facts:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, allow_redirects=follow) as asked,
        ):
            body = b"".join([piece async for piece in asked.content.iter_any()])
            hops = [each.status for each in asked.history]
            info = asked.request_info.method, asked.content_type, asked.charset, asked.ok
            headers = list(asked.headers.items())
            return asked.status, asked.reason, headers, body, str(asked.url), hops, info

    return asyncio.run(ask())


Ask = Callable[[str, str, bool], Facts]

LIBRARIES: dict[str, Ask] = {
    "httpx": lambda *asked: by_httpx(httpx, False, *asked),
    "httpx2": lambda *asked: by_httpx(httpx2, True, *asked),
    "httpx2 async": by_httpx_async,
    "requests": lambda *asked: by_requests(False, *asked),
    "requests stream": lambda *asked: by_requests(True, *asked),
    "requests raw": by_raw,
    "urllib3": lambda *asked: by_urllib3(True, *asked),
    "urllib3 stream": lambda *asked: by_urllib3(False, *asked),
    "urllib3 pool": by_pool,
    "urllib": by_urllib,
    "aiohttp": by_aiohttp,
}


def outcome(ask: Ask, method: str, url: str, follow: bool) -> Facts:
    """What a library gives, or what it raises."""
    try:
        return ask(method, url, follow)
    except (
        httpx.HTTPError,
        httpx2.HTTPError,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        aiohttp.ClientError,
    ) as error:
        return (type(error).__name__,)


ENCODED = {"content-encoding", "content-length"}


def without(names: set[str], facts: Facts) -> Facts:
    if len(facts) < 3:
        return facts
    return *facts[:2], [(n, v) for n, v in facts[2] if n.lower() not in names], *facts[3:]


@pytest.mark.parametrize("library", LIBRARIES)
def test_answers_of_any_shape_pass_through_a_step(
    library: str, shapes: Shapes, notebook: Notebook
) -> None:
    """Each library gives the same answer of every shape without a step, in one, and on a strict
    replay, where nothing is sent; an error status is passed on, and asked for again."""
    ask = LIBRARIES[library]
    for number, name in enumerate(ANSWERS):
        for method, follow in (("GET", True), ("GET", False), ("HEAD", True)):
            if (library in ("urllib", "requests raw") and not follow) or (
                library == "requests raw" and method == "HEAD"
            ):
                continue
            url = f"{shapes.url}/{name.replace(' ', '%20')}?n={number}"
            what = f"{library}: {method} {name}, redirects {'' if follow else 'not '}followed"
            step = f"{method} {name} {follow}"
            plain = outcome(ask, method, url, follow)
            with notebook.step(step):
                assert outcome(ask, method, url, follow) == plain, what
            if name == "not found" or len(plain) == 1:
                continue
            before = shapes.asked.total()
            with notebook.step(step, strict=True):
                replayed = outcome(ask, method, url, follow)
            gone = ENCODED if "content-encoding" in {n.lower() for n, _ in plain[2]} else set()
            if replayed != plain:
                assert without(gone, replayed) == without(gone, plain), f"{what}, replayed"
            assert shapes.asked.total() == before, what
