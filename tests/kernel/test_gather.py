"""Many calls at once in a cell of which some fail: what was paid for is not paid for again."""

from __future__ import annotations

from tests.kernel.harness import Kernel
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
