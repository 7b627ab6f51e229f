"""What a request authenticates with is never stored, wherever it turns up again."""

from __future__ import annotations

import ast
import base64
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

import duranb
from duranb.engine.claim import describe
from duranb.errors import UsageError
from duranb.export.notebook import cells_of
from duranb.record.kinds import Kind
from duranb.text import secretive, sources
from duranb.text.known import MASK, Known
from tests.servers.process import CountingServer
from tests.servers.steps import Notebook

Send = Callable[[httpx2.Client, str, str], Any]


def canary() -> str:
    """A secret that nothing else looks like."""
    return f"canary-{secrets.token_hex(12)}"


def basic(value: str) -> str:
    """The header that HTTP's basic authentication sends."""
    return "Basic " + base64.b64encode(f"bob:{value}".encode()).decode()


HEADERS = (
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-auth-token",
    "x-custom-key",
)
ROUTES: dict[str, Send] = {
    **{
        name: lambda http, url, s, name=name: http.post(f"{url}/x", headers={name: s})
        for name in HEADERS
    },
    "bearer": lambda http, url, s: http.post(f"{url}/x", headers={"Authorization": f"Bearer {s}"}),
    "basic": lambda http, url, s: http.post(f"{url}/x", headers={"Authorization": basic(s)}),
    "proxy": lambda http, url, s: http.post(f"{url}/x", headers={"Proxy-Authorization": basic(s)}),
    "cookie": lambda http, url, s: http.post(f"{url}/x", headers={"Cookie": f"a=b; session={s}"}),
    "query": lambda http, url, s: http.post(f"{url}/x", params={"api_key": s, "q": "cats"}),
    "signature": lambda http, url, s: http.get(f"{url}/v1/models", params={"X-Amz-Signature": s}),
    "user": lambda http, url, s: http.post(url.replace("//", f"//bob:{s}@") + "/x"),
    "path": lambda http, url, s: http.post(f"{url}/bot12345:{s}/send", json={}),
    "field": lambda http, url, s: http.post(f"{url}/x", json={"a": [{"client_secret": s}]}),
    "form": lambda http, url, s: http.post(f"{url}/x", data={"password": s, "name": "bob"}),
    "multipart": lambda http, url, s: http.post(f"{url}/x", files={"token": (None, s)}),
}


def everything(folder: Path) -> bytes:
    """All bytes below a folder."""
    return b"\0".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("route", ROUTES)
def test_what_a_request_carries_is_known_from_then_on(
    route: str, notebook: Notebook, server: CountingServer
) -> None:
    """However a credential is sent, a message that tells it later is stored without it."""
    secret = canary()
    with notebook.step() as step, httpx2.Client() as http:
        ROUTES[route](http, server.url, secret)
        told = describe(ValueError(f"{secret} was refused"))
        claim = step.journal.claim(Kind.VALUE, "key", "value")
        assert claim is not None
        claim.fail(ValueError(f"not {secret}"))
        notebook.session.store.put([f"it printed {secret}!".encode()])
    assert secret not in told.message and MASK in told.message
    rows = str(notebook.session.query("SELECT data, payload FROM events"))
    stored = everything(notebook.session.store_path) + rows.encode()
    assert secret.encode() not in stored and stored.count(MASK.encode()) >= 4
    assert base64.b64encode(f"bob:{secret}".encode()) not in stored


def test_an_answer_that_holds_a_credential_is_asked_for_again(
    notebook: Notebook, server: CountingServer
) -> None:
    """A page that shows the credential of its request is not served without it later: it is passed
    on, and named as not recorded. What a model says is kept, with the secret masked."""
    headers = {"x-api-key": f"{canary()} {canary()}"}
    server.configure(says=f"you said {headers['x-api-key']} ")
    with notebook.step(), httpx2.Client(headers=headers) as http:
        http.post(f"{server.url}/x", json={"n": 1})
        http.post(f"{server.url}/v1/chat/completions", json={"model": "m", "messages": []})
    (failed,) = notebook.failed
    assert "holds a credential" in failed.error.message
    (kept,) = notebook.calls()
    assert headers["x-api-key"].encode() not in notebook.stored(kept)
    assert MASK.encode() in notebook.stored(kept)


def test_a_stream_that_spells_a_secret_is_passed_on_and_not_recorded(
    notebook: Notebook, server: CountingServer
) -> None:
    """Where a model's stream has a secret in pieces, no piece of it can be masked."""
    headers = {"x-api-key": f"{canary()} {canary()}"}
    server.configure(says=f"you said {headers['x-api-key']} ")
    ask = {"model": "m", "messages": [], "stream": True}
    with notebook.step(), httpx2.Client(headers=headers) as http:
        http.post(f"{server.url}/v1/chat/completions", json=ask)
    (failed,) = notebook.failed
    assert "spells out" in failed.error.message and not notebook.calls()


@pytest.fixture
def known() -> Known:
    """What a process knows that has seen nothing yet."""
    return Known()


