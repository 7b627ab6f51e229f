# ruff: noqa: E501
"""Clients, models and tools around them."""

from __future__ import annotations

from tests.peers.kinds.kind import Kind


def tools() -> list[Kind]:
    model = "import pydantic\nclass M(pydantic.BaseModel):\n    a: int\n    b: list[int] = []\n"
    key = "api_key='sk-not-to-be-stored'"
    return [
        Kind("pydantic model", f"{model}x = M(a=1)", "x.b.append(2)", "x.model_dump()"),
        Kind("pydantic class", f"{model}x = M", "", "x(a='3').a"),
        Kind(
            "nested pydantic models",
            f"{model}class O(pydantic.BaseModel):\n    m: M\nx = O(m=M(a=1))",
            "x.m.b.append(2)",
            "x.model_dump()",
        ),
        Kind(
            "msgspec struct",
            "import msgspec\nclass S(msgspec.Struct):\n    a: list\nx = S([1])",
            fate="refused",
        ),
        Kind(
            "OpenAI client",
            f"import openai; x = openai.OpenAI({key}, base_url='http://127.0.0.1:1/v1')",
            "",
            "str(x.base_url)",
            "remade",
        ),
        Kind(
            "async OpenAI client",
            f"import openai; x = openai.AsyncOpenAI({key}, max_retries=7)",
            "",
            "x.max_retries",
            "remade",
        ),
        Kind(
            "OpenAI answer",
            "from openai.types import CompletionUsage as C; x = C(completion_tokens=1, prompt_tokens=2, total_tokens=3)",
            "",
            "x.model_dump()",
        ),
        Kind(
            "Anthropic client",
            f"import anthropic; x = anthropic.Anthropic({key})",
            "",
            "str(x.base_url)",
            "remade",
            "anthropic",
        ),
        Kind(
            "httpx client",
            "import httpx; x = httpx.Client(base_url='http://127.0.0.1:1')",
            "",
            "str(x.base_url)",
            "remade",
            "httpx",
        ),
        Kind(
            "DuckDB connection to a file",
            "import duckdb; x = duckdb.connect('d.duckdb')",
            "",
            "type(x).__name__",
            "remade",
        ),
        Kind(
            "DuckDB connection in memory",
            "import duckdb; x = duckdb.connect(); x.execute('create table t as select 3 as n')",
            "x.execute('insert into t values (4)')",
            "x.execute('from t').fetchall()",
            "remade",
        ),
        Kind("DuckDB relation", "import duckdb; x = duckdb.sql('select 1')", fate="refused"),
        Kind(
            "tenacity policy",
            "import tenacity; x = tenacity.stop_after_attempt(3)",
            "",
            "x.max_attempt_number",
        ),
        Kind(
            "nbformat notebook",
            "import nbformat; x = nbformat.v4.new_notebook()",
            "x.metadata['a'] = 1",
            "x.metadata",
        ),
        Kind(
            "rich text",
            "from rich.text import Text; x = Text('a', style='bold')",
            "_ = x.append('b')",
            "(x.plain, str(x.style))",
        ),
        Kind(
            "widget",
            "import ipywidgets; x = ipywidgets.IntSlider(value=3)",
            "",
            "x.value",
            "refused",
        ),
        Kind(
            "click command",
            "import click\n@click.command()\n@click.option('-a')\ndef x(a):\n    print(a)",
            "",
            "x.name",
        ),
        Kind(
            "bound display object",
            "from IPython.display import HTML; x = HTML('<b>a</b>')",
            "x.data = 'c'",
            "x.data",
        ),
    ]
