"""Several threads look at, and change, the same at once. Where a test cannot say which of them goes
first, a tiny switch interval has it go wrong where anything can."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

import duranb
from duranb.code import fingerprint, identity
from duranb.code.modules import ProjectModules
from duranb.engine import runtime as engine
from duranb.engine.scopes import Attempt
from duranb.engine.settings import Settings
from duranb.engine.settings.settable import LIBRARIES
from duranb.errors import StoreError
from duranb.jupyter.cells import Cell, Cells
from duranb.jupyter.outputs import Outputs
from duranb.record import events as e
from duranb.record.calls import Calls
from duranb.record.fold import Fold
from duranb.record.history import History
from duranb.record.model import Call, Execution
from duranb.state import Namespace, namespace as namespaces
from duranb.store import MemoryStore
from duranb.store.port import Receipt
from duranb.store.store import Store
from duranb.store.writer import Draft, Writer
from duranb.text.known import Known
from duranb.values import held

Do = Callable[[], object]


@pytest.fixture(autouse=True)
def _in_small_turns() -> Iterator[None]:
    """Another thread goes on after each few bytecodes."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def beside(change: Do, look: Do, times: int = 300) -> None:
    """Look so many times, while another thread changes without end. Raises what looking does."""
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            change()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        for _ in range(times):
            look()
    finally:
        over.set()
        thread.join()


def at_once(do: Do, threads: int = 4) -> list[BaseException]:
    """Do something in several threads that begin together; what they raise."""
    ready, raised = threading.Barrier(threads), list[BaseException]()

    def go() -> None:
        ready.wait()
        try:
            do()
        except BaseException as error:
            raised.append(error)

    found = [threading.Thread(target=go) for _ in range(threads)]
    for thread in found:
        thread.start()
    for thread in found:
        thread.join()
    return raised


# -- code and values -----------------------------------------------------------------------------


def growing(held: dict[str, Any]) -> Do:
    """What adds names to a dict, and takes them away."""

    def change() -> None:
        for n in range(30):
            held[f"new{n}"] = n
        for n in range(30):
            held.pop(f"new{n}", None)

    return change


def test_a_class_is_told_while_it_is_given_attributes() -> None:
    """As by pickling its first instance."""
    cls = type("Model", (), {f"a{n}": n for n in range(200)})

    def change() -> None:
        for name in noise:
            setattr(cls, name, None)
        for name in noise:
            delattr(cls, name)

    noise = ("__slotnames__", "__class_vars__", "__private_attributes__", "__protocol_attrs__")
    told = identity.of_class(cls)
    beside(change, lambda: (identity.of_class(cls) == told) or pytest.fail("another identity"))


def test_a_function_is_told_while_what_it_holds_grows() -> None:
    """Its defaults are part of it."""
    cache: dict[str, Any] = {f"k{n}": n for n in range(100)}

    def work(n: int, cache: dict[str, Any] = cache) -> int:
        return n + len(cache)

    beside(growing(cache), lambda: identity.of_function(work))  # type: ignore[arg-type]


def test_what_is_reached_is_told_while_it_grows(tmp_path: Path) -> None:
    """And not taken for code that could touch anything."""
    cache = {f"k{n}": n for n in range(100)}
    live: dict[str, Any] = {"__name__": "__main__", "cache": cache}
    exec("def work(n, cache=cache): return n", live)
    uses = fingerprint.Uses(live, tmp_path)

    def look() -> None:
        assert not uses.of(["work"]).opaque

    beside(growing(cache), look)


def test_the_modules_of_a_project_are_found_by_all_who_ask(tmp_path: Path) -> None:
    """Also by the one that asks while another one looks for them."""
    (tmp_path / "mine_of_threads.py").write_text("A = 1\n")
    module = types.ModuleType("mine_of_threads")
    module.__file__ = str(tmp_path / "mine_of_threads.py")
    sys.modules["mine_of_threads"] = module
    try:
        for _ in range(10):
            modules = ProjectModules(tmp_path, fingerprint.of_tree)
            found: list[list[str]] = []
            assert not at_once(lambda: found.append(modules.present()))  # noqa: B023
            assert all("mine_of_threads" in each for each in found), found
    finally:
        del sys.modules["mine_of_threads"]


