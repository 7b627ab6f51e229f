"""What leaves a step by ways that nobody records is counted and named."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import pytest

from duranb.engine import watch, ways
from duranb.engine.context import current
from duranb.errors import StoreError
from duranb.record import events as e
from duranb.record.model import Status
from duranb.record.ways import How, Way, told
from duranb.views import lines, log, show, status
from tests.engine.world import World


@pytest.fixture(autouse=True)
def _watching() -> None:
    watch.install()


class Out:
    """What the cells of a test do, out of reach of the notebook."""

    do: Callable[[], object] = staticmethod(lambda: None)


def out() -> None:
    """A step's body does it."""
    Out.do()


CELL = "from tests.engine.test_ways import out\nout()\ndone = True"


@pytest.fixture
def port() -> Iterator[int]:
    """That of a server that answers nobody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def connect(port: int) -> None:
    with socket.socket() as made:
        made.connect(("127.0.0.1", port))


def counts(world: World, step: str = "step") -> dict[tuple[str, str], int]:
    return {(way.how, way.to): way.count for way in world.last(step).unrecorded}


def test_each_way_out_of_a_step_is_named(world: World, port: int) -> None:
    """Connections by host and port, datagrams, programs (without their arguments), forked children
    and work for other processes are named, however often and from whichever thread; work for
    threads, and what is part of a call that is recorded, is not."""

    def fork() -> None:
        if not (child := os.fork()):
            os._exit(0)
        os.waitpid(child, 0)

    def everything() -> None:
        connect(port)
        connect(port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("127.0.0.1", port))
        subprocess.run(["true", "a-secret"])
        subprocess.run("KEY=secret true x | cat", shell=True, stdout=subprocess.DEVNULL)
        os.system("true")
        fork()
        with ThreadPoolExecutor(1) as threads:
            threads.submit(subprocess.run, ["true"]).result()
        with ThreadPool(1) as threads:
            threads.map(len, ["x"])
        with ProcessPoolExecutor(1) as processes:
            list(processes.map(len, ["a", "b"]))
        with ways.part_of(ways.Recorded()):
            connect(port)

    Out.do = everything
    world.cell("step", CELL)
    assert counts(world) == {
        ("connection", f"127.0.0.1:{port}"): 2,
        ("datagram", f"127.0.0.1:{port}"): 1,
        ("process", "true"): 4,
        ("fork", ""): 1,
        ("task", "ProcessPoolExecutor"): 2,
    }
    assert "secret" not in str(world.store.events())
    world.plain("import duranb\nfrom tests.engine.test_ways import out\nduranb.call(out)")
    world.cell("effect", "duranb.call(out)\ndone = True")
    assert not counts(world, "effect")


def test_what_is_not_as_the_step_left_it_is_said_by_what_it_lacks(world: World) -> None:
    """A name whose object is not stored is told from one that only shares otherwise."""
    world.cell("step", "a = 1")
    step = world.last("step")
    text = lines.restored(world.history, step, step.id, {"client": False, "view": True})
    assert "! step: client cannot be stored" in text
    assert "! step: view holds what it did" in text and "view cannot be stored" not in text


def test_it_is_said_wherever_the_step_is_shown(world: World, port: int) -> None:
    """By the line of the first run and of a restore (nothing ran, and that does not hide it), by
    show, status and log."""
    Out.do = staticmethod(lambda: [connect(port), connect(port)])
    words = f"2 connections to 127.0.0.1:{port}"
    world.cell("step", CELL)
    first = world.last("step")
    assert f"! step: {words}, not recorded" in lines.completed(world.history, first.id)
    world.start()
    world.cell("step", CELL)
    again = world.last("step")
    assert again.of == first.id
    assert f"when it ran: {words}, not recorded" in lines.restored(world.history, first, again.id)
    for view in (
        show.view(world.history, "step"),
        status.view(world.history),
        log.view(world.history, list(world.store.events())),
    ):
        assert f"{words}" in str(view)
    assert told([Way("fork", "", 2), Way("process", "curl", 1), Way("new", "x", 1)]) == (
        "2 forked children, 1 process (curl) and 1 process (x)"
    )


def test_what_was_sent_again_is_recorded(world: World) -> None:
    """Of a request that a dead process had begun, and that was made once more, every view says what
    became of the first; none says that it is not recorded, and restoring it says nothing of it."""

    def again() -> None:
        step = current()
        assert step is not None
        step.unrecorded.note(How.AGAIN, "chat gpt")
        step.unrecorded.note(How.PROCESS, "curl")

    Out.do = staticmethod(again)
    world.cell("step", CELL)
    first = world.last("step")
    words = "1 request sent again (chat gpt): the process had died before the answer was recorded"
    views = (
        lines.completed(world.history, first.id),
        str(show.view(world.history, "step")),
        str(status.view(world.history)),
    )
    for text in (" ".join(view.split()) for view in views):
        assert words in text and "1 process (curl), not recorded" in text
    logged = " ".join(str(log.view(world.history, list(world.store.events()))).split())
    assert "1 process (curl), not recorded; 1 request sent again (chat gpt): the" in logged
    world.start()
    world.cell("step", CELL)
    restored = lines.restored(world.history, first, world.last("step").id)
    assert restored.endswith("when it ran: 1 process (curl), not recorded")


def test_a_step_that_dies_has_named_what_it_sent(world: World) -> None:
    """The first time that something takes a way is durable before it happens; the next run of the
    step says that it happened before."""

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    seen: list[object] = []

    def look_then_die() -> None:
        subprocess.run(["true"])
        seen.extend(x.body for x in world.store.events() if isinstance(x.body, e.WentUnrecorded))

    Out.do = staticmethod(look_then_die)
    with world.inside("step"):
        out()
    world.start()
    assert [body.ways for body in seen if isinstance(body, e.WentUnrecorded)] == [
        [Way("process", "true", 1)]
    ]
    assert world.last("step").status is Status.FAILED
    world.cell("step", CELL)
    line = lines.completed(world.history, world.last("step").id)
    assert "Execution @1, which is failed, had done so as well" in line


def test_what_cannot_be_named_does_not_leave(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store takes nothing more, nothing leaves either."""
    with world.inside("step"), monkeypatch.context() as broken:

        def refuse(*bodies: object) -> None:
            raise StoreError("full")

        broken.setattr(world.store, "append", refuse)
        with pytest.raises(StoreError, match="full"):
            subprocess.run(["true"])


