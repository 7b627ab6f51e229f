"""Secrets go through a notebook by every route; none of them is found in what it leaves behind."""

from __future__ import annotations

import base64
import json
import random
import secrets
import sys
from collections.abc import Callable

import nbformat
import pytest

from tests.kernel.harness import Kernel
from tests.servers import forks, mcp_tools
from tests.servers.process import CountingServer

SETUP = """
import asyncio, dataclasses, functools, json, os, sys, urllib.request
import aiohttp, duranb, httpx2, openai, pandas as pd, requests, rich
from IPython.display import HTML, display
from pydantic import SecretStr
@dataclasses.dataclass
class Config:
    key: str
    n: int = 1
def read(number):
    with open('canaries.json') as file:
        return json.load(file)[number]
def sent(number):
    requests.post(URL + '/x', headers={'x-api-key': read(number)}, json={})
    return read(number)
@duranb.tool
def book(city: str, token: str) -> str:
    '''Book.'''
    return f'{city} {token}'
@duranb.step
def signed(text, password):
    return {'text': text, 'by': password}
async def call(folder, arguments):
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client
    command = StdioServerParameters(command=sys.executable, args=['-S', MCP, folder, 'desk'])
    quiet = open(os.devnull, 'w')
    async with stdio_client(command, quiet) as streams, ClientSession(*streams) as session:
        await session.initialize()
        return str(await session.call_tool('get_weather', arguments))
"""

POST = "requests.post(URL + '/x', json={}, "
CHAT = "model='gpt-4o-mini', messages=[{'role': 'user', 'content': 'hi'}]"

ROUTES: dict[str, str] = {
    # how a request carries it; nothing else says that it is one
    "header": POST + "headers={'x-api-key': read(N)})\nkept_N = read(N)",
    "bearer": POST + "headers={'Authorization': 'Bearer ' + read(N)})\nprint(read(N))",
    "basic": POST + "auth=('bob', read(N)))\nprint(read(N))",
    "proxy": POST + "headers={'Proxy-Authorization': 'Basic ' + read(N)})\nkept_N = [read(N)]",
    "own header": POST + "headers={'X-Shop-Access-Token': read(N)})\nkept_N = (read(N), 1)",
    "cookie": POST + "cookies={'session': read(N)})\nkept_N = {'c': read(N)}",
    "query": POST + "params={'api_key': read(N)})\nkept_N = read(N)",
    "signature": POST + "params={'X-Goog-Signature': read(N)})\nprint(read(N))",
    "user": "requests.post(URL.replace('//', f'//bob:{read(N)}@') + '/x')\nkept_N = read(N)",
    "path": "requests.post(f'{URL}/bot77:{read(N)}/send', json={})\nkept_N = read(N)",
    "field": POST.replace("{}", "[{'client_secret': read(N)}]") + ")\nprint(read(N))",
    "form": "requests.post(URL + '/x', data={'password': read(N)})\nkept_N = read(N)",
    "multipart": "requests.post(URL + '/x', files={'token': (None, read(N))})\nkept_N = read(N)",
    "httpx": "httpx2.post(URL + '/x', headers={'api-key': read(N)}, json={})\nprint(read(N))",
    "urllib": (
        "asked = urllib.request.Request(URL + '/x', b'{}', {'X-Auth-Token': read(N)})\n"
        "urllib.request.urlopen(asked).read()\ndel asked\nprint(read(N))"
    ),
    "aiohttp": (
        "async with aiohttp.ClientSession() as http:\n"
        "    await http.post(URL + '/x', headers={'X-Api-Key': read(N)}, json={})\n"
        "del http\nkept_N = read(N)"
    ),
    "client": (
        "client_N = openai.OpenAI(base_url=URL + '/v1', api_key=read(N))\n"
        f"client_N.chat.completions.create({CHAT})\nkept_N = client_N.api_key"
    ),
    "answer": (
        "requests.post(URL + '/__config', json={'says': sent(N) + ' '})\n"
        "client_N = openai.OpenAI(base_url=URL + '/v1', api_key=read(N))\n"
        f"said_N = client_N.chat.completions.create({CHAT}).choices[0].message.content\n"
        "requests.post(URL + '/__config', json={'says': ''})"
    ),
    "stream": (
        "requests.post(URL + '/__config', json={'says': sent(N) + ' '})\n"
        "client_N = openai.OpenAI(base_url=URL + '/v1', api_key=read(N))\n"
        f"for part_N in client_N.chat.completions.create(stream=True, {CHAT}): pass\n"
        "requests.post(URL + '/__config', json={'says': ''})"
    ),
    "refusal": POST + "headers={'x-api-key': read(N)})\nraise ValueError(f'{read(N)} is no good')",
    # what is done with one that is known
    "partial": "kept_N = functools.partial(print, sent(N), end=sent(N))",
    "frame": "kept_N = pd.DataFrame({'key': [sent(N), 'other'] * 40})\nkept_N",
    "html": "display(HTML(f'<b>{sent(N)}</b>'))\nrich.print({'key': sent(N)})",
    # in the environment, a client, a name, the code
    "variable": "kept_N = os.environ['CN_TOKEN']",
    "dataclass": "kept_N = [Config(os.environ['CN_TOKEN'])]",
    "closure": "def make_N(key):\n    return lambda: key\nkept_N = make_N(os.environ['CN_TOKEN'])",
    "stderr": "print(os.environ['CN_TOKEN'], file=sys.stderr)\nos.environ['CN_TOKEN']",
    "traceback": "def fail_N(key):\n    raise KeyError(key)\nfail_N(os.environ['CN_TOKEN'])",
    "subprocess": "!echo $CN_TOKEN\nkept_N = 1",
    "DSN": "kept_N = os.environ['CN_URL']\nother_N = kept_N.split(':')[2].split('@')[0]",
    "tool": "kept_N = book('Rome', token=os.environ['CN_TOKEN'])",
    "step": "kept_N = signed('x', os.environ['CN_TOKEN'])",
    "MCP": "kept_N = await call('.', {'city': os.environ['CN_TOKEN']})",
    "SecretStr": "first_N = read(N)\nkept_N = SecretStr(first_N)",
    "name": "api_key = read(N)\nkept_N = [api_key]",
    "told": "kept_N = [duranb.secret(read(N))]",
    "code": "client_N = openai.OpenAI(base_url=URL, api_key='LITERAL')\nprint('LITERAL')",
    "bearer in code": POST + "headers={'Authorization': 'Bearer LITERAL'})\nprint('LITERAL')",
}
"""Bodies of durable cells; ``N`` is the number of the canary."""