class Bare:
    """Holds what only its place in a module tells."""

    module = types.ModuleType("holding_of_threads")
    module.sentinel = object()  # type: ignore[attr-defined]


def test_what_a_module_holds_is_found_by_all_who_ask() -> None:
    """Also by the one that asks while another one goes through the modules."""
    sys.modules["holding_of_threads"] = Bare.module
    try:
        for _ in range(10):
            index = held._Index(lambda module, names: [n for n in names if n == "sentinel"])
            found: list[object] = []
            assert not at_once(lambda: found.append(index.place(Bare.module.sentinel)))  # noqa: B023
            assert found == [("holding_of_threads", "sentinel")] * len(found)
    finally:
        del sys.modules["holding_of_threads"]


def test_names_are_found_while_others_are_bound(tmp_path: Path) -> None:
    """By a thread of the notebook, while the cell's are captured."""
    live: dict[str, Any] = {"__name__": "__main__", **{f"v{n}": n for n in range(100)}}
    namespace = Namespace(live, MemoryStore(), fingerprint.Uses(live, root=tmp_path))
    namespace.sync()

    def change() -> None:
        for n in range(100, 140):
            live[f"v{n}"] = n
        for n in range(100, 140):
            live.pop(f"v{n}", None)

    beside(change, namespace._new_names, 2000)


def test_more_is_to_be_loaded_while_somebody_looks_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread uses a value for the first time while another one restores a step."""
    live: dict[str, Any] = {"__name__": "__main__"}
    namespace = Namespace(live, MemoryStore(), fingerprint.Uses(live, root=tmp_path))
    stored = e.Binding("x", "x", "list")
    namespace._pending = {"a": stored, "b": stored}

    def looks(kind: str) -> bool:
        namespace._pending.setdefault(f"c{len(namespace._pending)}", stored)
        return True

    monkeypatch.setattr(namespaces, "may_hold_code", looks)
    assert {"a", "b"} <= namespace._waiting(False)


# -- secrets -------------------------------------------------------------------------------------


class Vanishing(type(os.environ)):  # type: ignore[misc]
    """An environment from which a variable goes while another thread reads it."""

    def __iter__(self) -> Iterator[str]:
        names = list(super().__iter__())
        self._data.popitem()
        return iter(names)


def test_the_environment_is_looked_at_while_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that goes meanwhile raises nothing, and the others are learned."""
    same = os.environ
    environment = Vanishing({}, same.encodekey, same.decodekey, same.encodevalue, same.decodevalue)
    environment["OPENAI_API_KEY"] = "sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5"
    environment["OTHER"] = "x"
    monkeypatch.setattr(os, "environ", environment)
    known = Known()
    known.look_around()
    assert known.said("sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5")


class Watching(dict[bytes, str]):
    """Looks whether a secret that is noted here is masked already."""

    def __init__(self, known: Known) -> None:
        super().__init__()
        self.known = known

    def __setitem__(self, secret: bytes, said: str) -> None:
        super().__setitem__(secret, said)
        assert self.known.masked(secret) != secret


def test_a_secret_that_is_known_is_masked() -> None:
    """At no moment does another thread take one for known that it would store."""
    known = Known()
    known._said = Watching(known)
    known.learn("sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5", "a test", plain=True)


# -- the history ---------------------------------------------------------------------------------


def execution(number: int) -> e.ExecutionStarted:
    """One of the same step begins."""
    return e.ExecutionStarted(execution=number, step="work", run="run", branch="main")


def event(seq: int, body: e.EventBody) -> e.Event:
    """An event."""
    return e.Event(seq, seq, body)


