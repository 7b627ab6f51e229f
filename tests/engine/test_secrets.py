"""A variable that is a secret, or holds one, is stored as a reference to where it is found."""

from __future__ import annotations

import functools
import secrets
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

import duranb
from duranb.errors import NotRestorable
from duranb.state import typed
from duranb.text.known import KNOWN, MASK
from duranb.values import codec
from tests.engine.world import World

VALUES: dict[str, str] = {
    "itself": "value = SECRET",
    "bytes": "value = SECRET.encode()",
    "in a list": "value = [1, [SECRET, 'x'], SECRET]",
    "in a dict": "value = {'a': {'key': SECRET, SECRET: 1}}",
    "in a tuple": "value = (SECRET,) * 3",
    "a URL": "value = f'postgresql://bob:{SECRET}@host/db'",
    "a default": "def value(x, key=SECRET):\n    return x + key",
    "a closure": "def make(key):\n    return lambda x: x + key\nvalue = make(SECRET)",
    "a partial": "import functools\nvalue = functools.partial(print, SECRET, sep=SECRET)",
    "an instance": "class Config:\n    pass\nvalue = Config()\nvalue.key = SECRET",
    "slots": "class Config:\n    __slots__ = ('key',)\nvalue = Config()\nvalue.key = SECRET",
    "a dataclass": (
        "import dataclasses\n@dataclasses.dataclass\nclass Config:\n    key: str\n"
        "value = Config(SECRET)"
    ),
    "a class": "class value:\n    key = SECRET",
    "a named tuple": "import collections\nvalue = collections.namedtuple('C', 'key')(SECRET)",
    "an array": "import numpy as np\nvalue = np.array([SECRET] + list('abcd') * 25, object)",
    "an array of texts": "import numpy as np\nvalue = np.array([SECRET, 'x'] * 40)",
    "an array of bytes": "import numpy as np\nvalue = np.array([SECRET.encode(), b'x'] * 40)",
    "an array of records": (
        "import numpy as np\nvalue = np.array([(SECRET, 1)] * 9, [('key', 'U60'), ('n', 'i4')])"
    ),
    "a frame": "import pandas as pd\nvalue = pd.DataFrame({'key': [SECRET, 'x'] * 40})",
    "text": "value = 'x' * 70000 + SECRET + 'y' * 70000",
}


def canary() -> str:
    """A secret that nothing else looks like."""
    return f"canary-{secrets.token_hex(12)}"


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """One that stands in the environment."""
    made = canary()
    monkeypatch.setenv("CANARY_KEY", made)
    return made


def stored(world: World) -> bytes:
    """All that a world has stored."""
    return repr(world.store.events()).encode() + b"".join(world.store._artifacts.values())


def loaded(world: World, name: str) -> Any:
    """What is recorded of an output of the latest execution."""
    execution = list(world.history.executions.values())[-1]
    return world.runtime.namespace.load_value(execution.outputs[name], name)


def opened(value: Any) -> str:
    """What somebody sees who looks into a value."""
    if callable(value) and not isinstance(value, (type, functools.partial)):
        return str(value("x"))
    if isinstance(value, type):
        return str(value.key)
    if isinstance(value, functools.partial):
        return str((value.args, value.keywords))
    if hasattr(value, "to_dict"):
        return str(value.to_dict())
    names = getattr(value, "__slots__", ())
    own = getattr(value, "__dict__", None) or {n: getattr(value, n) for n in names}
    return str(own or (value.tolist() if isinstance(value, np.ndarray) else value))


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_with_a_secret_comes_back_whole_from_the_environment(
    kind: str, secret: str
) -> None:
    """Wherever in a value a secret is, no byte of it is stored, and it is there again after a
    restart: as it is today."""
    world = World()
    source = f"import os\nSECRET = os.environ['CANARY_KEY']\n{VALUES[kind]}"
    world.cell("step", source)
    assert secret.encode() not in stored(world) and secret.encode()[:12] not in stored(world)
    before = opened(world.live["value"])
    assert secret in before
    world.start()
    world.cell("step", source)
    assert world.reason == "" and opened(world.live["value"]) == before


