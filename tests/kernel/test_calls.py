"""Calls that fail, and calls whose kernel dies: nothing is paid for again in silence."""

from __future__ import annotations

from pathlib import Path

from tests.kernel.harness import Kernel, until
from tests.servers.process import CountingServer

CALLS, AT_ONCE, FAILURES = 200, 16, 4

CELL = """%%durable answers --retries 6 --backoff 0
async def ask(n):
    async with room:
        messages = [{"role": "user", "content": f"document {n}"}]
        reply = await client.chat.completions.create(model="gpt-4o-mini", messages=messages)
        return reply.choices[0].message.content
answers = await asyncio.gather(*map(ask, range(200)))
len(set(answers))
"""


def test_a_gather_whose_calls_fail_now_and_then_pays_for_each_once(kernel: Kernel) -> None:
    """Of 200 calls at once 2 % are answered with 500, and each time the cell is tried again: the
    server, which counts, answers every call once. What was on its way beside a failure was waited
    for, and serves the next attempt."""
    failing = {str(at): "500" for at in range(30, 30 + 45 * FAILURES, 45)}
    with CountingServer() as server:
        server.configure(unique=True, delay=0.02, schedule=failing)
        kernel.run(
            "import asyncio, openai\n"
            f"client = openai.AsyncOpenAI(base_url={server.url + '/v1'!r}, api_key='k',"
            " max_retries=0)\n"
            f"room = asyncio.Semaphore({AT_ONCE})"
        )
        done = kernel.run(CELL)
        assert done.value == str(CALLS), done.text
        journal = server.journal
        paid = [request for request in journal if request["status"] == 200]
        refused = [request for request in journal if request["status"] == 500]
        assert len(refused) == FAILURES
        assert len(paid) == CALLS
        asked = len(journal)
        again = kernel.run(CELL)
        assert again.value == done.value and len(server.journal) == asked


ONE_OF_TWO = """%%durable reply --budget 1
def ask(text):
    asked = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="gpt-4o-mini", messages=asked)
quick = ask("quick")
while not Path("go").exists():
    time.sleep(0.02)
reply = ask("slow").choices[0].message.content
"""


def test_a_call_that_was_on_its_way_when_the_kernel_died_is_named(
    kernel: Kernel, tmp_path: Path
) -> None:
    """A model is asked, and before it answers the kernel is killed. When the cell has run again it
    says that this call had been made before; the one that was answered is not made again."""
    with CountingServer() as server:
        head = (
            "import openai, time\nfrom pathlib import Path\n"
            f"client = openai.OpenAI(base_url={server.url + '/v1'!r}, api_key='k')"
        )
        kernel.run(head)
        kernel.submit(ONE_OF_TWO)
        until(lambda: server.count == 1)
        server.configure(delay=60)
        (tmp_path / "go").touch()
        log = tmp_path / ".duranb"
        until(lambda: any(b"call.intended" in p.read_bytes() for p in log.rglob("*.seg")))
        kernel.kill()
        server.configure(delay=0)
        kernel.start()
        kernel.run(head)
        done = kernel.run(ONE_OF_TWO)
        assert "1 request sent again (chat gpt-4o-mini): the process had died" in done.text
        assert [request["nth"] for request in server.journal] == [1, 1, 2]
        restored = kernel.run(ONE_OF_TWO)
        assert "↺ reply" in restored.text and server.count == 3
        assert "sent again" not in restored.text and "not recorded" not in restored.text