class Asking(dict[int, Execution]):
    """Asks, before an execution is put here, what others could ask meanwhile."""

    history: History

    def __setitem__(self, number: int, this: Execution) -> None:
        assert all(x.id != number for x in self.history.executions_of("work"))
        self.history.last_carried_out("work")
        assert self.history.steps in ([], ["work"])
        super().__setitem__(number, this)


def test_an_execution_is_there_before_it_is_named() -> None:
    """Whoever looks a step's executions up finds each of them."""
    folding = Fold([event(1, e.RunStarted(run="run"))])
    folding.history.executions = Asking()
    folding.history.executions.history = folding.history
    folding.apply(event(2, execution(1)))
    folding.apply(event(3, execution(2)))
    assert [x.id for x in folding.history.executions_of("work")] == [1, 2]


class Answering(Calls):
    """The same of calls."""

    history: History

    def put(self, call: Call, event: e.Event | None = None) -> None:
        assert self.history.recorded("work", "key", 0) is None
        super().put(call, event)


def test_a_call_is_there_before_it_is_named() -> None:
    """Whoever looks a place of the journal up finds what stands there."""
    folding = Fold([event(1, e.RunStarted(run="run")), event(2, execution(1))])
    folding.history.calls = Answering()
    folding.history.calls.history = folding.history
    done = e.CallCompleted(
        call=1, execution=1, attempt=1, step="work", key="key", occurrence=0, kind="llm", name="x"
    )
    folding.apply(event(3, done))
    found = folding.history.recorded("work", "key", 0)
    assert found is not None and found.id == 1


class Looking(dict[int, e.Answered]):
    """Sees what others could see meanwhile."""

    seen: list[str] = []

    def __setitem__(self, call: int, answer: e.Answered) -> None:
        self.seen.append(answer.refused)
        super().__setitem__(call, answer)


def test_a_refused_answer_is_never_there() -> None:
    """Not even for a moment: whoever waits for an answer would take it."""
    folding = Fold([event(1, e.RunStarted(run="run"))])
    folding.history.answers = Looking()
    folding.apply(event(2, e.Answered(call=1, value="x")))
    folding.apply(event(3, e.Answered(call=1, value="x", refused="it does not fit")))
    assert Looking.seen == [""] and not folding.history.answers


# -- attempts ------------------------------------------------------------------------------------


def test_an_attempt_is_asked_while_its_threads_start_others() -> None:
    """Which of them last, and which of its work is to be cancelled."""
    attempt = Attempt(1)
    futures: list[Future[Any]] = []
    threads: list[threading.Thread] = []

    def change() -> None:
        futures.append(Future())
        attempt.submitted(futures[-1])
        threads.append(threading.Thread())
        attempt.began(threads[-1], attempt.body)
        del futures[:-50], threads[:-50]

    def look() -> None:
        attempt.lasting()
        attempt.leave()

    beside(change, look)


def test_a_worker_that_waits_for_work_does_not_go_on() -> None:
    """anyio keeps the thread in which a tool ran for the next one: that is not the step's. One that
    has something to do when the step ends is."""
    attempt, begun, goes = Attempt(1), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        goes.wait()

    async def run() -> tuple[list[str], list[str]]:
        worker = await anyio.to_thread.run_sync(threading.current_thread)
        attempt.began(worker, attempt.body)
        idle = attempt.lasting()
        task = asyncio.create_task(anyio.to_thread.run_sync(work))
        while not begun.is_set():
            await asyncio.sleep(0)
        busy = attempt.lasting()
        goes.set()
        await task
        return idle, busy

    idle, busy = asyncio.run(run())
    assert idle == [] and len(busy) == 1


def test_errors_rise_in_several_threads_at_once() -> None:
    """Each is looked for among those that rose before."""
    attempt = Attempt(1)
    for _ in range(1000):
        attempt.rose(duranb.Reject("no"), attempt.body)

    def rise() -> None:
        for _ in range(150):
            attempt.rose(duranb.Reject("no"), attempt.body)
            attempt.suspects(duranb.Reject("no"))

    assert not at_once(rise)


