"""A made-up history that has everything the timeline can show; nothing has to run for it."""

from __future__ import annotations

import itertools
import json
from random import Random
from typing import Any

from duranb.llm.exchange import Header, encode
from duranb.record import events as e
from duranb.record.events import Binding, ErrorInfo, Event, Usage

START = 1_700_000_000_000_000
"""When the story begins, in microseconds."""

COLLECT = """%%durable collect
from importlib.metadata import distributions
licences = [d for d in distributions() if d.read_text("LICENSE")]
print(f"{len(licences)} licence texts")"""

ANALYSE = """%%durable analyse --retries 4 --backoff 1
findings = []
for text in licences:
    # one call for each licence; each is paid for once
    answer = client.chat.completions.create(
        model="gpt-5-mini", messages=[{"role": "user", "content": PROMPT + text}]
    )
    findings.append(json.loads(answer.choices[0].message.content))"""

DRAFT = """%%durable draft --validate 'len(report) > 200'
report = ""
for part in client.chat.completions.create(model="gpt-5", messages=ask(findings), stream=True):
    report += part.choices[0].delta.content or \"\""""

TICKETS = """%%durable file_tickets
tickets = [file_ticket(f["package"], f["risk"]) for f in findings if f["risk"] == "high"]"""


class Story:
    """Tells events; ``bodies`` and ``times`` are what a store would have recorded."""

    def __init__(self, now: int = START) -> None:
        self.bodies: list[e.EventBody] = []
        self.times: list[int] = []
        self.artifacts: dict[str, bytes] = {}
        self.now = now
        self._ids = {name: itertools.count(1) for name in ("execution", "call", "snapshot")}
        self.head = 0
        self.branch = "main"
        self._keys: dict[str, int] = {}

    @property
    def events(self) -> list[Event]:
        """The history as the store would give it."""
        pairs = zip(self.times, self.bodies, strict=True)
        return [Event(seq=i, ts=ts, body=body) for i, (ts, body) in enumerate(pairs, 1)]

    def get(self, digest: str) -> memoryview:
        """An artifact's bytes."""
        return memoryview(self.artifacts[digest])

    def tell(self, body: e.EventBody, after: float = 0.0) -> None:
        """Record an event, ``after`` seconds after the last one."""
        self.now += int(after * 1e6)
        self.bodies.append(body)
        self.times.append(self.now)

    def next(self, what: str) -> int:
        """A fresh id."""
        return next(self._ids[what])

    def keep(self, value: Any) -> str:
        """Keep JSON as an artifact; its name."""
        name = f"{len(self.artifacts):032x}"
        self.artifacts[name] = json.dumps(value).encode()
        return name

    def session(self, after: float = 0.0) -> None:
        """A kernel takes the store; whatever ran before it died."""
        self.tell(e.SessionOpened(pid=4000 + len(self.bodies), host="laptop"), after)

    def start(self, step: str, source: str, *, after: float = 0.2, **more: Any) -> int:
        """A step begins; its execution's id."""
        number = self.next("execution")
        more.setdefault("reason", "it has not run yet")
        started = e.ExecutionStarted(
            execution=number,
            step=step,
            run="a1b2c3d4",
            branch=self.branch,
            source=source,
            fingerprint=f"f{len(source):x}",
            identity=f"i-{step}-{len(source)}",
            before=self.head,
            **more,
        )
        self.tell(started, after)
        return number

    def attempt(self, execution: int, number: int, after: float = 0.01) -> None:
        """A further attempt begins; the first begins with its execution."""
        self.tell(e.AttemptStarted(execution=execution, attempt=number), after)

    def llm(
        self,
        execution: int,
        step: str,
        preview: str,
        *,
        seconds: float = 1.1,
        attempt: int = 1,
        model: str = "gpt-5-mini",
        tokens: tuple[int, int] = (2140, 180),
        streamed: bool = False,
        usage: Usage | None = None,
    ) -> int:
        """A call to a model that returned; its id."""
        number = self.next("call")
        began = self.now
        key = f"{step}-{number:04x}"
        completed = e.CallCompleted(
            call=number,
            execution=execution,
            attempt=attempt,
            step=step,
            key=key,
            occurrence=0,
            kind="llm",
            name="POST /v1/chat/completions",
            response=self._exchange(model, preview, streamed),
            started=began,
            usage=usage
            or Usage(
                model=model,
                input_tokens=tokens[0],
                output_tokens=tokens[1],
                cost=tokens[0] * 4e-7 + tokens[1] * 3.2e-6,
                priced=True,
            ),
            status=200,
            streamed=streamed,
            preview=preview,
        )
        self.tell(completed, seconds)
        return number

    def _exchange(self, model: str, asked: str, streamed: bool) -> str:
        sent = {
            "model": model,
            "temperature": 0.2,
            "stream": streamed,
            "messages": [
                {"role": "system", "content": "You read licences closely. Answer in JSON."},
                {"role": "user", "content": f"Tell me the {asked}."},
            ],
        }
        said = f'{{"about": "{asked}", "risk": "low", "obligations": ["keep the notice"]}}'
        choice = {"index": 0, "message": {"role": "assistant", "content": said}}
        answer = {"object": "chat.completion", "model": model, "choices": [choice]}
        request, body = json.dumps(sent).encode(), json.dumps(answer).encode()
        header = Header(
            method="POST",
            url="http://127.0.0.1:8080/v1/chat/completions",
            content_type="application/json",
            request_size=len(request),
            request_kept=len(request),
            headers=[("content-type", "application/json")],
            chunks=[len(body)],
            streamed=streamed,
            elapsed=1_100_000,
        )
        name = f"{len(self.artifacts):032x}"
        self.artifacts[name] = b"".join(bytes(part) for part in encode(header, request, [body]))
        return name

    def refused(self, execution: int, step: str, attempt: int, status: int = 429) -> None:
        """A call the server refused."""
        failed = e.CallFailed(
            call=self.next("call"),
            execution=execution,
            attempt=attempt,
            step=step,
            key=f"{step}-refused",
            occurrence=0,
            kind="llm",
            name="POST /v1/chat/completions",
            error=ErrorInfo(type="RateLimitError", message="Too many requests: slow down"),
            status=status,
            started=self.now,
        )
        self.tell(failed, 0.2)

    def fail(
        self, execution: int, attempt: int, cause: str, error: ErrorInfo, wait: float = -1.0
    ) -> None:
        """An attempt failed; the next follows after ``wait`` seconds."""
        self.tell(
            e.AttemptFailed(
                execution=execution, attempt=attempt, cause=cause, error=error, wait=wait
            ),
            0.05,
        )

    def complete(
        self,
        execution: int,
        outputs: dict[str, Binding],
        *,
        origin: str = "executed",
        attempts: int = 1,
        served: list[int] | None = None,
        messages: list[dict[str, Any]] | None = None,
        unstored: dict[str, str] | None = None,
    ) -> int:
        """The step is done; the snapshot it leaves."""
        snapshot = self.next("snapshot")
        captured = e.SnapshotCaptured(
            snapshot=snapshot, parent=self.head, branch=self.branch, changed=outputs
        )
        self.tell(captured, 0.05)
        done = e.ExecutionCompleted(
            execution=execution,
            origin=origin,
            attempts=attempts,
            snapshot=snapshot,
            outputs=outputs,
            served=served or [],
            messages=self.keep(messages) if messages else "",
            unstored=unstored or {},
        )
        self.tell(done)
        self.head = snapshot
        return snapshot

    def restore(self, step: str, of: int, snapshot: int) -> None:
        """The step did not have to run."""
        restored = e.ExecutionRestored(
            execution=self.next("execution"),
            of=of,
            step=step,
            run="a1b2c3d4",
            branch=self.branch,
            before=self.head,
            snapshot=snapshot,
        )
        self.tell(restored, 0.03)
        self.head = snapshot


