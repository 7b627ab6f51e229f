"""What two values share is state that either could change, and it is shared again when loaded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from duranb.state.groups import components
from duranb.values import codec
from duranb.values.sharing import shared
from duranb.values.target import Target
from tests.unit.test_state import Kernel


def share(one: object, other: object) -> bool:
    """Whether two variables with these values share state."""
    first, second = codec.dump({"a": one}, {}), codec.dump({"b": other}, {})
    together = len(components({"a": first.reached, "b": second.reached})) == 1
    assert together == shared(first.reached, second.reached)
    return together


def frame() -> pd.DataFrame:
    """A frame with columns of several kinds."""
    found = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"], "c": [1, 2]}, index=["k", "l"])
    found["when"] = pd.to_datetime(["2020", "2021"])
    found["kind"] = pd.Categorical(["p", "q"])
    return found


MASK = [0, 1, 0, 0, 0, 0]
RECORDS: Any = np.rec.array([(1, 2.0), (3, 4.0)], dtype=[("a", int), ("b", float)])
NUMBERS = np.arange(6.0)
LARGE = np.zeros(100_000)
MASKED: Any = np.ma.array(NUMBERS, mask=MASK, copy=False)  # type: ignore[no-untyped-call, unused-ignore]
MATRIX: Any = NUMBERS.reshape(2, 3).view(np.matrix)
OBJECTS: Any = np.array([1, "a", None, [3]], dtype=object)
BYTES = bytearray(64)
FRAME = frame()
UNCOPIED = pd.DataFrame({"a": NUMBERS}, copy=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NUMBERS, NUMBERS[2:]),
        (NUMBERS[::-1], NUMBERS[1:]),
        (NUMBERS, np.lib.stride_tricks.sliding_window_view(NUMBERS, 3)),
        (LARGE, LARGE[:5]),
        (LARGE[:5], LARGE[3:7]),
        (RECORDS, RECORDS.a),
        (RECORDS, RECORDS[1:]),
        (MASKED, NUMBERS),
        (MASKED, MASKED[1:]),
        (MASKED, MASKED.mask),
        (MATRIX, NUMBERS),
        (MATRIX, MATRIX[0]),
        (OBJECTS, OBJECTS[1:]),
        (BYTES, np.frombuffer(BYTES, np.int32)),
        (np.frombuffer(BYTES, np.int32), np.frombuffer(BYTES, np.uint8)),
        (FRAME, FRAME),
        (FRAME, FRAME["a"].to_numpy()),
        (UNCOPIED, NUMBERS),
        (UNCOPIED, pd.Series(NUMBERS, copy=False)),
    ],
)
def test_what_shows_a_change_of_the_other_shares(one: object, other: object) -> None:
    """A view and its owner share, of whatever type they are, and so do two views."""
    assert share(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (frame(), frame()),
        (FRAME, FRAME.copy()),
        (FRAME, FRAME.index),
        (pd.Series([1, 2], FRAME.index), pd.Series([3, 4], FRAME.index)),
        ([np.mean, np.add, pd.NA, len], [np.mean, np.add, pd.NA, len]),
        (NUMBERS.copy(), NUMBERS),
    ],
)
def test_what_belongs_to_everybody_is_not_shared(one: object, other: object) -> None:
    """Two frames made independently, or with an index in common, share nothing; neither do values
    with the same functions and constants of a library."""
    assert not share(one, other)


@pytest.mark.skipif(int(pd.__version__.partition(".")[0]) < 3, reason="copies on write from 3 on")
def test_frames_that_copy_on_write_do_not_share() -> None:
    """A column or a renamed copy looks at the same memory until one of them is written to."""
    assert not share(FRAME, FRAME.rename(columns={"a": "q"}))
    assert not share(FRAME, FRAME["a"])
    assert not share(FRAME[["when", "kind"]], FRAME)
    three = {"x": FRAME, "y": FRAME["a"], "z": FRAME["a"].to_numpy()}
    reached = {n: codec.dump({n: v}, {}) for n, v in three.items()}
    assert len(components({n: d.reached for n, d in reached.items()})) == 1


def test_a_list_held_by_a_class_is_not_shared_by_its_instances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an installed class holds is handed out with each instance, and belongs to none."""
    (tmp_path / "pkg_held.py").write_text(
        "NAMES = []\n"
        "class Plain:\n"
        "    fields = []\n"
        "    def __getstate__(self):\n"
        "        return {'fields': self.fields, 'names': NAMES, **vars(self)}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("duranb.values.held._INSTALLED", (str(tmp_path),))
    import pkg_held  # type: ignore[import-not-found, unused-ignore]

    one, other = pkg_held.Plain(), pkg_held.Plain()
    assert not share(one, other)
    one.mine = other.mine = []
    assert share(one, other)


VIEWS = """
import numpy as np
n = np.arange(6.0)
big = np.zeros(100_000)
recs = np.rec.array([(1, 2.0), (3, 4.0)], dtype=[("a", int), ("b", float)])
objs = np.array([1, "a", None, [3]], dtype=object)
raw = bytearray(64)
kinds = [("a", int), ("o", object), ("in", [("x", object), ("y", float)])]
held = np.array([(n, [n], (str(n), n / 2)) for n in range(4)], dtype=kinds)
views = {
    "field": held["o"], "inner": held["in"]["y"][::-2], "some": held[["a", "in"]],
    "rows": held[1:], "back rows": held[::-1], "records": held.view(np.recarray),
    "matrix": n.view(np.matrix), "masked": np.ma.array(n, mask=[0, 1, 0, 0, 0, 0], copy=False),
    "back": n[::-2], "window": big[5:9], "column": recs.a, "objects": objs[1:],
    "bytes": np.frombuffer(raw, np.int32), "closed": n[2:4],
}
views["closed"].flags.writeable = False
"""

CHANGED = """
held["a"][2] = 22; held["o"][1] = "other"; held["in"]["y"][3] = 0.25; held["in"]["x"][2] = {}
n[4] = 44; big[7] = 77; recs.a[1] = 33; objs[2] = "new"; raw[0] = 5
seen = (
    views["matrix"][0, 4], views["masked"][4], views["back"].tolist(), views["window"].tolist(),
    views["column"].tolist(), views["objects"].tolist(), int(views["bytes"][0]),
    views["closed"].tolist(), views["closed"].flags.writeable,
    str(type(views["matrix"])), str(views["masked"]),
    [views[n].tolist() for n in ("field", "inner", "some", "rows", "back rows", "records")],
    type(views["records"]), views["records"].o[1], held["o"].base is held,
)
"""


@pytest.mark.parametrize("times", [1, 2])
def test_views_of_all_kinds_are_views_again(times: int) -> None:
    """What is loaded looks at the same memory again, and so does what is loaded of that."""
    kernel = Kernel()
    bindings = kernel.run(VIEWS).changed
    for _ in range(times):
        again = Kernel(kernel.artifacts)
        assert again.namespace.restore(bindings) == []
        again.run("import numpy as np; views['fresh'] = 1", None)
        bindings = again.namespace.bindings()
    exec(CHANGED, kernel.live)
    exec(CHANGED, again.live)
    assert again["seen"] == kernel["seen"]


def test_a_small_window_alone_is_stored_alone() -> None:
    """Nobody pays for the rest of a large array that nothing else shows."""
    kernel = Kernel()
    binding = kernel.run("import numpy as np\nw = np.zeros(1_000_000)[3:6]").changed["w"]
    assert binding.size < 10_000


def test_an_array_of_a_subclass_keeps_its_attributes() -> None:
    """NumPy's own pickling would forget them."""
    kernel = Kernel()
    bindings = kernel.run(
        "import numpy as np\n"
        "class Measured(np.ndarray): pass\n"
        "m = np.arange(3.0).view(Measured); m.unit = 'kg'\n"
        "own = Measured((2,)); own[:] = 7; own.unit = 'm'\n"
    ).changed
    again = Kernel(kernel.artifacts)
    assert again.namespace.restore(bindings) == []
    again.namespace.need(None)
    for name in ("m", "own"):
        assert again[name].tolist() == kernel[name].tolist()
        assert again[name].unit == kernel[name].unit
        assert type(again[name]) is again["Measured"]


@pytest.mark.parametrize(
    ("made", "write"),
    [
        ("y = x['a']", "y.iloc[0] = 9"),
        ("y = x['a']", "x.loc[0, 'a'] = 9"),
        ("y = x[:]", "y.loc[0, 'b'] = 9"),
        ("y = x.rename(columns={'a': 'c'})", "x.loc[0, 'b'] = 9"),
        ("y = pd.Index(x['a'])", "x.loc[0, 'a'] = 9"),
        ("y = [x['b'], x.head(1)]", "y[1].loc[0, 'b'] = 9"),
    ],
)
@pytest.mark.skipif(int(pd.__version__.partition(".")[0]) < 3, reason="copies on write from 3 on")
@pytest.mark.parametrize("alive", [False, True])
def test_frames_that_copy_on_write_still_do(made: str, write: str, alive: bool) -> None:
    """Two that look at the same memory come back as such, and writing to one of them changes the
    other one no more than it did: in one value, or linked to a frame that is alive."""
    setup = "import pandas as pd\nx = pd.DataFrame({'a': [1, 2], 'b': [3, 4]})"
    first = Kernel()
    first.run(setup)
    first.run(f"{made}\nz = [x, y]" if alive else f"{made}\nz = [x, y]\ndel x, y")
    second = Kernel(first.artifacts)
    if alive:
        second.run(setup)
    second.namespace.restore(first.namespace.bindings())
    for kernel in (first, second):
        kernel.run(f"x, y = z\n{write}")
    pd.testing.assert_frame_equal(second["x"], first["x"])
    assert str(second["y"]) == str(first["y"])


def test_what_pickling_makes_on_the_way_is_not_shared() -> None:
    """A copy that a value's own reduction makes is gone when the value is stored, and its address
    is soon another value's."""
    counter, rows = Counter("abc"), [[1], [2]]
    reached = codec.dump({"counter": counter, "rows": rows}, {}).reached
    assert set(reached) == {id(counter), id(rows), *map(id, rows)}


def test_what_a_factory_makes_again_is_not_made_of_its_attributes() -> None:
    """A client comes back through its factory, though something else holds its ``vars()``: what it
    keeps there are connections, and others that cannot be stored."""
    kernel = Kernel()
    delta = kernel.run(
        "import openai, socket\n"
        "client = openai.OpenAI(api_key='sk-x', base_url='http://127.0.0.1:9/v1', max_retries=7)\n"
        "held = vars(client).get\n"  # as a library keeps it
        "client._client.connection = socket.socket()\n"
    )
    kernel["client"]._client.connection.close()
    binding = delta.changed["client"]
    assert not binding.why
    made = codec.load(kernel.artifacts, binding.artifact, Target({}))
    assert made["client"].max_retries == 7