# -- stores --------------------------------------------------------------------------------------


class Nowhere:
    """A log that keeps nothing."""

    last = 0

    def append(self, lines: Any) -> list[int]:
        """All of it."""
        return []


def test_nobody_waits_for_a_store_that_was_closed() -> None:
    """Who was about to append is told so."""
    writer = Writer[int](Nowhere(), lambda digest, data: None, lambda events: None, lambda: None)
    writer.close()
    receipt = Receipt(writer.hurry)
    with pytest.raises(StoreError, match="the store was closed"):
        writer.append(Draft([], receipt, None, [], lambda: None))
    with pytest.raises(StoreError, match="the store was closed"):
        receipt.wait()
    with pytest.raises(StoreError, match="the store was closed"):
        writer.do(lambda: None)


def test_nobody_waits_for_an_answer_of_a_database_that_was_closed(tmp_path: Path) -> None:
    """Who was about to query it is told so."""
    store = Store.open(tmp_path / "store")
    store.close()
    with pytest.raises(StoreError, match="the store was closed"):
        store._filler.do(lambda database: database.query("SELECT 1"))
    with pytest.raises(StoreError, match="the store was closed"):
        store._filler.renew()


class Unread:
    """An answer that is garbage collected: then it is recorded that nobody read it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.itself = self

    def __del__(self) -> None:
        self.store.append(e.HeadMoved(branch="main", snapshot=1, reason="collected"))


class Collecting(dict[str, Any]):
    """Has the garbage collected in the middle of an append."""

    def __ior__(self, other: Any) -> Any:
        gc.collect()
        return super().__ior__(other)


def test_an_answer_may_be_garbage_collected_while_something_is_recorded(tmp_path: Path) -> None:
    """In the very thread that records."""
    store = Store.open(tmp_path / "store")
    try:
        store.append(e.RunStarted(run="run")).wait()
        store._sent = Collecting(store._sent)
        gc.disable()
        Unread(store)
        store.append(e.HeadMoved(branch="main", snapshot=1, reason="appended")).wait()
        found = [x.body.reason for x in store.events() if isinstance(x.body, e.HeadMoved)]
        assert sorted(found) == ["appended", "collected"]
    finally:
        gc.enable()
        store.close()


# -- a kernel ------------------------------------------------------------------------------------


class Kernel:
    """What of a kernel the tap on its outputs needs."""

    def __init__(self) -> None:
        self.session = types.SimpleNamespace(send=lambda *given: None, pack=None)
        self.io_thread = None
        manager = types.SimpleNamespace(read_payload=list)
        self.shell = types.SimpleNamespace(payload_manager=manager, user_ns={})

    def get_parent(self) -> dict[str, Any]:
        """The message of the cell that runs."""
        return {"header": {"msg_id": "1"}}

    def show(self, text: str) -> None:
        """Something is put out, as the cell's."""
        content = {"data": {"text/plain": text}, "metadata": {}}
        self.session.send(None, "display_data", content, {"msg_id": "1"})

    def say(self, text: str) -> None:
        """Something is printed."""
        self.session.send(None, "stream", {"name": "stdout", "text": text}, {"msg_id": "1"})


def test_what_other_threads_show_is_kept_while_duranb_says_something() -> None:
    """That is no output of the step's, and what they show is."""
    kernel = Kernel()
    outputs = Outputs(kernel)
    outputs.begin()
    with outputs.paused():
        kernel.show("said")
        thread = threading.Thread(target=kernel.show, args=("shown",))
        thread.start()
        thread.join()
    kernel.show("more")
    kept = [m["content"]["data"]["text/plain"] for m in outputs.end()]
    outputs.close()
    assert kept == ["shown", "more"]