def test_texts_of_arrow_with_a_secret_come_back_whole(secret: str) -> None:
    """They are memory, of which references can be no part: they are stored as texts."""
    pytest.importorskip("pyarrow")
    world = World()
    source = (
        "import os, pyarrow as pa\nvalue = pa.table({'a': [os.environ['CANARY_KEY'], None],"
        " 'b': pa.chunked_array([['x'], [os.environ['CANARY_KEY']]], pa.large_string())})"
    )
    world.cell("step", source)
    assert secret.encode() not in stored(world)
    before = world.live["value"]
    world.start()
    world.cell("step", source)
    assert world.reason == "" and world.live["value"].equals(before)


def test_bytes_in_an_array_come_back_as_they_were_or_are_named(secret: str) -> None:
    """What an array has in its memory is not changed in silence: it is whole after a restart, and
    memory that several variables share, in which no reference can be, is named as not stored."""
    world = World()
    source = (
        "import os, numpy as np\nwhole = np.array([*b'x' * 70, *os.environ['CANARY_KEY'].encode()],"
        " 'u1').reshape(1, -1, order='F')\nshared = np.array([*os.environ['CANARY_KEY'].encode()],"
        " 'u1')\nview = shared[3:]"
    )
    world.cell("step", source)
    assert secret.encode()[:12] not in stored(world)
    before = world.live["whole"].tolist()
    world.start()
    world.cell("step", source)
    assert world.reason == "" and world.live["whole"].tolist() == before
    for name in ("shared", "view"):
        if isinstance(world.live.get(name), np.ndarray):
            found = bytes(world.live[name])
            assert secret.encode().endswith(found[-10:]), found
        else:
            assert any(name in told for told in world.notices), world.notices