def bound(name: str, type_: str, preview: str, size: int = 4096, version: str = "1") -> Binding:
    """A binding with a preview."""
    return Binding(
        artifact=f"a-{name}", version=f"v-{name}-{version}", type=type_, size=size, preview=preview
    )


def printed(text: str) -> dict[str, Any]:
    """A message as the kernel sends what is printed."""
    return {"type": "stream", "content": {"name": "stdout", "text": text}, "at": START}


def agent(start: int = START) -> Story:
    """The licence agent's day: two kills, a rewind, a fork, a compensation, an open question."""
    s = Story(start)
    s.tell(e.RunStarted(run="a1b2c3d4", notebook="/home/ada/licences.ipynb", python="3.11.7"))
    s.session()

    collect = s.start("collect", COLLECT)
    licences = bound(
        "licences", "list", "['MIT License\\n\\nCopyright (c) …', …] (48 items)", 412_334
    )
    s.now += 1_400_000
    table = (
        "<table><thead><tr><th>package</th><th>chars</th></tr></thead><tbody>"
        "<tr><td>numpy</td><td>45107</td></tr><tr><td>pyzmq</td><td>1543</td></tr></tbody></table>"
    )
    shown = {"type": "display_data", "content": {"data": {"text/html": table, "text/plain": "…"}}}
    first = s.complete(
        collect, {"licences": licences}, messages=[printed("48 licence texts\n"), shown]
    )

    read = {"licences": "v-licences-1", "PROMPT": "v-PROMPT-1"}
    analyse = s.start("analyse", ANALYSE, inputs=read, uses={"ask": "u1"}, options={"retries": 4})
    asked = [
        s.llm(analyse, "analyse", f"obligations and risks of {name}", seconds=0.8 + i * 0.13)
        for i, name in enumerate(("numpy", "pyzmq", "tornado", "duckdb", "jedi"))
    ]
    s.session(after=31)

    s.restore("collect", collect, first)
    again = s.start("analyse", ANALYSE, inputs=read, uses={"ask": "u1"}, reason="the kernel died")
    more = [s.llm(again, "analyse", "obligations and risks of lark")]
    s.refused(again, "analyse", 1)
    limit = ErrorInfo(
        type="RateLimitError",
        message="429 Too Many Requests: limit of 3 a second reached",
        traceback="Traceback (most recent call last):\n  Cell In[3], line 5\nRateLimitError: 429",
    )
    s.fail(again, 1, "transport", limit, wait=1.6)
    s.attempt(again, 2, after=1.6)
    more += [s.llm(again, "analyse", f"risks of {n}", attempt=2) for n in ("rich", "attrs")]
    findings = bound("findings", "list", "[{'package': 'numpy', 'risk': 'low', …}, …] (8 items)")
    second = s.complete(
        again, {"findings": findings}, origin="resumed", attempts=2, served=[*asked, more[0]]
    )

    reconcile = s.start(
        "reconcile",
        "%%durable reconcile\nmatrix = reconcile(findings)",
        inputs={"findings": "v-findings-1"},
    )
    bad = s.llm(reconcile, "reconcile", "do these licences conflict?", tokens=(3900, 420))
    s.tell(e.CallRejected(call=bad, reason="1 validation error for Matrix: rows is empty"))
    s.fail(
        reconcile,
        1,
        "content",
        ErrorInfo(type="ValidationError", message="rows is empty"),
        wait=0.0,
    )
    s.attempt(reconcile, 2)
    s.llm(reconcile, "reconcile", "do these licences conflict?", attempt=2, tokens=(3900, 510))
    matrix = bound("matrix", "DataFrame", "        MIT  BSD  GPL\nnumpy    1    1    0", 18_220)
    unstored = {"client": "openai.OpenAI holds a connection; it comes back when it is first used"}
    third = s.complete(reconcile, {"matrix": matrix}, attempts=2, unstored=unstored)

    s.start("draft", DRAFT, inputs={"findings": "v-findings-1", "matrix": "v-matrix-1"})
    s.now += 2_300_000
    s.session(after=9)

    for step, of, snapshot in (
        ("collect", collect, first),
        ("analyse", again, second),
        ("reconcile", reconcile, third),
    ):
        s.restore(step, of, snapshot)
    drafted = s.start(
        "draft",
        DRAFT,
        inputs={"findings": "v-findings-1", "matrix": "v-matrix-1"},
        reason="the kernel died",
    )
    s.llm(
        drafted,
        "draft",
        "a report on 48 licences",
        seconds=4.2,
        model="gpt-5",
        tokens=(6100, 1480),
        streamed=True,
    )
    report = bound("report", "str", "'# Licence report\\n\\nThree packages need attention…'", 7_410)
    fourth = s.complete(drafted, {"report": report})

    filed = s.start(
        "file_tickets", TICKETS, inputs={"findings": "v-findings-1"}, uses={"file_ticket": "u2"}
    )
    effects = [ticket(s, filed, package) for package in ("numpy", "pyzmq", "lark")]
    s.complete(filed, {"tickets": bound("tickets", "list", "[101, 102, 103]", 64)})

    for i, package in enumerate(("rich", "attrs", "jedi", "duckdb"), 1):
        item = s.start(
            f"check[{i}]", "def check(package): …", kind="function", parent=filed, after=0.02
        )
        s.llm(item, f"check[{i}]", f"is {package} listed?", seconds=0.3, tokens=(300, 12))
        s.tell(e.ExecutionCompleted(execution=item, origin="executed", attempts=1, snapshot=0))

    undone = s.start(
        "compensate file_tickets",
        "for t in tickets: tracker.close(t)",
        kind="compensation",
        compensates=filed,
        reason="",
        after=14,
    )
    for call in reversed(effects):
        s.tell(e.CallCompensated(call=call, by=undone), 0.2)
    s.tell(e.ExecutionCompleted(execution=undone, origin="executed", attempts=1, snapshot=0), 0.1)
    s.tell(e.ExecutionCompensated(execution=filed, by=undone))

    s.tell(e.HeadMoved(branch="main", snapshot=third, reason="rewind"), 2)
    s.tell(e.BranchCreated(branch="concise", parent="main", snapshot=third))
    s.tell(e.HeadMoved(branch="concise", snapshot=third, reason="fork"))
    s.branch, s.head = "concise", third
    shorter = DRAFT.replace("ask(findings)", "ask(findings, words=150)")
    short = s.start(
        "draft",
        shorter,
        inputs={"findings": "v-findings-1", "matrix": "v-matrix-1"},
        reason="its code changed",
        after=1,
    )
    s.llm(
        short,
        "draft",
        "a report on 48 licences in 150 words",
        seconds=2.1,
        model="gpt-5",
        tokens=(6110, 390),
        streamed=True,
    )
    s.complete(short, {"report": bound("report", "str", "'# Licences in brief…'", 1_204, "2")})

    broken = s.start(
        "publish", "%%durable publish\npublish(report, to=wiki)", inputs={"report": "v-report-2"}
    )
    name = ErrorInfo(
        type="NameError",
        message="name 'wiki' is not defined",
        traceback="Traceback (most recent call last):\n  Cell In[9], line 2\nNameError: wiki",
    )
    s.fail(broken, 1, "code", name)
    s.tell(e.ExecutionEnded(execution=broken, status="failed", attempts=1, error=name))

    approve = s.start(
        "approve",
        "%%durable approve\nok = duranb.ask('Publish the report?')",
        inputs={"report": "v-report-2"},
    )
    ask(s, approve, "approve", "Publish the report?")
    s.tell(e.ExecutionEnded(execution=approve, status="waiting", attempts=1), 0.05)
    assert fourth
    return s


