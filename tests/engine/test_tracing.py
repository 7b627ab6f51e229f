"""What a step does is traced where an OpenTelemetry SDK is configured, and only what it does."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs an SDK to trace to")
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from duranb.errors import UsageError
from duranb.views import traces
from tests.engine.world import World, ask


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Where the spans of this process go, as a user would have them."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


def named(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    found = exporter.get_finished_spans()
    assert len({s.name for s in found}) == len(found)
    return {s.name: s for s in found}


def within(inner: ReadableSpan, outer: ReadableSpan) -> bool:
    return (
        inner.parent is not None
        and inner.parent.span_id == outer.context.span_id
        and inner.context.trace_id == outer.context.trace_id
        and outer.start_time <= inner.start_time <= inner.end_time <= outer.end_time
    )


def test_calls_lie_in_their_step_and_in_the_users_own_spans(
    world: World, spans: InMemorySpanExporter
) -> None:
    """The step's attempt is the current span of the code inside it."""
    tracer = trace.get_tracer_provider().get_tracer("user")

    def own() -> str:
        with tracer.start_as_current_span("mine"):
            return ask("deep")

    world.live["own"] = own
    world.cell("a", "x = ask('flat')\ny = own()")
    found = named(spans)
    step, mine = found["step a"], found["mine"]
    assert step.parent is None and within(mine, step)
    calls = [c for n, c in found.items() if n.startswith("chat")]
    assert len(calls) == 2 and [within(c, step) for c in calls].count(True) == 1
    assert [within(c, mine) for c in calls].count(True) == 1
    assert calls[0].attributes["gen_ai.operation.name"] == "chat"
    assert calls[0].attributes["duranb.step"] == step.attributes["duranb.step"] == "a"
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_parents_are_right_in_threads_and_tasks(world: World, spans: InMemorySpanExporter) -> None:
    """In those that the step starts, and in a thread that was there before it."""
    pool = ThreadPoolExecutor(1)
    pool.submit(lambda: None).result()

    def started() -> None:
        thread = Thread(target=ask, args=("thread",))
        thread.start()
        thread.join()

    world.live.update(pool=pool, started=started, asyncio=asyncio)
    world.cell("a", "started()\npool.submit(ask, 'pool').result()\nn = 1")
    world.cell("b", "m = await asyncio.gather(aask('1'), aask('2'))")
    found = spans.get_finished_spans()
    steps = {s.attributes["duranb.step"]: s for s in found if s.name.startswith("step")}
    calls = [s for s in found if not s.name.startswith("step")]
    assert len(calls) == 4
    assert all(within(c, steps[c.attributes["duranb.step"]]) for c in calls)
    pool.shutdown()


def test_what_is_restored_or_answered_from_the_journal_is_not_traced(
    world: World, spans: InMemorySpanExporter
) -> None:
    """It did not happen again."""
    world.cell("a", "x = ask('one')")
    world.start()
    world.cell("a", "x = ask('one')")
    assert len(spans.get_finished_spans()) == 2
    spans.clear()
    world.cell("a", "x = ask('one')\ny = 1")
    assert [s.name for s in spans.get_finished_spans()] == ["step a"]


def test_each_attempt_is_a_span_and_says_what_it_failed_with(
    world: World, spans: InMemorySpanExporter
) -> None:
    """The failed call too."""
    world.model.answers["hi"] = [ConnectionError("down"), "hello"]
    world.cell("a --retries 2 --backoff 0", "x = ask('hi')")
    found = [(s.name, s.status.is_ok) for s in spans.get_finished_spans()]
    assert [n.partition(" ")[0] for n, _ in found] == ["chat", "step", "chat", "step"]
    assert [ok for _, ok in found] == [False, False, True, True]
    assert spans.get_finished_spans()[0].attributes["error.type"] == "ConnectionError"


def test_without_an_sdk_nothing_is_traced(world: World) -> None:
    """That somebody has imported the API changes nothing."""
    world.cell("a", "x = ask('one')")
    assert world.last("a").status == "completed"


def test_a_recorded_run_is_exported_as_a_collector_takes_it(world: World) -> None:
    """Parents, times, errors and costs; the same ids each time; what was restored is not there."""
    effect = "def pay(n): return n\nz = duranb.call(pay, 3)"
    world.model.answers["hi"] = [ConnectionError("down"), "hello"]
    world.cell("a --retries 2 --backoff 0", f"x = ask('hi')\n{effect}")
    world.start()
    world.cell("a --retries 2 --backoff 0", f"x = ask('hi')\n{effect}")
    told = traces.traces(world.history, "agent")
    assert told == traces.traces(world.history, "agent")
    (resource,) = json.loads(told)["resourceSpans"]
    assert resource["resource"]["attributes"][0]["value"] == {"stringValue": "agent"}
    found = resource["scopeSpans"][0]["spans"]
    by_id = {s["spanId"]: s for s in found}
    assert len(by_id) == len(found) == 5 and len({s["traceId"] for s in found}) == 1
    parents = {s["name"].split()[0]: by_id.get(s.get("parentSpanId")) for s in found}
    assert parents["step"] is None
    assert parents["execute_tool"]["name"] == parents["chat"]["name"] == "step a"
    assert [s["status"].get("code") for s in found].count(2) == 2
    assert all(len(s["traceId"]) == 32 and len(s["spanId"]) == 16 for s in found)
    assert all(int(s["startTimeUnixNano"]) <= int(s["endTimeUnixNano"]) for s in found)


def test_a_collector_that_is_not_there_is_named() -> None:
    """With its address."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # nobody listens there
        with pytest.raises(UsageError, match=r"127\.0\.0\.1:\d+/v1/traces did not take"):
            traces.send(b"{}", f"http://127.0.0.1:{bound.getsockname()[1]}")
    with pytest.raises(UsageError, match="begins with http"):
        traces.send(b"{}", "collector:4318")
