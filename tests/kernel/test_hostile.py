"""Objects that raise, lie or count when they are looked at: no cell fails for what duranb does."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import jupyter_client.launcher
import pytest

from tests.kernel.harness import Kernel

HOSTILE = """
import weakref
class Dead: ...
class Exits:
    def __reduce__(self):
        raise SystemExit(3)
class Lies:
    @property
    def __class__(self):
        raise RuntimeError('no class')
    @property
    def __dict__(self):
        raise RuntimeError('no dict')
class Shy:
    def __repr__(self):
        raise BaseException('no repr')
class Meta(type):
    def __hash__(cls):
        raise RuntimeError('no hash')
class Unhashed(metaclass=Meta): ...
class Counts:
    looks = 0
    def __getstate__(self):
        self.looks += 1
        return dict(vars(self))
"""

MADE = """
kept = [1]
dead = weakref.proxy(Dead())
exits, lies, shy, unhashed, counts = Exits(), Lies(), Shy(), Unhashed(), Counts()
holder = {'exits': exits, 'kept': 2}
huge = [10 ** 5000, -2 ** 70]
deep = []
for _ in range(100_000):
    deep = [deep]
globals()[5] = 6
"""


@pytest.fixture
def hostile(kernels: Callable[..., Kernel]) -> Kernel:
    """A kernel in which a durable cell has made them."""
    kernel = kernels().start()
    assert kernel.run(HOSTILE).error is None
    made = kernel.run(f"%%durable made\n{MADE}")
    assert made.error is None, made.error
    for name in ("exits", "unhashed", "deep"):
        assert f"{name} (" in made.notices, made.notices
    assert "huge (" not in made.notices
    return kernel


def test_no_cell_fails_beside_them(hostile: Kernel) -> None:
    """Cells that use them, or what is beside them, run, are restored and are shown; a look changes
    nothing in them, and runs nothing again."""
    use = "%%durable use\nn = len(kept) + holder['kept'] + huge[0] % 7 + counts.looks"
    assert hostile.run(use).error is None
    assert "nothing ran" in hostile.run(use).notices
    assert hostile.value("counts.looks") == "0"
    for line in ("%duranb status", "%duranb log", "%duranb show made", "%duranb rewind use --yes"):
        assert hostile.run(line).error is None


def test_they_are_named_after_a_restart(hostile: Kernel) -> None:
    """In a new process what could not be stored says so, and what could is there."""
    hostile.restart()
    assert hostile.run("%duranb rewind --yes").error is None
    assert hostile.value("(kept, holder['kept'], huge[0] == 10 ** 5000, huge[1])") == (
        f"([1], 2, True, {-(2**70)})"
    )
    assert "SystemExit" in hostile.value("exits")
    again = hostile.run(f"{HOSTILE}\n")
    assert again.error is None
    assert "nothing ran" in hostile.run(f"%%durable made\n{MADE}").notices


def test_an_error_that_raises_itself_is_the_users(kernels: Callable[..., Kernel]) -> None:
    """The user's own error is what the cell ends with, though nothing can be asked of it; and their
    own TimeoutError is no ``--timeout``."""
    kernel = kernels().start()
    error = "class E(Exception):\n    def __str__(self):\n        raise RuntimeError('no')\n"
    plain = kernel.run(f"{error}raise E(1)")  # which IPython itself cannot show
    failed = kernel.run(f"%%durable bad\n{error}raise E(1)")
    assert failed.error is not None and plain.error is not None
    assert failed.error[:2] == plain.error[:2]
    assert "E: (its text raised RuntimeError)" in kernel.run("%duranb show bad").text
    own = kernel.run("%%durable late --timeout 50 --retries 0\nraise TimeoutError('mine')")
    assert own.error is not None and own.error[:2] == ("TimeoutError", "mine")


def test_an_alarm_of_the_users_stays_theirs(kernels: Callable[..., Kernel]) -> None:
    """A body that sets an alarm of its own gets it; that it took longer than its ``--timeout`` is
    said all the same."""
    kernel = kernels().start()
    alarm = (
        "import signal, time\n"
        "def ring(n, f):\n    raise TimeoutError('rang')\n"
        "old = signal.signal(signal.SIGALRM, ring)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.2)\n"
        "try:\n    time.sleep(2)\nexcept TimeoutError as e:\n    said = str(e)\n"
        "signal.signal(signal.SIGALRM, old)\n"
    )
    rang = kernel.run(f"%%durable ring --timeout 60\n{alarm}said")
    assert rang.error is None and rang.value == "'rang'"
    late = kernel.run(f"%%durable slow --timeout 0.5 --retries 0\n{alarm}time.sleep(0.6)")
    assert late.error is not None and late.error[0] == "StepTimeout"


def test_a_long_chain_of_elif_is_a_cell(kernels: Callable[..., Kernel]) -> None:
    """What Python compiles can be durable, however deep its tree is."""
    chain = "".join(f"elif v == {i}:\n    w = {i}\n" for i in range(1, 400))
    result = kernels().start().run(f"%%durable chain\nv = 7\nif v == 0:\n    w = 0\n{chain}w")
    assert result.error is None and result.value == "7"


def test_modules_of_the_folder_where_it_stands_are_not_a_verbs(
    kernels: Callable[..., Kernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A magic that the command line carries out imports nothing from the folder that the kernel
    has gone to, which may be a stranger's."""
    monkeypatch.setattr(jupyter_client.launcher, "Popen", subprocess.Popen)  # as it really starts
    kernel = kernels().start()
    assert kernel.run("%%durable one\na = 1").error is None
    theirs = kernel.notebook.parent / "theirs"
    theirs.mkdir()
    for name in ("json", "typing", "click", "msgspec"):
        (theirs / f"{name}.py").write_text(f"open('ran-{name}', 'x')")
    shown = kernel.run("import os\nos.chdir('theirs')\n%duranb verify")
    assert shown.error is None and "$ duranb verify" in shown.text
    assert not [*theirs.glob("ran-*")]