def ask(s: Story, execution: int, step: str, question: str) -> int:
    """A question that nobody has answered yet; its call."""
    number = s.next("call")
    s.tell(
        e.CallIntended(
            call=number,
            execution=execution,
            attempt=1,
            step=step,
            key="ask",
            occurrence=0,
            kind="ask",
            name="ask",
            idempotent=True,
            preview=question,
        ),
        0.05,
    )
    return number


def ticket(s: Story, execution: int, package: str) -> int:
    number = s.next("call")
    common: dict[str, Any] = {
        "call": number,
        "execution": execution,
        "attempt": 1,
        "step": "file_tickets",
        "key": f"ticket-{package}",
        "occurrence": 0,
        "kind": "effect",
        "name": "file_ticket",
        "preview": f"'{package}', 'high'",
    }
    undo = {"idempotency_key": f"a1b2c3d4-{package}", "compensate": "tracker:close_ticket"}
    s.tell(e.CallIntended(**common, **undo), 0.05)
    s.tell(e.CallCompleted(**common, result=bound("ticket", "int", str(100 + number))), 0.35)
    return number


def long(steps: int) -> Story:
    """A long history of small steps, each with a call."""
    s, chance = Story(), Random(0)
    s.tell(e.RunStarted(run="a1b2c3d4", notebook="/home/ada/long.ipynb"))
    s.session()
    for i in range(steps):
        number = s.start(f"step_{i}", f"%%durable step_{i}\nx = {i}", after=0.4 + chance.random())
        s.llm(number, f"step_{i}", f"question {i}", seconds=0.5 + chance.random())
        s.complete(number, {"x": bound("x", "int", str(i), 28, str(i))})
    return s