def test_a_secret_that_was_changed_is_put_in_as_it_is_today(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is put in the place of a reference is the key of today."""
    world = World()
    world.cell("step", "import os\nvalue = ['k', os.environ['CANARY_KEY']]")
    new = canary()
    monkeypatch.setenv("CANARY_KEY", new)
    world.start()
    assert loaded(world, "value") == ["k", new]


def test_a_secret_that_is_nowhere_says_what_to_do(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a secret is not found again, a placeholder says what it was and how to give it."""
    world = World()
    world.cell("step", "import os\nvalue = ['k', os.environ.get('CANARY_KEY')]\nkey = value[1]")
    monkeypatch.delenv("CANARY_KEY")
    KNOWN._found.clear()  # as in another process
    world.start()
    whole, inside = loaded(world, "key"), loaded(world, "value")
    assert inside[0] == "k"
    for absent in (whole, inside[1]):
        with pytest.raises(NotRestorable, match=r"\$CANARY_KEY or the variable key"):
            absent.upper()


def test_the_cell_that_read_a_secret_runs_when_it_is_run_once_more(tmp_path: Path) -> None:
    """One that was read from a file is not there after a restart: that is said, the step that needs
    it says so, and the cells that made it run the next time. So does a value that it is a part of.
    """
    (tmp_path / "key").write_text(value := canary())
    world = World()
    cells = {
        "read": f"import pathlib\napi_key = pathlib.Path({str(tmp_path / 'key')!r}).read_text()",
        "hold": "headers = {'Authorization': f'Bearer {api_key}'}",
        "use": "n = len(headers['Authorization']) + len(api_key)",
    }
    for step, source in cells.items():
        world.cell(step, source)
    assert value.encode() not in stored(world)
    KNOWN._found.clear()  # as in another process
    world.start()
    cells["use"] += " + 1"
    world.cell("read", cells["read"])
    world.cell("hold", cells["hold"])
    with pytest.raises(NotRestorable):
        world.cell("use", cells["use"])
    assert "a secret is never stored" in world.runtime.namespace.unread("api_key")
    for step, source in cells.items():
        world.cell(step, source)
    assert world.live["headers"] == {"Authorization": f"Bearer {value}"}
    assert world.live["n"] == 2 * len(value) + 8


def test_a_typed_secret_is_found_under_the_name_it_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """duranb.secret(value, name=…) in a new process gives it again."""
    value = canary()
    world = World()
    world.plain(f"duranb.secret({value!r}, 'stripe')")
    world.cell("step", f"made = {{'key': {value!r}}}")
    assert value.encode() not in stored(world)
    world.start()
    world.cell("step", f"made = {{'key': {value!r}}}")
    assert world.live["made"] == {"key": value}
    assert world.reason == ""


def test_what_an_attempt_had_changed_is_put_back_with_its_secrets() -> None:
    """A retried attempt begins with the secrets that its inputs had, wherever they are from."""
    value = canary()
    world = World()
    duranb.secret(value)
    world.plain(f"config = {{'key': {value!r}, 'n': 0}}")
    world.cell(
        "step --retries 1 --backoff 0",
        "config['n'] += 1\nconfig['seen'] = config.pop('key')\n"
        "if duranb.context().attempt == 1:\n    raise ConnectionError('once')",
    )
    assert world.live["config"] == {"n": 1, "seen": value}
    assert value.encode() not in stored(world)


def test_what_is_beside_a_client_with_a_key_is_known_before_it_is_stored() -> None:
    """A text that is also in a SecretStr, a client, or under a telling name is never stored."""
    held, client, named, item = canary(), canary(), canary(), canary()
    world = World()
    world.live["SecretStr"] = SecretStr
    world.plain(
        f"a_first = {held!r}\nsecret = SecretStr({held!r})\n"
        f"b_first = {client!r}\nimport openai\nmodel = openai.OpenAI(api_key={client!r})\n"
        f"api_key = {named!r}\nother = {named!r}\nsettings = {{'password': {item!r}}}"
    )
    world.cell("step", "done = len(a_first + b_first + api_key + other) + len(settings)")
    for value in (held, client, named, item):
        assert value.encode() not in stored(world)
    for name in ("a_first", "b_first", "api_key"):
        assert world.live[name].startswith("canary")


def test_previews_and_errors_show_a_mask(secret: str) -> None:
    """However long what is shown is cut, no part of a secret is left in it."""
    world = World()
    with pytest.raises(ValueError, match="refused"):
        world.cell(
            "step",
            "import os\nkey = os.environ['CANARY_KEY']\nraise ValueError(f'{key} refused')",
        )
    world.cell("shown", "value = ['x' * 20 + os.environ['CANARY_KEY'] * 3]\nagain = value[0]")
    assert secret.encode()[:12] not in stored(world) and MASK.encode() in stored(world)


def test_what_is_typed_or_from_the_keyring_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What getpass asked for is not stored; what the keyring gave comes back from there."""
    typed_in, kept = canary(), {("shop", "bob"): canary()}
    keyring = types.ModuleType("keyring")
    keyring.get_password = lambda service, user: kept.get((service, user))  # type: ignore[attr-defined]
    asking = types.ModuleType("getpass")
    asking.getpass = lambda prompt="": typed_in  # type: ignore[attr-defined]
    typed._hook_keyring(keyring)
    typed._hook_getpass(asking)
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "getpass", asking)
    world = World()
    world.cell("typed", "import getpass\nsecret = [getpass.getpass('password')]")
    world.cell("kept", "import keyring\nvalue = [keyring.get_password('shop', 'bob')]")
    for value in (typed_in, *kept.values()):
        assert value.encode() not in stored(world)
    world.start()
    KNOWN._found.clear()  # as in another process
    kept["shop", "bob"] = canary()
    assert loaded(world, "value") == [kept["shop", "bob"]]


def test_a_secret_that_was_stored_before_it_was_known_is_named(secret: str) -> None:
    """Where a request shows a variable that is stored already to be a credential, the step says so,
    and how it is taken out again."""
    late = canary()
    world = World()
    world.plain(f"early = {late!r}")
    world.cell("first", "n = len(early)")
    world.live["learn"] = lambda: KNOWN.learn(late, "a test")
    world.cell("second", "learn()\nm = 1")
    assert any("early" in told and "redact" in told for told in world.notices), world.notices
    world.cell("third", "k = 1")
    assert sum("early" in told for told in world.notices) == 1


def test_what_was_free_of_secrets_is_searched_again_when_one_is_learned() -> None:
    """A large text that was looked at before anybody knew what stands in it is another matter
    afterwards."""
    value = canary()
    text = ["x" * 70_000 + value]
    assert value.encode() in b"".join(map(bytes, codec.dump(text, {}).body))
    duranb.secret(value)
    assert value.encode() not in b"".join(map(bytes, codec.dump(text, {}).body))


def test_a_secret_that_a_cell_names_is_in_nothing_that_the_cell_changed() -> None:
    """Also where what it changed was looked at before the name was."""
    value = canary()
    world = World()
    world.plain(f"parts, log = {list(value)!r}, ['a']")
    world.cell("step", "api_key = ''.join(parts)\nlog.append(api_key)\nkeys = [log[-1]]")
    assert value.encode() not in stored(world)
    assert loaded(world, "log") == ["a", value]
