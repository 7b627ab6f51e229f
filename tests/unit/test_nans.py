"""A NaN stays the object that it was, by which a dict or a list finds it."""

from __future__ import annotations

import pytest

from tests.unit.fresh import Case, look

CASES = [
    Case(
        "of_libraries",
        "import numpy as np, math\nd = {np.nan: 1, 'a': 2, math.nan: 3}\n"
        "l = [np.nan, 1.5, math.nan]\ns = {np.nan}\nx = np.nan",
        "d[np.nan], d[math.nan], np.nan in l, math.nan in l, np.nan in s, x is np.nan",
    ),
    Case(
        "of_its_own",
        "n = float('nan')\nl = [n, n, float('nan'), -n, -n]\nt = [{n: 1}, [n]]",
        "l[0] is l[1], l[0] is l[2], l[3] is l[0], t[0][t[1][0]], n == n,"
        " [__import__('math').copysign(1, each) for each in l]",
    ),
    Case(
        "in_instances_and_functions",
        "import numpy as np\nclass K:\n    none = np.nan\n"
        "    def __init__(self): self.x = np.nan\nk = K()\ndef f(v=np.nan): return v is np.nan\n"
        "a = np.array([np.nan, 'a'], dtype=object)",
        "k.x is np.nan, K.none is np.nan, f(), a[0] is np.nan",
    ),
    Case(
        "in_frames",
        "import pandas as pd, numpy as np\n"
        "df = pd.DataFrame({'a': [1, np.nan], 'o': pd.Series(['x', np.nan], dtype=object)})",
        "df['o'].tolist()[1] is np.nan, df.isna().sum().tolist()",
        needs="pandas",
    ),
    Case("like_one", "l = ['G\\x7f\\xf8', b'G\\x7f\\xf8', 1.5]", "l"),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What was seen of all of them."""
    return look(CASES, tmp_path_factory.mktemp("nans"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_nan_is_found_again(case, seen):
    """In a new process a key or an element that is a NaN is found as it was."""
    if case.needs:
        pytest.importorskip(case.needs)
    said = seen[case.name]
    assert said.missing == said.versions == []
    assert said.found == said.made
