"""Secrets that are written out in code, or have a name that says so, are known by their value."""

from __future__ import annotations

import collections
import dataclasses
import http.cookies
import secrets

import pandas as pd
import pytest
import requests

from duranb.state import revealing
from duranb.text import called, sources
from duranb.text.known import KNOWN, MASK
from duranb.text.written import written

WRITTEN = {
    "of several": "user, password = 'bob', 'SECRET'",
    "in brackets": "(host, [token]) = ('h', ['SECRET'])",
    "or": "api_key = os.environ.get('NOT_THERE') or 'SECRET'",
    "if": "api_key = 'SECRET' if live else 'a'",
    "made of it": "password = 'SECRET'.strip()",
    "longer quotes": "api_key = '''SECRET'''",
    "bytes": "secret_key = b'SECRET'",
    "in a list": "API_KEYS = ['SECRET', 'x']",
    "by place": "def login(user, password): ...\nlogin('bob', 'SECRET')",
    "by place in a class": (
        "class Shop:\n    def __init__(self, url, api_key): ...\nShop('http://x', 'SECRET')"
    ),
    "by place in a data class": (
        "@dataclass\nclass Account:\n    user: str\n    password: str\nAccount('bob', 'SECRET')"
    ),
    "in a named tuple": "Pair = namedtuple('Pair', 'user password')\nPair('bob', 'SECRET')",
    "a pair": "headers = [('Authorization', 'Bearer SECRET')]",
    "a name and a value": "[{'name': 'DB_PASSWORD', 'value': 'SECRET'}]",
    "compared": "if password == 'SECRET': pass",
    "the environment": "os.environ |= {'SHOP_TOKEN': 'SECRET'}",
    "a key of a service": "wandb.login(key='SECRET')",
    "beside a magic": "%matplotlib inline\nfiles = !ls\nuser, token = 'bob', 'SECRET'",
    "another language": "%%bash\nexport API_KEY=SECRET\necho hi",
    "a short option": "!docker login -u bob -p SECRET",
    "an option without a space": "!mysql -u bob -pSECRET db",
    "two names beside it": "!aws configure set aws_secret_access_key SECRET",
    "in the place of a user": "!git clone https://SECRET@git.test/x",
}


@pytest.mark.parametrize("code", WRITTEN.values(), ids=WRITTEN)
def test_it_is_recorded_without_it(code: str) -> None:
    """What code gives to a name that says what it is, is masked."""
    recorded = sources.recorded(code.replace("SECRET", fresh()))
    assert MASK in recorded
    assert recorded.count("\n") == code.count("\n")


ORDINARY = {
    "words": "password_label = 'Enter your password'",
    "what is asked": "st.text_input('Password', '12 letters or more')",
    "a token of a text": "token = 'reinforcement'\ntokens = ['learning', 'to', 'rank']",
    "a key of a dict": "key = 'results/2024/run-17'\nfound = cache[key]",
    "a number of something": "uuid = '550e8400-e29b-41d4-a716-446655440000'",
    "a column": "df.sort_values(key='population_2024_in_millions')",
    "looked up": "api_key = os.environ['OPENAI_API_KEY']",
    "a path": "token_path = 'tokens/2024/a1b2c3d4e5f6'",
}


@pytest.mark.parametrize("code", ORDINARY.values(), ids=ORDINARY)
def test_what_is_none_stays(code: str) -> None:
    """Words, keys of dicts and names of columns are recorded as they are."""
    assert sources.recorded(code) == code


def test_code_that_no_python_can_read_has_none() -> None:
    """What cannot be parsed is looked through as a text."""
    assert written("password = (") == []
    assert MASK in sources.recorded(f"password = 'x' 'b\n# api_key: '{fresh()}'\n(")


def test_a_text_in_pieces_is_masked_and_still_code() -> None:
    """Nothing is put in the place of one piece."""
    secret = fresh()
    code = f"api_key = ({secret[:14]!r}\n    {secret[14:]!r})"
    made = sources.exported(code)
    assert secret[:14] not in made and secret[14:] not in made
    compile(made, "made", "exec")


@dataclasses.dataclass
class Holder:
    """Something with an attribute."""

    _password: str


def held(value: str) -> dict[str, object]:
    """By what name they have it: a value of the namespace that holds a secret."""
    session = requests.Session()
    session.headers["X-Auth-Token"] = value
    signed = requests.Session()
    signed.auth = ("bob", value)
    return {
        "headers": {"Authorization": f"Bearer {value}", "Accept": "*/*"},
        "pairs": [("Authorization", f"Bearer {value}")],
        "cookies": {"Cookie": f"a=1; session={value}"},
        "jar": http.cookies.SimpleCookie({"sessionid": value}),
        "ordered": collections.OrderedDict(password=value),
        "session": session,
        "signed": signed,
        "passphrase": value,
        "bearer": value,
        "github_pat": value,
        "hf_token": value,
        "API_KEYS": [value],
        "env": [{"name": "DB_PASSWORD", "value": value}],
        "accounts": pd.DataFrame({"user": ["bob"], "password": [value]}),
        "dsn": f"https://{value}@errors.test/1",
        "socket": f"wss://x.test/a?token={value}",
        "blob": f"https://x.test/c?sv=2020&sig={value}",
        "signed_url": f"https://b.test/k?X-Amz-Signature={value}",
        "holder": Holder(value),
    }


@pytest.mark.parametrize("name", held(""))
def test_what_holds_one_tells_it(name: str) -> None:
    """A value of the namespace whose parts have a name that says so."""
    secret = fresh()
    revealing.look(name, held(secret)[name])
    assert KNOWN.masked_text(f"<{secret}>") != f"<{secret}>"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("headers", {"Accept": "application/json", "X-Request-Id": "550e8400-e29b-41d4-a716"}),
        ("tokens", ["reinforcement", "learning"]),
        ("link", "https://x.test/a?page=12&token=short"),
        ("key", "results/2024/run-17-of-the-model"),
        ("pair", ("left", "right-hand-side-2024-x")),
    ],
)
def test_what_holds_none_tells_none(name: str, value: object) -> None:
    """What is called otherwise, or looks like nothing of that kind."""
    before = len(KNOWN)
    revealing.look(name, value)
    assert len(KNOWN) == before


def fresh() -> str:
    """A secret that nobody knows yet."""
    return f"c{secrets.token_hex(14)}"


def test_a_frame_is_looked_at_whatever_its_index_and_state() -> None:
    """Its rows are counted, not looked up; one that is half built has none."""
    secret = fresh()
    rows = pd.IntervalIndex.from_breaks([0, 1, 2])
    revealing.look("accounts", pd.DataFrame({"password": [secret, "x"]}, index=rows))
    revealing.look("half", object.__new__(pd.DataFrame))
    assert KNOWN.masked_text(secret) != secret


def test_what_says_so_is_never_passed_by() -> None:
    """No name that may be one of a credential is in a text that is said to have none."""
    words = ["API_KEY", "hf_token", "dbPassword", "myPat", "sid_2", "JWT", "auth", "passphrase"]
    assert all(called.may_be_secret(word) and called.names_some(f"x {word} y") for word in words)