def test_threads_that_outlive_their_step_are_named(world: World) -> None:
    """A thread that goes on when its step has completed is named, and so is what it sends then; one
    that nobody waits for and that sends nothing is not."""
    over = threading.Event()
    started: list[threading.Thread] = []

    def linger() -> None:
        over.wait()
        subprocess.run(["true"])

    def start() -> None:
        for name, daemon, target in (("poller", False, linger), ("bar", True, over.wait)):
            started.append(threading.Thread(target=target, name=name, daemon=daemon))
            started[-1].start()

    Out.do = staticmethod(start)
    world.cell("step", CELL)
    assert counts(world) == {("thread", "poller"): 1}
    over.set()
    for thread in started:
        thread.join()
    assert counts(world) == {("thread", "poller"): 1, ("process", "true"): 1}


def test_a_place_is_named_as_it_was_looked_up(
    world: World, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host by the name that code asked for, and not by the number that it connects to."""
    monkeypatch.setitem(watch._names, "127.0.0.1", "example.com")
    Out.do = staticmethod(lambda: connect(port))
    world.cell("step", CELL)
    assert counts(world) == {("connection", f"example.com:{port}"): 1}


def test_what_a_step_within_another_sends_is_both_steps(world: World) -> None:
    """The step around it, which is restored as a whole, names it as well."""
    Out.do = staticmethod(lambda: subprocess.run(["true"]))
    world.plain(
        "import duranb\nfrom tests.engine.test_ways import out\n"
        "@duranb.step\ndef inner():\n    out()"
    )
    world.cell("step", "inner()\ndone = True")
    assert counts(world) == counts(world, "inner") == {("process", "true"): 1}
