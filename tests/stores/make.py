"""Make a store to keep: ``PYTHONPATH=CHECKOUT python tests/stores/make.py NAME``, where CHECKOUT is
the folder of the version that is to write it.

The notebook does a little of everything, and its kernel is killed right after the last step.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tarfile
from pathlib import Path

SETUP = """
import random
import numpy as np
import openai
import duranb
client = openai.OpenAI(base_url=BASE, api_key='none', max_retries=0)
def note(text):
    with open('notes.txt', 'a') as out:
        out.write(text + '\\n')
def unsend(result, *args):
    note(f'unsend {result}')
@duranb.tool(compensate=unsend)
def send(to: str):
    '''Send a message.'''
    note(f'send {to}')
    return f'receipt {to}'
@duranb.step
def double(x):
    return [2 * v for v in x]
"""

CELLS = {
    "arrays": (
        "%%durable arrays\ndata = np.arange(12.0).reshape(3, 4)\nrow = data[1]\nrow[0] = 40.0"
    ),
    "large": "%%durable large\nlarge = np.zeros(20_000)\nlarge[7] = 7.0",
    "objects": (
        "%%durable objects\n"
        "class Point:\n"
        "    def __init__(self, x):\n"
        "        self.x = x\n"
        "    def shifted(self, by):\n"
        "        return Point(self.x + by)\n"
        "def counter(start):\n"
        "    def step():\n"
        "        nonlocal start\n"
        "        start += 1\n"
        "        return start\n"
        "    return step\n"
        "point = Point(3)\n"
        "count = counter(10)\n"
        "first = count()"
    ),
    "doubled": "%%durable doubled\ntwice = double([1, 2, 3])",
    "model": (
        "%%durable model\n"
        "answers = [client.chat.completions.create(model='m', messages=[{'role': 'user', "
        "'content': f'Name {n}'}]).choices[0].message.content for n in range(3)]"
    ),
    "strict": (
        "%%durable strict --retries 2 --backoff 0\n"
        "said = client.chat.completions.create(model='m', messages=[{'role': 'user', "
        "'content': 'Again'}]).choices[0].message.content\n"
        "if duranb.context().attempt == 1:\n"
        "    raise duranb.Reject('not good enough')"
    ),
    "mail": "%%durable mail\nreceipt = send('ann')",
    "broken": "%%durable broken\nhalf = 1\nraise ValueError('no luck')",
    "ask": "%%durable ask\ngo = duranb.ask('Go on?')",
    "draw": "%%durable draw\nrandom.seed(5)\ndrawn = [random.random(), random.random()]",
    "changed": "%%durable changed\ndata[2, 3] = -1.0",
}


def main(name: str) -> None:
    """Run the notebook in a kernel, kill it, and pack what it left."""
    from tests.kernel.harness import Kernel
    from tests.servers.process import CountingServer

    folder = Path("/tmp/kept")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "agent.ipynb").write_text("{}")
    with CountingServer() as server:
        kernel = Kernel(folder / "agent.ipynb", DURANB_HOME=str(folder / "home"))
        kernel.start(extension=False)
        kernel.run("import socket\nsocket.gethostname = lambda: 'host'")
        kernel.run("%load_ext duranb")
        waiting = ""
        for code in [f"BASE = {server.url + '/v1'!r}", SETUP, *CELLS.values()]:
            text = kernel.run(code).text
            waiting = text if "'Go on?'" in code else waiting
            print(text)
        number = re.findall(r"answer (\d+)", waiting)[0]
        for code in (f"%duranb answer {number} yes", CELLS["ask"], "%duranb compensate mail --yes"):
            print(kernel.run(code).text)
        print(kernel.run(CELLS["arrays"]).text, kernel.run(CELLS["large"]).text)
        print(kernel.run("%%durable last\nend = len(answers)").text)
        kernel.kill()
    with tarfile.open(Path(__file__).with_name(f"{name}.tar.xz"), "w:xz") as kept:
        for part in ("agent.ipynb", ".duranb", "home"):
            kept.add(folder / part, part, filter=_anonymous)
    print(os.listdir(folder / ".duranb" / "agent"))


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main(sys.argv[1])
