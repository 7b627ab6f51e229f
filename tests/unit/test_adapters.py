"""Clients, secrets and other objects that hold what cannot be stored: they come back with their
state and without their keys."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Iterator

import pytest

from duranb.state import unstorable
from tests.unit.test_state import Kernel, restored

KEY = "sk-very-secret"


@pytest.fixture
def kernel() -> Kernel:
    """A fresh one."""
    return Kernel()


def test_a_client_that_is_alive_stands_for_an_equal_one(kernel: Kernel) -> None:
    """What is restored beside the client that a cell has just made uses that one: it has the key
    that was given in code. Of two with different keys, and of a closed one, nobody knows."""
    kernel.run(
        f"import openai, types\nclient = openai.OpenAI(api_key={KEY!r}, base_url='http://one/v1')\n"
        "agent = types.SimpleNamespace(client=client, memory=[1])"
    )
    binding = kernel.namespace.bindings()["agent"]
    again = kernel.namespace.load_value(binding, "agent")
    assert again.client is kernel["client"] and again.memory == [1] and again is not kernel["agent"]
    kernel.run("other = openai.OpenAI(api_key='sk-another', base_url='http://one/v1')")
    assert kernel.namespace.load_value(binding, "agent").client not in (
        kernel["client"],
        kernel["other"],
    )
    kernel.run("other.close(); client.close()")
    assert not kernel.namespace.load_value(binding, "agent").client.is_closed()


def test_using_a_part_of_a_client_changes_nothing(kernel: Kernel) -> None:
    """``client.chat.completions`` makes wrappers of itself when it is first used: no change; it
    comes back on the client that comes back."""
    kernel.run(
        "import openai\nclient = openai.OpenAI(api_key='k', base_url='http://two/v1')\n"
        "ask = client.chat.completions"
    )
    assert kernel.run("ask.with_raw_response.create", {"ask"}).changed == {}
    other = restored(kernel, kernel.namespace.bindings())
    assert other["ask"]._client is other["client"] and other["ask"].create


PETS = """
exec(compile('''
from typing import Annotated, Literal, Union
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
Pet = Annotated[Union[Cat, Dog], Field(discriminator="kind")]
pets = TypeAdapter(list[Pet])
lazy = TypeAdapter(list[Pet], config=ConfigDict(defer_build=True))
''', "pets", "exec", dont_inherit=True))  # the annotations of these are no texts
"""


def test_a_type_adapter_is_that_of_its_type(kernel: Kernel) -> None:
    """Made anew it has the version that it had, so that no step runs again for it, and to use one
    that is built when it is first asked changes nothing. It comes back for the classes that do."""
    kernel.run(PETS)
    first = kernel.namespace.bindings()
    kernel.run("lazy.validate_python([])", {"lazy"})
    assert kernel.namespace.bindings()["lazy"].version == first["lazy"].version
    again = Kernel()
    again.run(PETS)
    for name in ("pets", "lazy"):
        assert again.namespace.bindings()[name].version == first[name].version
    assert first["pets"].version != first["lazy"].version
    other = restored(kernel, first)
    (found,) = other["pets"].validate_json('[{"kind": "dog"}]')
    assert type(found) is other["Dog"] and other["lazy"].validate_python([]) == []


BUILT = """
exec(compile('''
from pydantic import BaseModel
from pydantic_core import SchemaSerializer, SchemaValidator
class Leaf(BaseModel):
    name: str
class Tree(BaseModel):
    leaves: list[Leaf]
    trees: list["Tree"] = []
checks = SchemaValidator(Tree.__pydantic_core_schema__)
writes = SchemaSerializer(Tree.__pydantic_core_schema__)
others = SchemaValidator(Leaf.__pydantic_core_schema__)
''', "built", "exec", dont_inherit=True))
"""


def test_a_validator_is_that_of_its_schema(kernel: Kernel) -> None:
    """Agents keep one for what they are to answer. Made anew for the same classes it has the
    version that it had, and it comes back for the classes that do."""
    kernel.run(BUILT)
    first = kernel.namespace.bindings()
    again = Kernel()
    again.run(BUILT)
    for name in ("checks", "writes", "others"):
        assert again.namespace.bindings()[name].version == first[name].version
    assert first["checks"].version != first["others"].version
    other = restored(kernel, first)
    (leaf,) = other["checks"].validate_python({"leaves": [{"name": "a"}]}).leaves
    assert type(leaf) is other["Leaf"]
    assert other["writes"].to_python(other["Tree"](leaves=[leaf]))["leaves"] == [{"name": "a"}]


def test_what_a_library_caches_is_no_change(kernel: Kernel) -> None:
    """Asking an object for what it works out once changes neither its version nor what is stored;
    asked again where it came back, it gives the same. A property of the notebook's own is state."""
    kernel.run(
        "import functools, ipaddress\n"
        "class Own:\n    @functools.cached_property\n    def seen(self): return []\n"
        "net, own = ipaddress.ip_network('10.0.0.0/8'), Own()"
    )
    before = kernel.namespace.version_of(kernel["net"])
    assert kernel.run("net.broadcast_address, net.hostmask", {"net"}).changed == {}
    assert "broadcast_address" in vars(kernel["net"])
    assert kernel.namespace.version_of(kernel["net"]) == before
    assert set(kernel.run("own.seen.append(1)", {"own"}).changed) == {"own"}
    other = restored(kernel, kernel.namespace.bindings())
    assert str(other["net"].broadcast_address) == "10.255.255.255" and other["own"].seen == [1]


