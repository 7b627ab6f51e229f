"""A small agent of five steps and twelve LLM calls, as cells, and how to run it through kills."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from duranb.llm import reading
from duranb.record.model import CallStatus, Status
from duranb.store import StoreView, is_store, store_path
from tests.kernel.harness import Kernel, KernelDied, Result

CALLS = 12

SETUP = """
import asyncio, json, urllib.request
import duranb, openai
client = openai.OpenAI(base_url="{url}/v1", api_key="test", max_retries=0)
aclient = openai.AsyncOpenAI(base_url="{url}/v1", api_key="test", max_retries=0)
def ask(text):
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{{"role": "user", "content": text}}])
    return answer.choices[0].message.content
@duranb.tool(compensate=lambda ticket: post("/undo", ticket["key"]), idempotent=True)
def open_ticket(title: str):
    return post("/effect", duranb.context().idempotency_key)
def post(path, key):
    request = urllib.request.Request("{url}" + path, data=b"{{}}", method="POST",
                                     headers={{"Idempotency-Key": key}})
    with urllib.request.urlopen(request) as reply:
        reply.read()
    return {{"key": key}}
"""

CELLS = [
    SETUP,
    "%%durable collect\ndocs = [f'licence {i}' for i in range(6)]\nseen = {'docs': docs}",
    (
        "%%durable analyse --retries 20 --backoff 0.05\n"
        "notes = {}\nfor d in docs:\n    notes[d] = ask('analyse ' + d)"
    ),
    (
        "%%durable compare --retries 20 --backoff 0.05\n"
        "async def one(i):\n"
        "    answer = await aclient.chat.completions.create(model='gpt-4o-mini',\n"
        "        messages=[{'role': 'user', 'content': f'compare {i}'}])\n"
        "    return answer.choices[0].message.content\n"
        "pairs = await asyncio.gather(*(one(i) for i in range(3)))\n"
        "seen['pairs'] = pairs"
    ),
    (
        "%%durable draft --retries 20 --backoff 0.05\n"
        "parts = []\n"
        "for i in range(2):\n"
        "    stream = client.chat.completions.create(model='gpt-4o-mini', stream=True,\n"
        "        messages=[{'role': 'user', 'content': f'draft {i}'}])\n"
        "    parts.append(''.join(c.choices[0].delta.content or '' for c in stream if c.choices))\n"
        "print(len(parts), 'parts')"
    ),
    (
        "%%durable file --retries 20 --backoff 0.05\n"
        "ticket = open_ticket('obligations')\n"
        "title = ask('title')\n"
        "report = json.dumps([notes, pairs, parts, title], sort_keys=True)\n"
        "title"
    ),
]

NAMESPACE = (
    "(docs, notes, pairs, parts, title, report, seen, seen['docs'] is docs, seen['pairs'] is pairs)"
)


OnDeath = Callable[[], None]


@dataclass
class Life:
    """What one run of the agent through any number of kernels showed."""

    namespace: str = ""
    lives: int = 0
    results: list[Result] = field(default_factory=list)


def run_cells(kernel: Kernel, url: str) -> list[Result]:
    """Run all cells in order; stops at the first error. Raises KernelDied."""
    results = []
    for cell in CELLS:
        code = cell.format(url=url) if cell is SETUP else cell
        results.append(kernel.run(code))
        assert results[-1].error is None, results[-1].text
    return results


def acknowledged(notebook: Path) -> set[str]:
    """The questions whose answers the store holds: none of them may be asked again."""
    folder = store_path(notebook)
    if not is_store(folder):
        return set()
    with StoreView.open(folder) as view:
        history = view.history()
        done = [
            c
            for c in history.calls.values()
            if c.kind == "llm" and c.status is CallStatus.COMPLETED
        ]
        return {question(reading.describe(view.get(c.response))) for c in done}


def question(described: Any) -> str:
    """The text of the user's message in a described exchange."""
    return str(described["request"][-1]["text"])


def all_completed(notebook: Path) -> bool:
    """Whether each step's latest execution completed."""
    with StoreView.open(store_path(notebook)) as view:
        history = view.history()
        return all(
            history.executions_of(step)[-1].status is Status.COMPLETED for step in history.steps
        )


def live_until_done(kernel: Kernel, url: str, kills: list[float], on_death: OnDeath) -> Life:
    """Run the agent to its end, killing its kernel after each of ``kills`` seconds of a life."""
    life = Life()
    waits = list(kills)
    while True:
        kernel.start()
        life.lives += 1
        timer = threading.Timer(waits.pop(0), kernel.kill_process) if waits else None
        if timer is not None:
            timer.start()
        try:
            life.results = run_cells(kernel, url)
            life.namespace = kernel.value(NAMESPACE)
            return life
        except KernelDied:
            on_death()
        finally:
            if timer is not None:
                timer.cancel()
                timer.join()
            kernel.stop()