def test_a_secret_is_found_in_whatever_form(known: Known) -> None:
    """Quoted, escaped, encoded, or cut off: it is masked, by as many bytes as it has."""
    secret = 'pä"ss\\wörd & <more> 4711'
    known.learn(secret, "a test")
    for form in secretive.forms(secret.encode()):
        masked = known.masked(b"x " + form + b" y")
        assert len(masked) == len(form) + 4 and masked[:2] + masked[-2:] == b"x  y"
        assert masked[2:].replace(b"\0", b"").startswith(MASK.encode())
    for text in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        wide = known.masked(f"x {secret} y".encode(text)).decode(text)
        assert wide == f"x {MASK.ljust(len(secret), '*')} y"
    for before in range(3):  # wherever in it; of what is in base64 only the last letters are left
        hidden = base64.b64encode(b"-" * before + secret.encode()).decode()
        assert MASK in known.masked_text(hidden) and hidden[4:16] not in known.masked_text(hidden)
    token = canary()
    known.learn(token, "a test")
    assert known.masked_text(f"{token[:20]}...") == MASK.ljust(20, "*") + "..."
    assert known.masked_text(token[:6]) == token[:6]


def test_what_looks_like_a_key_is_one(known: Known) -> None:
    """Keys of well-known forms are masked without having been seen before; those of manuals, and
    words that only begin alike, are not."""
    key = "sk-proj-" + secrets.token_urlsafe(40).replace("-", "a")
    assert known.masked_text(f"use {key}.") == f"use {MASK.ljust(len(key), '*')}."
    for text in ("a risk-averse-and-otherwise-unremarkable-task", "AKIAIOSFODNN7EXAMPLE"):
        assert known.masked_text(text) == text


def test_words_are_no_secrets(known: Known) -> None:
    """A value that would be found everywhere is left alone, wherever it stands."""
    for value in (
        "production",
        "customer_id",
        "changeme",
        "12345",
        "/etc/hosts",
        "none",
    ):
        known.learn(value, "a test")
        assert known.masked_text(f"in {value} it is") == f"in {value} it is"
    known.learn("gpt-4o-mini-2024-07-18", "a test", sure=False)
    with pytest.raises(ValueError, match="four characters"):
        duranb.secret("abc")


def test_the_environment_is_read_again_when_it_has_changed(
    known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential, and the password in what says how to connect, is known once it stands there."""
    secret, password = canary(), canary()
    known.look_around()
    monkeypatch.setenv("SOME_SERVICE_TOKEN", secret)
    monkeypatch.setenv("WAREHOUSE", f"postgresql://bob:{password}@host/db")
    known.look_around()
    assert secret not in known.masked_text(f"{secret} {password}") and known.said(secret)
    assert password not in known.masked_text(f"{secret} {password}")


def test_a_pattern_of_the_users_is_masked(known: Known) -> None:
    """What fits a pattern that the user has given is a secret."""
    known.learn_pattern(re.compile(r"EMP-\d{6}"))
    assert known.masked_text("EMP-123456 and EMP-1") == MASK + "** and EMP-1"


CODE = [
    'connect(password=os.environ["DATABASE_PASSWORD"])',
    "connect(host, password=settings.database_password, db='x')",
    "url = f'postgresql://bob:{settings.password}@db/x'",
    "dsn = f'host=db password={read(3)} dbname=x'",
    "dsn = 'mysql://%(user)s:%(password)s@db/x'; other = 'ftp://bob:$PASSWORD@host'",
    "password = getpass.getpass('The password: ')",
    "!psql --password=$DATABASE_PASSWORD",
    "token = tokens[0]; max_tokens = 4096",
    'prompt = "the secret is where nobody-looks-for-it-4711"',
]


@pytest.mark.parametrize("code", CODE)
def test_code_that_looks_a_secret_up_is_recorded_as_it_is(code: str) -> None:
    """What stands for a password is none, and is masked neither there nor anywhere else."""
    assert sources.recorded(code) == code == sources.exported(code)


WRITTEN = [
    "api_key = 'X'",
    "connect(password='X')",
    "url = 'mysql://bob:X@db:3306/x'",
    "dsn = 'host=db password=X dbname=x'",
    "url = 'https://shop.test/v1?api_key=X&q=1'",
    "sql = \"CREATE USER bob PASSWORD 'X'\"",
    "ask('''Authorization: Bearer X''')",
    "!curl -H 'Authorization: Bearer X' https://shop.test",
    "!tool --api-key X --other",
    "%env SHOP_TOKEN=X",
    "# password: 'X'",
]


@pytest.mark.parametrize("code", WRITTEN)
def test_code_that_holds_a_secret_is_exported_without_it_and_still_is_code(code: str) -> None:
    """However it is written out. What is exported can be parsed where the cell could."""
    secret = canary().replace("-", "9")
    code = code.replace("X", secret)
    assert secret not in sources.recorded(code) and secret not in sources.exported(code)
    if code[0] not in "!%":
        ast.parse(sources.exported(code))


def test_code_is_recorded_and_exported_without_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key written out in a cell is masked in the record, from which the cell is not run then
    unless this process has seen it; exported it is looked up in the environment."""
    secret = canary()
    code = f'client = Client(api_key="{secret}")'
    told = sources.recorded(code)
    assert secret not in told and sources.runnable(told, "step") == code
    with pytest.raises(UsageError, match="run its cell"):
        sources.runnable(f'key = "{MASK}***"', "step")
    monkeypatch.setenv("CLIENT_KEY", secret)
    _, (cell,) = cells_of([("code", f"%%durable\n{code}")])
    assert cell.source.strip() == 'client = Client(api_key=__import__("os").environ["CLIENT_KEY"])'
    assert os.environ["CLIENT_KEY"] == eval(cell.source.partition("api_key=")[2].strip()[:-1])
