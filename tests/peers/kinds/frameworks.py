# ruff: noqa: E501
"""Messages, models and tables of the frameworks that agents and their data are made of."""

from __future__ import annotations

from tests.peers.kinds.kind import Kind

_PYDANTIC = "import pydantic, typing\n"
_ATTRS = "import attrs\n"


# fmt: off
def frameworks() -> list[Kind]:
    """By library: each is left out where it is not installed."""
    made: dict[str, list[tuple[str, ...]]] = {
        "pydantic": [
            ("pydantic model with private attributes", f"{_PYDANTIC}class M(pydantic.BaseModel):\n    a: int\n    _p: list = pydantic.PrivateAttr(default_factory=lambda: [1])\nx = M(a=1)", "x._p.append(2)", "(x, x._p)"),
            ("pydantic model with extras", f"{_PYDANTIC}class M(pydantic.BaseModel):\n    model_config = pydantic.ConfigDict(extra='allow')\nx = M(a=[1])", "x.a.append(2)", "x.model_dump()"),
            ("frozen pydantic model", f"{_PYDANTIC}class M(pydantic.BaseModel):\n    model_config = pydantic.ConfigDict(frozen=True)\n    a: int\nx = M(a=1)", "", "(x, hash(x) == hash(M(a=1)))"),
            ("pydantic model with a validator", f"{_PYDANTIC}class M(pydantic.BaseModel):\n    a: int\n    @pydantic.field_validator('a')\n    @classmethod\n    def f(cls, v):\n        return v + 1\nx = M(a=1)", "x.a = 9", "(x.a, M(a=1).a)"),
            ("pydantic model with a computed field", f"{_PYDANTIC}class M(pydantic.BaseModel):\n    a: int\n    @pydantic.computed_field\n    @property\n    def b(self) -> int:\n        return self.a * 2\nx = M(a=1)", "x.a = 3", "x.model_dump()"),
            ("generic pydantic model", f"{_PYDANTIC}T = typing.TypeVar('T')\nclass M(pydantic.BaseModel, typing.Generic[T]):\n    a: T\nx = M[int](a=1)", "x.a = 2", "x.model_dump()"),
            ("recursive pydantic model", f"{_PYDANTIC}class M(pydantic.BaseModel):\n    kids: list['M'] = []\nx = M(kids=[M()])", "x.kids.append(M())", "x.model_dump()"),
            ("pydantic model with an alias", f"{_PYDANTIC}class M(pydantic.BaseModel):\n    a: int = pydantic.Field(alias='A', gt=0)\nx = M(A=1)", "x.a = 5", "x.model_dump(by_alias=True)"),
            ("pydantic union by a discriminator", f"{_PYDANTIC}class A(pydantic.BaseModel):\n    k: typing.Literal['a'] = 'a'\nclass B(pydantic.BaseModel):\n    k: typing.Literal['b'] = 'b'\nclass M(pydantic.BaseModel):\n    v: typing.Union[A, B] = pydantic.Field(discriminator='k')\nx = M(v={{'k': 'b'}})", "x.v = A()", "x.model_dump()"),
            ("pydantic secret", f"{_PYDANTIC}x = pydantic.SecretStr('s')", "", "type(x).__name__", "remade"),
            ("pydantic URL", f"{_PYDANTIC}x = pydantic.AnyUrl('http://h/p')", "", "str(x)"),
            ("pydantic type adapter", f"{_PYDANTIC}x = pydantic.TypeAdapter(list[int])", "", "x.validate_python(['1'])"),
            ("pydantic root model", f"{_PYDANTIC}class M(pydantic.RootModel[list[int]]):\n    pass\nx = M([1])", "x.root.append(2)", "x.model_dump()"),
            ("pydantic dataclass", f"{_PYDANTIC}@pydantic.dataclasses.dataclass\nclass D:\n    a: int\nx = D('1')", "x.a = 5", "x.a"),
            ("pydantic created model", f"{_PYDANTIC}M = pydantic.create_model('M', a=(int, 1)); x = M()", "x.a = 5", "x.model_dump()"),
            ("pydantic field", f"{_PYDANTIC}x = pydantic.Field(gt=0)", "", "x.metadata"),
            ("pydantic validation error", f"{_PYDANTIC}class M(pydantic.BaseModel):\n    a: int\ntry:\n    M(a='z')\nexcept pydantic.ValidationError as e:\n    x = e", "", "x.error_count()"),
        ],
        "openai": [
            ("chat completion", "from openai.types.chat import ChatCompletion as C\nx = C.model_validate({'id': 'i', 'object': 'chat.completion', 'created': 1, 'model': 'm', 'choices': [{'index': 0, 'finish_reason': 'stop', 'message': {'role': 'assistant', 'content': 'hi'}}]})", "x.choices[0].message.content = 'ho'", "x.model_dump()"),
            ("message of a chat", "from openai.types.chat import ChatCompletionMessage as M\nx = M(role='assistant', content='hi')", "x.content = 'ho'", "x.model_dump()"),
            ("call of a tool", "from openai.types.chat import ChatCompletionMessageToolCall as T\nx = T.model_validate({'id': 'i', 'type': 'function', 'function': {'name': 'f', 'arguments': '{}'}})", "x.function.arguments = '[]'", "x.model_dump()"),
            ("list of messages", "from openai.types.chat import ChatCompletionMessage as M\nx = [{'role': 'user', 'content': 'q'}, M(role='assistant', content='a')]", "x.append({'role': 'user', 'content': 'r'})", "[m if isinstance(m, dict) else m.model_dump() for m in x]"),
            ("embedding", "from openai.types import Embedding\nx = Embedding(embedding=[0.1], index=0, object='embedding')", "x.embedding.append(0.2)", "x.model_dump()"),
            ("value that is not given", "import openai\nx = openai.NOT_GIVEN", "", "type(x).__name__"),
            ("status error", "import openai, httpx2\nx = openai.RateLimitError('m', response=httpx2.Response(429, request=httpx2.Request('GET', 'http://127.0.0.1')), body={'a': 1})", "", "type(x).__name__"),
            ("timeout of a client", "import httpx2\nx = httpx2.Timeout(5.0)", "", "x.read"),
            ("chat interface of a client", "import openai\nc = openai.OpenAI(api_key='sk-none', base_url='http://127.0.0.1:1/v1'); x = c.chat.completions", "", "type(x).__name__"),
            ("client in an agent", "import openai\nclass A:\n    def __init__(self):\n        self.client = openai.OpenAI(api_key='sk-none', base_url='http://127.0.0.1:1/v1'); self.messages = []\nx = A()", "x.messages.append({'role': 'user'})", "(x.messages, str(x.client.base_url))"),
        ],
        "openai.types.responses": [("response of the Responses API", "from openai.types.responses import Response as R\nx = R.model_construct(id='i', output=[], model='m')", "x.output.append(1)", "(x.id, x.output)")],
        "anthropic": [
            ("Anthropic message", "from anthropic.types import Message\nx = Message.model_validate({'id': 'i', 'type': 'message', 'role': 'assistant', 'model': 'm', 'content': [{'type': 'text', 'text': 'hi'}], 'usage': {'input_tokens': 1, 'output_tokens': 2}})", "x.content[0].text = 'ho'", "x.content[0].text"),
            ("Anthropic text", "from anthropic.types import TextBlock\nx = TextBlock(type='text', text='hi')", "x.text = 'ho'", "x.text"),
            ("Anthropic tool use", "from anthropic.types import ToolUseBlock\nx = ToolUseBlock(id='i', name='n', input={'a': 1}, type='tool_use')", "x.input['b'] = 2", "x.input"),
        ],
        "attrs": [
            ("attrs class", f"{_ATTRS}@attrs.define\nclass C:\n    a: int\n    b: list = attrs.Factory(list)\nx = C(1)", "x.b.append(2)", "repr(x)"),
            ("frozen attrs class", f"{_ATTRS}@attrs.frozen\nclass C:\n    a: int\nx = C(1)", "", "(repr(x), hash(x) == hash(C(1)))"),
            ("attrs class with a converter", f"{_ATTRS}@attrs.define\nclass C:\n    a: int = attrs.field(converter=int, validator=attrs.validators.gt(0))\nx = C('3')", "x.a = '5'", "x.a"),
            ("attrs class without slots", f"{_ATTRS}@attrs.define(slots=False)\nclass C:\n    a: int\nx = C(1); x.more = [1]", "x.more.append(2)", "(x.a, x.more)"),
            ("old attrs class", "import attr\n@attr.s\nclass C:\n    a = attr.ib()\nx = C([1])", "x.a.append(2)", "x.a"),
            ("attrs exception", f"{_ATTRS}@attrs.define\nclass E(Exception):\n    a: int\nx = E(3)", "x.a = 4", "x.a"),
        ],
        "sqlalchemy": [
            ("engine", "import sqlalchemy as sa\nx = sa.create_engine('sqlite://')", "", "str(x.url)"),
            ("table of SQL", "import sqlalchemy as sa\nx = sa.Table('t', sa.MetaData(), sa.Column('a', sa.Integer, primary_key=True))", "", "list(x.columns.keys())"),
            ("select", "import sqlalchemy as sa\nx = sa.select(sa.literal(1))", "", "str(x)"),
            ("text of SQL", "import sqlalchemy as sa\nx = sa.text('select :a').bindparams(a=1)", "", "str(x)"),
            ("type of SQL", "import sqlalchemy as sa\nx = sa.String(30)", "", "(x.length, str(x))"),
            ("mapped instance", "import sqlalchemy as sa\nfrom sqlalchemy import orm\nclass B(orm.DeclarativeBase):\n    pass\nclass U(B):\n    __tablename__ = 'u'\n    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)\n    n: orm.Mapped[str]\nx = U(id=1, n='a')", "x.n = 'b'", "(x.id, x.n)", "refused"),
            ("declarative base", "from sqlalchemy import orm\nclass x(orm.DeclarativeBase):\n    pass", "", "x.__name__"),
            ("URL of a database", "import sqlalchemy as sa\nx = sa.make_url('sqlite:///f.db')", "", "str(x)"),
            ("rows of a result", "import sqlalchemy as sa\nwith sa.create_engine('sqlite://').connect() as c:\n    x = c.execute(sa.text('select 1 as a')).all()", "", "[tuple(r) for r in x]"),
        ],
        "langchain_core": [
            ("human message", "from langchain_core.messages import HumanMessage as H\nx = H('hi', additional_kwargs={'a': [1]})", "x.additional_kwargs['a'].append(2)", "(x.content, x.additional_kwargs)"),
            ("AI message with tools", "from langchain_core.messages import AIMessage as A\nx = A('hi', tool_calls=[{'name': 'f', 'args': {'a': 1}, 'id': 'i'}])", "x.content = 'ho'", "(x.content, x.tool_calls)"),
            ("prompt", "from langchain_core.prompts import ChatPromptTemplate as P\nx = P.from_messages([('user', '{q}')])", "", "x.invoke({'q': 'a'}).to_messages()[0].content"),
            ("runnable of a function", "from langchain_core.runnables import RunnableLambda as R\nx = R(lambda a: a + 1)", "", "x.invoke(1)"),
            ("chain of runnables", "from langchain_core.runnables import RunnableLambda as R\nx = R(lambda a: a + 1) | R(lambda a: a * 2)", "", "x.invoke(1)"),
            ("tool of langchain", "from langchain_core.tools import tool\n@tool\ndef x(a: int) -> int:\n    'adds'\n    return a + 1", "", "(x.name, x.invoke({'a': 1}))"),
            ("parser of outputs", "from langchain_core.output_parsers import JsonOutputParser as J\nx = J()", "", "x.parse('{\"a\": 1}')"),
            ("document", "from langchain_core.documents import Document\nx = Document('text', metadata={'k': [1]})", "x.metadata['k'].append(2)", "(x.page_content, x.metadata)"),
            ("history of a chat", "from langchain_core.chat_history import InMemoryChatMessageHistory as H\nx = H(); x.add_user_message('a')", "x.add_ai_message('b')", "[m.content for m in x.messages]"),
            ("store in memory", "from langchain_core.stores import InMemoryStore\nx = InMemoryStore(); x.mset([('a', 1)])", "x.mset([('b', 2)])", "x.mget(['a', 'b'])"),
            ("vectors in memory", "from langchain_core.vectorstores import InMemoryVectorStore as V\nfrom langchain_core.embeddings import DeterministicFakeEmbedding as E\nx = V(E(size=3)); _ = x.add_texts(['a'], ids=['i'])", "_ = x.add_texts(['b'], ids=['j'])", "sorted(x.store)"),
        ],
        "cattrs": [("converter", "import cattrs\nx = cattrs.Converter()", "", "x.structure('3', int)")],
        "frozendict": [("frozen dict", "import frozendict\nx = frozendict.frozendict(a=1)", "", "dict(x)")],
        "sortedcontainers": [
            ("sorted list", "import sortedcontainers as s\nx = s.SortedList([3, 1])", "x.add(2)", "list(x)"),
            ("sorted dict by a function", "import sortedcontainers as s\nx = s.SortedDict(lambda k: -k, {1: 'a', 2: 'b'})", "x[3] = 'c'", "list(x.items())"),
        ],
        "bidict": [("two-way dict", "import bidict\nx = bidict.bidict(a=1)", "x['b'] = 2", "(dict(x), dict(x.inverse))")],
        "more_itertools": [("peekable", "import more_itertools as m\nx = m.peekable([1, 2]); next(x)", "next(x)", "type(x).__name__")],
        "yaml": [("YAML loader", "import yaml\nx = yaml.SafeLoader", "", "x.__name__")],
        "jinja2": [
            ("template of Jinja", "import jinja2\nx = jinja2.Template('{{ a }}')", "", "x.render(a=1)", "refused"),
            ("environment of Jinja", "import jinja2\nx = jinja2.Environment()", "", "x.from_string('{{ a }}').render(a=1)"),
        ],
        "django": [
            ("Django's form field", "from django.utils.datastructures import MultiValueDict as M\nx = M({'a': [1]})", "x.appendlist('a', 2)", "x.getlist('a')"),
            ("Django's safe text", "from django.utils.safestring import mark_safe\nx = mark_safe('<b>')", "", "(str(x), type(x).__name__)"),
        ],
        "jsonschema": [("validator", "import jsonschema\nx = jsonschema.Draft202012Validator({'type': 'integer'})", "", "x.is_valid(3)")],
        "pendulum": [("pendulum date", "import pendulum\nx = pendulum.datetime(2026, 1, 2, tz='Europe/Berlin')", "", "x.isoformat()")],
        "arrow": [("arrow date", "import arrow\nx = arrow.get(2026, 1, 2)", "", "x.isoformat()")],
        "regex": [("regex pattern", "import regex\nx = regex.compile('(?P<a>b)')", "", "x.pattern")],
        "wrapt": [("decorated by wrapt", "import wrapt\n@wrapt.decorator\ndef d(f, i, a, k):\n    return f(*a, **k) + 1\n@d\ndef x(a):\n    return a", "", "x(1)")],
        "tenacity": [("retried function", "import tenacity\n@tenacity.retry(stop=tenacity.stop_after_attempt(2))\ndef x(a):\n    return a + 1", "", "x(1)")],
        "IPython": [("markdown", "from IPython.display import Markdown\nx = Markdown('*a*')", "x.data = 'b'", "x.data"), ("display handle", "from IPython.display import DisplayHandle\nx = DisplayHandle('i')", "", "x.display_id")],
        "ipywidgets": [("box of widgets", "import ipywidgets as w\nx = w.VBox([w.IntText(3)])", "", "type(x).__name__", "refused"), ("layout of a widget", "import ipywidgets as w\nx = w.Layout(width='3px')", "", "x.width", "refused")],
        "traitlets": [("traits", "import traitlets as t\nclass T(t.HasTraits):\n    a = t.Int(1)\nx = T(a=3)", "x.a = 4", "x.a")],
        "click": [("click option", "import click\nx = click.Option(['-a'], type=int)", "", "x.name"), ("click group", "import click\n@click.group()\ndef x():\n    pass\n@x.command()\ndef f():\n    pass", "", "sorted(x.commands)")],
        "rich": [("rich table", "from rich.table import Table\nx = Table('a'); x.add_row('1')", "x.add_row('2')", "x.row_count"), ("rich console", "from rich.console import Console\nx = Console()", "", "type(x).__name__")],
    }
    return [Kind(*k[:4], fate=(k[4:] or ("stored",))[0], needs=needs) for needs, kinds in made.items() for k in kinds]
# fmt: on
