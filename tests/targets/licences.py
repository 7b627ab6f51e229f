"""An export as it would be of a small notebook: model calls in a row and in a map, a question,
effects with an undo, and an end that may fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duranb.plan import Node, Parameter, Plan, Policy, dump, edges_of

STEPS = """
import json
import os
import urllib.request

import duranb
from openai import AsyncOpenAI, OpenAI

SERVER = os.environ["MODEL_SERVER"]
client = OpenAI(base_url=SERVER + "/v1", api_key="x", max_retries=0)
aclient = AsyncOpenAI(base_url=SERVER + "/v1", api_key="x", max_retries=0)


def ask(prompt):
    asked = [{"role": "user", "content": prompt}]
    return client.chat.completions.create(model="m", messages=asked).choices[0].message.content


def post(path):
    key = duranb.context().idempotency_key
    request = urllib.request.Request(SERVER + path, b"{}", {"Idempotency-Key": key})
    return json.load(urllib.request.urlopen(request))["key"]


@duranb.tool(idempotent=True)
def close_ticket(ticket: str) -> None:
    "Close a ticket."
    post("/undo")


@duranb.tool(idempotent=True, compensate=close_ticket)
def open_ticket(title: str) -> str:
    "Open a ticket."
    return post("/effect")


@duranb.step(name="outline")
def outline(n):
    parts = []
    for i in range(5):
        parts.append(ask(f"outline {i}"))
    documents = [f"document {i} {parts[i % 5][:6]}" for i in range(n)]
    return documents


def reading_of(document):
    return ask("read " + document) + ask("check " + document)


@duranb.step(name="read")
def read(documents):
    readings = duranb.map(reading_of, documents, workers=4)
    readings = list(readings)
    return readings


@duranb.step(name="summary")
async def summary(documents):
    texts = []
    for i in range(4):
        asked = [{"role": "user", "content": f"sum up {i} of {len(documents)}"}]
        answer = await aclient.chat.completions.create(model="m", messages=asked)
        texts.append(answer.choices[0].message.content)
    return texts


@duranb.step(name="approve")
def approve(readings):
    approved = duranb.ask(f"File {len(readings)} readings?")
    return approved


@duranb.step(name="file")
def file(readings, approved):
    filed = [open_ticket(text[:12]) for text in readings[:3]] if approved == "yes" else []
    return filed


@duranb.step(name="publish", retries=0)
def publish(filed, texts, strict):
    published = ask(f"publish {len(filed)} {len(texts)}")
    if strict:
        raise ValueError("nobody may publish")
    return published
"""


def step(name: str, reads: tuple[str, ...], writes: str, **more: Any) -> Node:
    """A step whose function has its name."""
    given = {"kind": "step", "policy": Policy(), **more}
    return Node(name=name, function=name, reads=reads, parameters=reads, writes=(writes,), **given)


NODES = (
    step("outline", ("n",), "documents"),
    step("read", ("documents",), "readings", kind="map"),
    step("summary", ("documents",), "texts", is_async=True),
    step("approve", ("readings",), "approved", kind="ask"),
    step("file", ("readings", "approved"), "filed", effects=("tool open_ticket",)),
    step("publish", ("filed", "texts", "strict"), "published"),
)


def export(folder: Path, nodes: tuple[Node, ...] = NODES, steps: str = STEPS) -> Path:
    """Put an export into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    parameters = (
        Parameter(name="n", default="6", type="int"),
        Parameter(name="strict", default="False", type="bool"),
    )
    made = Plan(
        title="Licences",
        notebook="licences.ipynb",
        nodes=nodes,
        edges=edges_of(nodes),
        parameters=parameters,
    )
    (folder / "plan.json").write_bytes(dump(made))
    (folder / "steps.py").write_text(steps)
    return folder