def test_secrets_are_not_stored(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """pydantic's come back from the environment variable they were in; where that is not set, the
    value's version is what it was all the same."""
    monkeypatch.setenv("DURANB_TEST_KEY", KEY)
    kernel.run(
        "import os\nfrom pydantic import BaseModel, SecretStr\n"
        "class Model(BaseModel):\n    name: str\n    key: SecretStr\n"
        "model = Model(name='m', key=os.environ['DURANB_TEST_KEY'])"
    )
    binding = kernel.namespace.bindings()["model"]
    assert not any(KEY.encode() in data for data in kernel.artifacts.kept.values())
    kernel.run("del model")
    monkeypatch.delenv("DURANB_TEST_KEY")
    other = restored(kernel, kernel.namespace.bindings() | {"model": binding})
    assert other["model"].key.get_secret_value() != KEY
    assert other.namespace.version_of(other["model"]) == binding.version
    monkeypatch.setenv("DURANB_TEST_KEY", KEY)
    third = restored(other, other.namespace.bindings())
    assert third["model"].key.get_secret_value() == KEY


def test_a_database_in_memory_comes_back(kernel: Kernel) -> None:
    """With its tables and how rows are made; a change of it is a change, also of what holds it."""
    kernel.run(
        "import sqlite3, types\ndb = sqlite3.connect(':memory:')\ndb.row_factory = sqlite3.Row\n"
        "log = types.SimpleNamespace(db=db)"
    )
    before = kernel.namespace.bindings()
    delta = kernel.run("db.executescript('create table t(a); insert into t values (7)')", {"db"})
    assert set(delta.changed) == {"db", "log"}
    assert delta.changed["log"].version != before["log"].version
    other = restored(kernel, kernel.namespace.bindings())
    assert [row["a"] for row in other["log"].db.execute("select a from t")] == [7]
    assert other["log"].db is other["db"]
    first = restored(kernel, before)
    assert first["db"].execute("select * from sqlite_master").fetchall() == []
    kernel.run("db.execute('insert into t values (8)')")
    assert "transaction" in kernel.namespace.bindings()["db"].why
    for each in (kernel, other, first):
        each["db"].close()


def test_a_console_comes_back(kernel: Kernel) -> None:
    """What an object keeps for each thread does not make it unstorable."""
    kernel.run("from rich.console import Console\nconsole = Console(width=40)\nheld = [console]")
    other = restored(kernel, kernel.namespace.bindings())
    other["console"].print("hello")
    assert other["console"].width == 40 and other["held"][0] is other["console"]


def test_what_hides_state_may_have_changed(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that cannot be stored and holds one whose state nothing shows is taken to be
    another one after code that could touch it, and only then."""
    module = types.ModuleType("duranb_test_library")
    exec("class Reader: pass", vars(module))
    monkeypatch.setitem(sys.modules, "duranb_test_library", module)
    kernel.run(
        "import duranb_test_library as lib, sqlite3\nreader = lib.Reader(); reader.name = 'r'\n"
        "reader.at = sqlite3.connect(':memory:').execute('values (1), (2)')"
    )
    assert unstorable.look(kernel["reader"]) == unstorable.CLOSED
    assert "reader" not in kernel.run("n = 1", {"n"}).bound
    assert "reader" in kernel.run("next(reader.at)", {"reader"}).bound
    kernel["reader"].at.connection.close()


def test_a_version_tells_what_no_content_tells(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that can be stored, and whose content gives no version, has another one after code
    that changed it."""
    module = types.ModuleType("duranb_test_library")
    exec("def f():\n    return 1\ninner, f = f, None", vars(module))
    monkeypatch.setitem(sys.modules, "duranb_test_library", module)
    kernel.run("import duranb_test_library as lib\nvalue = {'f': lib.inner, 'n': []}")
    first = kernel.namespace.bindings()["value"]
    assert first.artifact
    second = kernel.run("value['n'].append(1)", {"value"}).changed["value"]
    assert second.artifact != first.artifact and second.version != first.version


def test_classes_that_a_library_makes_are_told_by_their_content(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One under the name of another is another, though both are said to be of the same module."""
    module = types.ModuleType("duranb_test_library")
    exec(
        "def make(n):\n    return type('Made', (), {'n': n, '__module__': __name__})", vars(module)
    )
    monkeypatch.setitem(sys.modules, "duranb_test_library", module)
    kernel.run("import duranb_test_library as lib\na, b, c = lib.make(1), lib.make(2), lib.make(1)")
    version = kernel.namespace.version
    assert version("a") == version("c") != version("b")


def test_no_http_library_is_imported_beside_a_call() -> None:
    """What prices need is there once httpx is, before anything could be sent with it: SDKs look
    for one in ``sys.modules``, and must not find it half imported by a thread."""
    code = (
        "import sys, threading\nfrom duranb.llm import hook, prices\nhook.install()\n"
        "assert 'genai_prices' not in sys.modules\nimport httpx\n"
        "before = set(sys.modules)\nprices.warm()\n"
        "[t.join() for t in threading.enumerate() if t.name == 'duranb-prices']\n"
        "print({m.split('.')[0] for m in set(sys.modules) - before} - {'genai_prices'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.stdout.strip() == "set()", done.stderr


LAZY = """
class Step:
    def __init__(self, text):
        self.text, self._repr, self.note = text, None, None
    def __repr__(self):
        if self._repr is None:
            try:
                self._repr = f"Step({self.text})"
            finally:
                self.note = "shown"
        return self._repr
"""


def test_to_show_an_object_is_no_change(kernel: Kernel, libraries: None) -> None:
    """A library's may keep the text that it is shown as; it is made again where it came back.
    Another thing that showing it leaves is state."""
    kernel.run("from dspy.lazily import Step\na = Step('x')\nb = Step('x')\nb.note = 'shown'")
    before = kernel.namespace.version_of(kernel["b"])
    assert repr(kernel["a"]) == "Step(x)" and kernel["a"]._repr
    assert kernel.namespace.version_of(kernel["a"]) == before
    other = restored(kernel, kernel.namespace.bindings())
    assert other["a"]._repr is None and repr(other["a"]) == "Step(x)"
    assert other["a"].note == "shown"


def test_a_request_that_gets_no_cookie_leaves_a_session_as_it_was(kernel: Kernel) -> None:
    """Its jar notes the time with each one, and nobody asks for that; a cookie is state."""
    kernel.run(
        "import requests\nfrom requests.cookies import get_cookie_header\n"
        "ask = requests.Request('GET', 'http://127.0.0.1/').prepare()\ns = requests.Session()"
    )
    before = kernel.namespace.version_of(kernel["s"])
    kernel.run("get_cookie_header(s.cookies, ask)\nnoted = s.cookies._now")
    assert kernel["noted"] and kernel.namespace.version_of(kernel["s"]) == before
    other = restored(kernel, kernel.namespace.bindings())
    other.run("get_cookie_header(s.cookies, ask)")
    kernel.run("s.cookies.set('a', 'b')")
    assert kernel.namespace.version_of(kernel["s"]) != before


def installed(name: str, source: str) -> None:
    """A module of an installed library that is not here."""
    parent = ""
    for part in name.split("."):
        full = f"{parent}.{part}" if parent else part
        module = sys.modules.setdefault(full, types.ModuleType(full))
        module.__path__ = []  # type: ignore[attr-defined]
        if parent:
            setattr(sys.modules[parent], part, module)
        parent = full
    exec(source, vars(sys.modules[name]))


DSPY = """
import os
class Predict:
    def __init__(self, signature):
        self.signature, self.stage = signature, os.urandom(8).hex()
"""

FASTMCP = """
import threading
class StdioTransport:
    def __init__(self, command, args, env=None, cwd=None, keep_alive=None, log_file=None):
        self.command, self.args, self.env, self.cwd = command, args, env, cwd
        self.keep_alive, self.log_file, self._task = keep_alive, log_file, None
    def connect(self):
        self._task = threading.Lock()
class PythonStdioTransport(StdioTransport):
    def __init__(self, script_path, env=None):
        super().__init__("python", [script_path], env)
        self.script_path = script_path
"""


@pytest.fixture
def libraries() -> Iterator[None]:
    """Of dspy and fastmcp what is needed here."""
    before = set(sys.modules)
    installed("dspy.predict.predict", DSPY)
    installed("dspy.lazily", LAZY)
    installed("fastmcp.client.transports.stdio", FASTMCP)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_what_is_drawn_for_an_object_is_no_part_of_its_version(
    kernel: Kernel, libraries: None
) -> None:
    """A plain cell makes it anew in each process, and no step runs again for that."""
    make = (
        "import dspy.predict.predict as d\nclass Own(d.Predict): pass\n"
        "a, b, c, own = d.Predict('q'), d.Predict('q'), d.Predict('other'), Own('q')\n"
        "b_stage = c.stage"
    )
    kernel.run(make)
    version = {n: kernel.namespace.version_of(kernel[n]) for n in ("a", "b", "c", "own")}
    assert version["a"] == version["b"] != version["c"] and version["own"] != version["a"]
    kernel.run("b.stage = 'mine'")
    assert kernel.namespace.version_of(kernel["b"]) != version["a"]
    assert restored(kernel, kernel.namespace.bindings())["c"].stage == kernel["b_stage"]


def test_a_transport_starts_another_process(
    kernel: Kernel, libraries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has talked to its server is as it was when it had not; its keys are not stored."""
    monkeypatch.setenv("WEATHER_API_KEY", "sk-weather-1234567890")
    kernel.run(
        "import os, fastmcp.client.transports.stdio as t\n"
        "def made(): return t.PythonStdioTransport(\n"
        "    'server.py', {'API_KEY': os.environ['WEATHER_API_KEY'], 'MODE': 'a'})\n"
        "used, fresh = made(), made()\nused.connect()"
    )
    bindings = kernel.namespace.bindings()
    assert bindings["used"].version == bindings["fresh"].version
    other = restored(kernel, bindings)
    assert other["used"].script_path == "server.py" and other["used"]._task is None
    assert other["used"].env == {"API_KEY": "sk-weather-1234567890", "MODE": "a"}
    assert other["used"].args == ["server.py"]
