"""Records of arrays, arrays of records, and arrays that are mapped to files come back as such."""

from __future__ import annotations

from pathlib import Path

import pytest

from duranb.state import Delta
from tests.unit.fresh import Case, Said, look
from tests.unit.test_state import Kernel

RECORDS = (
    "import numpy as np\na = np.zeros(3, dtype=[('x', 'i4'), ('m', 'f8'), ('q', [('z', 'i2')])])\n"
)
MAPPED = "import numpy as np, os\nfile = os.path.join(os.getcwd(), '{}.dat')\n"

CASES = [
    Case(
        "a record of an array, and one in it",
        RECORDS + "f = a[1]; q = f['q']; f['m'] = 7",
        "(f.tolist(), f.__setitem__('m', 8), q.__setitem__('z', 4), a.tolist(), f.tolist())",
    ),
    Case(
        "a record of a large array",
        "import numpy as np\na = np.zeros(5000, dtype=[('x', 'i4'), ('m', 'f8')]); f = a[7]",
        "(f.__setitem__('m', 8), a['m'][7], f)",
    ),
    Case(
        "an array of records whose library has not loaded the module that it says it is from",
        RECORDS + "r = a.view(np.recarray); f = r[1]",
        "(type(r) is np.recarray, r.m.__setitem__(1, 9), f.m, setattr(f, 'x', 3), a['x'].tolist())",
    ),
    Case(
        "an array that is mapped to a file, and parts of it",
        MAPPED.format("a") + "m = np.memmap(file, dtype='i4', mode='w+', shape=(20_000,))\n"
        "m[:4] = [1, 2, 3, 4]; part = m[1:3]; plain = np.asarray(m)[2:]",
        "(m[:4].tolist(), part.tolist(), type(part).__name__, type(plain).__name__, m.mode,"
        " np.shares_memory(m, part), np.shares_memory(plain, part), m.flags.writeable,"
        " part.filename == m.filename == file)",
    ),
    Case(
        "a part of one without a name, and one that is read only",
        MAPPED.format("b") + "np.arange(6, dtype='i4').tofile(file)\n"
        "part = np.memmap(file, dtype='i4', mode='r+')[1:3]\n"
        "r = np.memmap(file, dtype='i4', mode='r', offset=4, shape=(2, 2), order='F')",
        "(part.tolist(), part.flags.writeable, r.tolist(), r.flags.writeable, r.mode, r.offset,"
        " r.flags.f_contiguous)",
    ),
    Case(
        "one that keeps what is written to itself, and a part of it",
        MAPPED.format("c") + "np.arange(6, dtype='i4').tofile(file)\n"
        "m = np.memmap(file, dtype='i4', mode='c'); m[1] = 50; part = m[1:4]",
        "(m.__setitem__(2, 9), m.tolist(), part.tolist(), m.mode, part.mode, part.flags.writeable,"
        " np.fromfile(file, dtype='i4').tolist())",
    ),
    Case(
        "the same, whose file is gone",
        MAPPED.format("d") + "np.arange(6, dtype='i4').tofile(file)\n"
        "m = np.memmap(file, dtype='i4', mode='c'); m[1] = 50; part = m[1:4]; os.remove(file)",
        "(m.__setitem__(2, 9), m.tolist(), part.tolist(), m.mode, part.flags.writeable)",
    ),
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """What was seen of all cases."""
    return look(CASES, tmp_path_factory.mktemp("looked"))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name.replace(" ", "-"))
def test_it_is_what_it_was(case: Case, said: dict[str, Said]) -> None:
    """The same is seen in a new process, nothing is missing, and versions are the same."""
    told = said[case.name]
    assert (told.found, told.missing, told.versions) == (told.made, [], [])


def test_what_is_written_to_a_record_changes_the_array() -> None:
    """A cell that loads the record only changes what the array's name stands for."""
    kernel = Kernel()
    kernel.run(RECORDS + "f = a[0]")
    assert set(kernel.run("f['m'] = 8", {"f"}).changed) == {"a", "f"}


def mapped(file: Path) -> tuple[Delta, Kernel]:
    """What a kernel has bound, an array that is mapped to a file, and the next kernel."""
    first = Kernel()
    first.live["file"] = str(file)
    made = "import numpy as np\nm = np.memmap(file, 'u1', 'w+', shape=3); m[:] = 1; m.flush()"
    return first.run(made), Kernel(first.artifacts)


def test_what_is_written_to_a_mapped_array_reaches_its_file(tmp_path: Path) -> None:
    """As it did before the restart."""
    delta, second = mapped(tmp_path / "m.dat")
    second.namespace.restore(delta.changed)
    second["m"][1] = 5
    second["m"].flush()
    assert (tmp_path / "m.dat").read_bytes() == b"\1\5\1"


@pytest.mark.parametrize("now", [b"\1\2\3", b"\1", None])
def test_a_file_that_holds_something_else_is_left_alone(tmp_path: Path, now: bytes | None) -> None:
    """The array shows what it showed, and refuses to be written to."""
    delta, second = mapped(file := tmp_path / "m.dat")
    file.unlink()
    if now is not None:
        file.write_bytes(now)
    second.namespace.restore(delta.changed)
    assert second["m"].tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="read-only"):
        second["m"][1] = 5
    assert (file.read_bytes() if file.exists() else None) == now


def test_what_looks_at_the_memory_of_another_object_is_named() -> None:
    """A number of C's in a bytearray: a copy of it would be no part of that any more."""
    kernel = Kernel()
    delta = kernel.run(
        "import ctypes\nb = bytearray(8)\nc = ctypes.c_int.from_buffer(b)\nown = ctypes.c_int(5)"
    )
    assert "the memory of another object" in delta.changed["c"].why
    assert delta.changed["own"].artifact and not delta.changed["own"].why