def canaries(count: int) -> list[str]:
    """Secrets that nothing else looks like, and that begin unlike each other."""
    return [f"c{secrets.token_hex(14)}" for _ in range(count)]


def leaks(found: bytes, values: list[str]) -> set[int]:
    """The numbers of the canaries that are found, whole, encoded, or the first half of them."""
    return {
        number
        for number, value in enumerate(values)
        for form in (value[:15].encode(), base64.b64encode(value.encode())[:20])
        if form in found
    }


def run(kernel: Kernel, server: CountingServer, values: list[str], names: list[str]) -> list[str]:
    """Run a cell for each canary, by the routes with these names; the cells' sources."""
    folder = kernel.notebook.parent
    (folder / "canaries.json").write_text(json.dumps(values))
    cells = [f"%load_ext duranb\nURL, MCP = {server.url!r}, {mcp_tools.__file__!r}\n{SETUP}"]
    for number, name in enumerate(names):
        body = ROUTES[name].replace("LITERAL", values[number])
        body = body.replace("CN_", f"C{number}_").replace("_N", f"_{number}")
        cells.append(f"%%durable step_{number}\n" + body.replace("(N)", f"({number})"))
    for cell in cells:
        result = kernel.run(cell)
        if "raise " not in cell:
            assert result.error is None, (cell, result.error)
    return cells


def left_behind(kernel: Kernel, cells: list[str]) -> bytes:
    """All that a notebook leaves: its store, its timeline, its log and its export. Whether the
    store verifies is looked at on the way."""
    notebook = kernel.notebook
    found = kernel.run("%duranb log -n 5000\n%duranb status").text
    found += kernel.run("%%duranb_sql\nSELECT * FROM events").text
    kernel.stop()
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])  # type: ignore[no-untyped-call]
    nbformat.write(document, notebook)  # type: ignore[no-untyped-call]
    for words in (
        ["verify", str(notebook)],
        ["timeline", str(notebook), "-o", str(notebook.with_name("timeline.html"))],
        ["export", str(notebook), "--target", "script"],
        ["show", str(notebook), "step_0"],
    ):
        done = forks.run(
            [sys.executable, "-m", "duranb", *words],
            capture_output=True,
            text=True,
            cwd=notebook.parent,
        )
        assert done.returncode == 0, (words, done.stderr)
        found += done.stdout + done.stderr
    notebook.unlink()
    (notebook.parent / "canaries.json").unlink()
    (notebook.parent / "seen.txt").unlink(missing_ok=True)  # the MCP server's own
    files = [p for p in notebook.parent.rglob("*") if p.is_file()]
    return b"\0".join([found.encode(), *(p.read_bytes() for p in files)])


def environment(values: list[str]) -> dict[str, str]:
    """Each canary in the environment, as a token and as a part of a URL."""
    urls = {f"C{i}_URL": f"postgresql://bob:{v}@db/x" for i, v in enumerate(values)}
    return {f"C{i}_TOKEN": v for i, v in enumerate(values)} | urls


def only_where_needed(values: list[str], names: list[str]) -> dict[str, str]:
    """The environment, with those canaries alone that their route takes from there."""
    wanted = environment(values)
    return {
        key: value
        for i, name in enumerate(names)
        for key, value in wanted.items()
        if key in (f"C{i}_TOKEN", f"C{i}_URL") and key.replace(str(i), "N", 1) in ROUTES[name]
    }


@pytest.fixture(scope="module")
def server() -> CountingServer:
    """An HTTP server that is a model, too."""
    with CountingServer() as running:
        yield running


def test_no_secret_is_left_behind(kernels: Callable[..., Kernel], server: CountingServer) -> None:
    """One canary by each route."""
    names = list(ROUTES)
    values = canaries(len(names))
    kernel = kernels(**only_where_needed(values, names)).start()
    found = left_behind(kernel, run(kernel, server, values, names))
    assert {names[i] for i in leaks(found, values)} == set()
    assert found.count(b"*secret*") > len(names)


@pytest.mark.soak
def test_two_hundred_secrets_are_not_left_behind(
    kernels: Callable[..., Kernel], server: CountingServer
) -> None:
    """Two hundred canaries, by the routes in a random order."""
    names = (list(ROUTES) * 6)[:200]
    random.shuffle(names)
    values = canaries(len(names))
    kernel = kernels(**only_where_needed(values, names)).start()
    found = left_behind(kernel, run(kernel, server, values, names))
    assert {names[i] for i in leaks(found, values)} == set()