class Ending(dict[str, Any]):
    """What is printed, while the cell comes to its end."""

    ends: Callable[[], None] = staticmethod(lambda: None)

    def get(self, name: str, default: Any = None) -> Any:
        thread = threading.Thread(target=self.ends)
        thread.start()
        thread.join(0.05)  # it may have to wait for this one
        return super().get(name, default)


def test_a_thread_prints_while_its_cell_ends() -> None:
    """What is printed is kept as a whole, or came too late; printing raises nothing."""
    kernel, found = Kernel(), list[list[dict[str, Any]]]()
    outputs = Outputs(kernel)
    outputs.begin()
    text = Ending(name="stdout", text="x")
    text.ends = lambda: found.append(outputs.end())  # type: ignore[method-assign]
    kernel.session.send(None, "stream", text, {"msg_id": "1"})
    while not found:
        time.sleep(0.001)
    outputs.close()
    assert [m["content"]["text"] for m in found[0]] in ([], ["x"])


def test_a_setting_is_read_while_loggers_are_made() -> None:
    """By a thread that imports modules: it can be read all the same."""
    settings = Settings({"logging": LIBRARIES["logging"]})
    loggers = logging.Logger.manager.loggerDict
    names = [f"of_threads.{n}" for n in range(400)]

    def change() -> None:
        for name in names:
            loggers[name] = logging.PlaceHolder(logging.root)  # type: ignore[arg-type]
        for name in names:
            loggers.pop(name, None)

    beside(change, lambda: settings._read("logging"), 500)
    assert not settings._unread


def test_a_store_is_opened_once_for_steps_of_several_threads() -> None:
    """Where several are the first that need it."""
    opened: list[int] = []

    def opener() -> None:
        opened.append(1)
        go.wait(0.05)
        engine.activate(runtime)

    go = threading.Event()
    live: dict[str, Any] = {}
    store = MemoryStore()
    namespace = Namespace(live, store, fingerprint.Uses(live, Path()))
    runtime = engine.Runtime(store, Fold(), namespace, engine.Settings())
    engine.open_when_needed(opener)
    try:
        assert not at_once(engine.needed)
    finally:
        engine.open_when_needed(None)
        runtime.close()
    assert opened == [1]


def test_what_a_callback_may_have_changed_is_looked_at(tmp_path: Path) -> None:
    """Also where it ran on another thread, in the middle of a look at the namespace."""
    live: dict[str, Any] = {"__name__": "__main__", "xs": [1], "zs": [1]}
    namespace = Namespace(live, MemoryStore(), fingerprint.Uses(live, root=tmp_path))
    namespace.sync()
    capture, threads = namespace._capture, list[threading.Thread]()
    dump = capture.dump

    def callback() -> None:
        live["xs"].append(2)
        namespace.touched(None)

    def looking(names: Any) -> Any:
        found = dump(names)
        if not threads:
            threads.append(threading.Thread(target=callback))
            threads[0].start()
            while len(live["xs"]) == 1:
                pass
        return found

    capture.dump = looking  # type: ignore[method-assign]
    namespace.touched(["zs"])
    live["zs"].append(2)
    namespace.sync()
    threads[0].join()
    assert "xs" in namespace.sync().changed


def test_a_callback_beside_a_cell_may_have_changed_anything() -> None:
    """One that runs on another thread while a cell runs; the cell itself is known."""
    seen: list[object] = []
    namespace = types.SimpleNamespace(touched=lambda *told: seen.append(told))
    session = types.SimpleNamespace(runtime=types.SimpleNamespace(namespace=namespace))
    cells = object.__new__(Cells)
    cells._session = lambda: session  # type: ignore[assignment]
    cells._stack = [Cell("x = 1", None, "1")]
    cells.unknown_code_ran()
    assert not seen
    thread = threading.Thread(target=cells.unknown_code_ran)
    thread.start()
    thread.join()
    assert len(seen) == 1
