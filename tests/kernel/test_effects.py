"""Effects, questions and compensation in a real kernel."""

from __future__ import annotations

import contextlib
from pathlib import Path

from duranb.store.paths import is_store
from tests.kernel.harness import Kernel, KernelDied

LOG = """
import duranb, os, pathlib, time
def note(text):
    with open('log.txt', 'a') as out:
        out.write(text + '\\n')
def undo(result, *args):
    note(f'undo {result}')
@duranb.tool(compensate=undo)
def send(to: str, text: str) -> str:
    '''Send a message.

    To somebody.
    '''
    note(f'send {to} {duranb.context().idempotency_key}')
    return f'receipt {to}'
"""


def log(kernel: Kernel) -> list[str]:
    """What reached the outside world, in order."""
    file = kernel.notebook.parent / "log.txt"
    return file.read_text().splitlines() if file.exists() else []


def test_an_effect_is_done_once_over_edits_and_restarts(kernel: Kernel) -> None:
    """A resumed or edited step gets the recorded result; outside a step it is a plain call."""
    kernel.run(LOG)
    kernel.run("%%durable mail\nr = send('ann', 'hi')\nraise KeyError('later')")
    kernel.restart()
    kernel.run(LOG)
    result = kernel.run("%%durable mail\nr = send('ann', 'hi')\nprint(r)")
    assert result.error is None and result.stdout == "receipt ann\n"
    assert len(log(kernel)) == 1


def test_death_inside_an_effect_leaves_it_in_doubt(kernel: Kernel) -> None:
    """It is never silently done twice: the user says what happened, and the step goes on."""
    kernel.run(LOG)
    cell = (
        "%%durable pay\n"
        "def charge(n):\n"
        "    note(f'charge {n}')\n"
        "    if not os.path.exists('calm'): os.kill(os.getpid(), 9)\n"
        "    return n\n"
        "paid = duranb.call(charge, 7)"
    )
    try:
        kernel.run(cell)
        raise AssertionError("the kernel should have died")
    except KernelDied:
        pass
    kernel.stop()
    (kernel.notebook.parent / "calm").touch()
    kernel.start()
    kernel.run(LOG)
    stopped = kernel.run(cell)
    assert stopped.error is not None and stopped.error[0] == "InDoubt"
    assert "resolve pay --happened" in stopped.error[1]
    assert log(kernel) == ["charge 7"]
    assert "in doubt" in kernel.run("%duranb status").text
    assert "it happened" in kernel.run("%duranb resolve pay --happened 700 --dry-run").stdout
    kernel.run("%duranb resolve pay --happened 700 --yes")
    assert kernel.run(cell).error is None
    assert kernel.value("paid") == "700"
    assert log(kernel) == ["charge 7"]


def test_not_happened_does_it_again(kernel: Kernel) -> None:
    """--not-happened lets the next run carry the effect out."""
    kernel.run(LOG)
    cell = (
        "%%durable pay\n"
        "def charge(n):\n"
        "    note(f'charge {n}')\n"
        "    if not os.path.exists('calm'): raise TimeoutError('no answer')\n"
        "    return n\n"
        "paid = duranb.call(charge, 7)"
    )
    stopped = kernel.run(cell)
    assert stopped.error is not None and stopped.error[0] == "InDoubt"
    (kernel.notebook.parent / "calm").touch()
    assert kernel.run(cell).error[0] == "InDoubt"  # type: ignore[index]
    kernel.run("%duranb resolve pay --not-happened --yes")
    assert kernel.run(cell).error is None
    assert log(kernel) == ["charge 7", "charge 7"]


def test_idempotent_effect_runs_again_with_the_same_key(kernel: Kernel) -> None:
    """Declared idempotent, it is repeated after a death, under the key it began with."""
    kernel.run(LOG)
    cell = (
        "%%durable pay\n"
        "def charge(n):\n"
        "    note(duranb.context().idempotency_key)\n"
        "    if not os.path.exists('calm'): os.kill(os.getpid(), 9)\n"
        "    return n\n"
        "paid = duranb.call(charge, 7, idempotent=True)"
    )
    with contextlib.suppress(KernelDied):
        kernel.run(cell)
    kernel.stop()
    (kernel.notebook.parent / "calm").touch()
    kernel.start()
    kernel.run(LOG)
    assert kernel.run(cell).error is None
    first, second = log(kernel)
    assert first == second


def test_compensation_of_effects_runs_once_in_reverse(kernel: Kernel) -> None:
    """Undoing a step undoes its effects, latest first, with what was recorded; then it is done
    anew when its cell runs again, under a new key."""
    kernel.run(LOG)
    cell = "%%durable mail\nsend('ann', 'hi')\nsend('bob', 'hi')\ndone = True"
    kernel.run(cell)
    shown = kernel.run("%duranb compensate mail --dry-run").stdout
    assert "undoes 2 effects" in shown
    assert kernel.run("%duranb compensate mail --yes").error is None
    assert [x for x in log(kernel) if "undo" in x] == ["undo receipt bob", "undo receipt ann"]
    again = kernel.run("%duranb compensate mail --yes")
    assert again.error is not None
    assert sum("undo" in x for x in log(kernel)) == 2
    assert kernel.run(cell).error is None
    sends = [x for x in log(kernel) if x.startswith("send")]
    assert len(sends) == 4 and len(set(sends)) == 4


def test_compensate_cell_gets_what_was_recorded(kernel: Kernel) -> None:
    """``%%compensate`` runs with the step's inputs and outputs of the time, not today's, also
    after a restart, and awaits."""
    kernel.run(LOG)
    kernel.run("who = 'ann'")
    kernel.run("%%durable mail\nreceipt = 'for ' + who")
    kernel.run(
        "%%compensate mail\nimport asyncio\nawait asyncio.sleep(0)\nnote(f'undo {receipt} {who}')"
    )
    kernel.run("who = 'bob'; receipt = 'changed'")
    kernel.restart()
    kernel.run(LOG)
    assert kernel.run("%duranb compensate mail --yes").error is None
    assert log(kernel) == ["undo for ann ann"]


def test_a_failing_compensation_stops_and_says_so(kernel: Kernel) -> None:
    """One that fails leaves ``compensation failed`` behind; mended, it goes on where it stopped."""
    kernel.run(LOG)
    kernel.run(
        "def undo(result, *args):\n"
        "    if result.endswith('ann') and not os.path.exists('calm'): raise KeyError('stuck')\n"
        "    note(f'undo {result}')\n"
        "@duranb.tool(compensate=undo)\n"
        "def send(to: str): return f'receipt {to}'"
    )
    kernel.run("%%durable mail\nsend('ann')\nsend('bob')\ndone = True")
    failed = kernel.run("%duranb compensate mail --yes")
    assert failed.error is not None and "%duranb compensate mail goes on" in failed.error[2]
    assert "compensation failed" in kernel.run("%duranb status").text
    (kernel.notebook.parent / "calm").touch()
    assert kernel.run("%duranb compensate mail --yes").error is None
    assert log(kernel) == ["undo receipt bob", "undo receipt ann"]


def test_rewind_compensates_every_later_step(kernel: Kernel) -> None:
    """Also one that changes no variable, one whose undo is a cell, and each only once; what was
    done before the step stays."""
    kernel.run(LOG)
    kernel.run("%%durable base\nsend('base', 'hi')\nb = 1")
    kernel.run("%%durable mail\nsend('ann', 'hi')")
    kernel.run("%%durable page\ntext = 'for bob'")
    kernel.run("%%compensate page\nnote(f'undo {text}')")
    kernel.run("%%durable mail\nsend('ann', 'hi')")
    kernel.run("%%durable base\nsend('base', 'hi')\nb = 1")
    shown = kernel.run("%duranb rewind base@1").stdout
    assert "what mail, page did stays done" in shown
    done = kernel.run("%duranb rewind base@1 --compensate --yes")
    assert done.error is None, done.text
    assert [x for x in log(kernel) if "undo" in x] == ["undo for bob", "undo receipt ann"]
    assert "base" not in kernel.run("%duranb rewind base --compensate").stdout.splitlines()[1]
    assert "compensated" in kernel.run("%duranb show mail").text


def test_nothing_to_undo_is_said_before_anything_is_planned(kernel: Kernel) -> None:
    """A step without an undo, and one undone already, are refused with what to do."""
    kernel.run(LOG)
    kernel.run("%%durable plain\nduranb.call(note, 'x')")
    refused = kernel.run("%duranb compensate plain --dry-run")
    assert refused.error is not None and "%%compensate plain" in refused.error[1]
    kernel.run("%%durable mail\nsend('ann', 'hi')")
    kernel.run("%duranb compensate mail --yes")
    again = kernel.run("%duranb compensate mail --dry-run")
    assert again.error is not None and "compensated already" in again.error[1]


def test_a_wrong_result_resolves_nothing(kernel: Kernel) -> None:
    """--happened with what is no expression changes nothing; only an effect that has an undo
    offers it."""
    kernel.run(LOG)
    cell = "%%durable pay\ndef charge(n): raise TimeoutError()\nduranb.call(charge, 7)"
    stopped = kernel.run(cell)
    assert stopped.error is not None and "--compensate" not in stopped.error[1]
    for result in ("nosuch", "'1 +'"):
        wrong = kernel.run(f"%duranb resolve pay --happened {result} --yes")
        assert wrong.error is not None and wrong.error[0] == "UsageError", wrong.text
        assert "Nothing was changed" in wrong.error[1]
    assert "in doubt" in kernel.run("%duranb status").text


def test_ask_waits_and_goes_on_with_the_answer(kernel: Kernel) -> None:
    """Without anybody to ask the step waits; answered, it goes on, and is never asked again."""
    kernel.run(LOG)
    cell = "%%durable gate\nnote('before')\nok = duranb.ask('Ship it?')\nprint(ok)"
    waiting = kernel.run(cell)
    assert waiting.error is not None and waiting.error[0] == "Waiting"
    assert "waiting" in kernel.run("%duranb status").text
    number = waiting.error[1].split("question ")[1].split(":")[0]
    assert kernel.run(f"%duranb answer {number} true").error is None
    assert kernel.run(cell).stdout == "True\n"
    again = kernel.run(f"%duranb answer {number} false")
    assert again.error is not None and "answered already" in again.error[1]
    kernel.restart()
    kernel.run(LOG)
    assert kernel.run(cell + "\n# again\nagain = 1").stdout == "True\n"


def test_store_path_is_beside_the_notebook(kernel: Kernel) -> None:
    """The store lies in .duranb/<name>/ beside the notebook."""
    kernel.run("%%durable s\nx = 1")
    folder: Path = kernel.notebook.parent / ".duranb" / "agent"
    assert is_store(folder)
