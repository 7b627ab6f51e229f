"""NumPy's arrays, and frames of pandas, Polars and Arrow."""

from __future__ import annotations

from tests.peers.kinds.kind import Kind


def arrays() -> list[Kind]:
    np = "import numpy as np; "
    same = "(x.dtype.str, x.tolist())"
    return [
        Kind("array of floats", f"{np}x = np.arange(6.0).reshape(2, 3)", "x[0, 0] = 9", same),
        Kind("array of ints", f"{np}x = np.arange(6, dtype='i2')", "x[0] = 9", same),
        Kind("array of bools", f"{np}x = np.array([True, False])", "x[0] = False", same),
        Kind("array of complex", f"{np}x = np.array([1j])", "x[0] = 2", same),
        Kind("array of text", f"{np}x = np.array(['a', 'bc'])", "x[0] = 'z'", same),
        Kind(
            "array of objects",
            f"{np}x = np.array([[1], 'a'], dtype=object)",
            "x[0].append(2)",
            same,
        ),
        Kind(
            "array of dates",
            f"{np}x = np.array(['2026-01-01'], dtype='M8[D]')",
            "x[0] = '2026-01-02'",
            "str(x)",
        ),
        Kind(
            "structured array",
            f"{np}x = np.zeros(2, [('a', 'i4'), ('b', 'f8')])",
            "x['a'][0] = 1",
            same,
        ),
        Kind(
            "record array",
            f"{np}x = np.rec.array([(1, 2.0)], names='a,b')",
            "x.a[0] = 5",
            "(x.a.tolist(), x.b.tolist())",
        ),
        Kind("0-d array", f"{np}x = np.array(3.0)", "x[...] = 4", same),
        Kind("empty array", f"{np}x = np.empty((0, 3))", "", "x.shape"),
        Kind(
            "array in column order",
            f"{np}x = np.asfortranarray(np.arange(6.0).reshape(2, 3))",
            "x[1, 0] = 9",
            "(x.flags.f_contiguous, x.tolist())",
        ),
        Kind("every second element", f"{np}b = np.arange(10.0); x = b[::2]", "b[2] = 99", same),
        Kind(
            "transposed view",
            f"{np}b = np.arange(6.0).reshape(2, 3); x = b.T",
            "b[0, 1] = 99",
            same,
        ),
        Kind("read-only array", f"{np}x = np.arange(3); x.flags.writeable = False", "", same),
        Kind(
            "masked array",
            f"{np}x = np.ma.array([1, 2], mask=[0, 1])",
            "x[0] = 7",
            "(x.tolist(), x.mask.tolist())",
        ),
        Kind(
            "matrix",
            f"{np}x = np.asmatrix([[1, 2]])",
            "x[0, 0] = 5",
            "(type(x).__name__, x.tolist())",
        ),
        Kind(
            "memory-mapped array",
            f"{np}np.save('m.npy', np.arange(4)); x = np.load('m.npy', mmap_mode='r')",
            "",
            "x.tolist()",
        ),
        Kind("numpy scalar", f"{np}x = np.float32(1.5)", "", "(type(x), x)"),
        Kind("dtype", f"{np}x = np.dtype([('a', 'i4')])"),
        Kind(
            "Generator", f"{np}x = np.random.default_rng(3)", "x.random()", "x.bit_generator.state"
        ),
        Kind("RandomState", f"{np}x = np.random.RandomState(3)", "x.rand()", "x.get_state()[2]"),
        Kind("polynomial", f"{np}x = np.polynomial.Polynomial([1, 2])", "x.coef[0] = 5", "x(2)"),
        Kind("ufunc", f"{np}x = np.add"),
        Kind(
            "vectorized function",
            f"{np}x = np.vectorize(lambda v: v + 1)",
            "",
            "x([1, 2]).tolist()",
        ),
    ]


def frames() -> list[Kind]:
    pd = "import pandas as pd; "
    csv = "(x.to_csv(), x.dtypes.astype(str).tolist())"
    return [
        Kind(
            "DataFrame",
            f"{pd}x = pd.DataFrame({{'a': [1, 2], 'b': ['x', 'y']}})",
            "x.loc[0, 'a'] = 9",
            csv,
            needs="pandas",
        ),
        Kind(
            "DataFrame with a new column",
            f"{pd}x = pd.DataFrame({{'a': [1, 2]}})",
            "x['c'] = x.a * 2",
            csv,
            needs="pandas",
        ),
        Kind(
            "DataFrame dropped from in place",
            f"{pd}x = pd.DataFrame({{'a': [1, 2]}})",
            "x.drop(index=0, inplace=True)",
            csv,
            needs="pandas",
        ),
        Kind(
            "DataFrame of nullable types",
            f"{pd}x = pd.DataFrame({{'a': pd.array([1, None], dtype='Int64')}})",
            "x.loc[0, 'a'] = 5",
            csv,
            needs="pandas",
        ),
        Kind(
            "DataFrame of objects",
            f"{pd}x = pd.DataFrame({{'a': [[1], {{}}]}})",
            "x.a[0].append(2)",
            csv,
            needs="pandas",
        ),
        Kind(
            "DataFrame with attrs",
            f"{pd}x = pd.DataFrame({{'a': [1]}}); x.attrs['k'] = 1",
            "x.attrs['k'] = 2",
            "x.attrs",
            needs="pandas",
        ),
        Kind(
            "Series",
            f"{pd}x = pd.Series([1.0, None], name='n')",
            "x.iloc[0] = 5",
            "x.to_dict()",
            needs="pandas",
        ),
        Kind(
            "categorical Series",
            f"{pd}x = pd.Series(['a', 'b'], dtype='category')",
            "x.iloc[0] = 'b'",
            "x.tolist()",
            needs="pandas",
        ),
        Kind(
            "Series with time zones",
            f"{pd}x = pd.Series(pd.date_range('2026', periods=2, tz='UTC'))",
            "x.iloc[0] = x.iloc[1]",
            "x.tolist()",
            needs="pandas",
        ),
        Kind(
            "sparse Series",
            f"{pd}x = pd.Series(pd.arrays.SparseArray([0, 0, 1]))",
            "",
            "x.tolist()",
            needs="pandas",
        ),
        Kind(
            "Index",
            f"{pd}x = pd.Index(['a', 'b'], name='i')",
            "",
            "(list(x), x.name)",
            needs="pandas",
        ),
        Kind(
            "MultiIndex",
            f"{pd}x = pd.MultiIndex.from_tuples([(1, 'a')])",
            "",
            "list(x)",
            needs="pandas",
        ),
        Kind(
            "DatetimeIndex",
            f"{pd}x = pd.date_range('2026', periods=3, freq='h')",
            "",
            "(list(x), x.freqstr)",
            needs="pandas",
        ),
        Kind("IntervalIndex", f"{pd}x = pd.interval_range(0, 3)", "", "list(x)", needs="pandas"),
        Kind("Timestamp", f"{pd}x = pd.Timestamp('2026-01-02', tz='UTC')", needs="pandas"),
        Kind("Timedelta", f"{pd}x = pd.Timedelta('1h')", needs="pandas"),
        Kind("Period", f"{pd}x = pd.Period('2026-01', 'M')", needs="pandas"),
        Kind("NaT", f"{pd}x = pd.NaT", needs="pandas"),
        Kind("NA", f"{pd}x = pd.NA", needs="pandas"),
        Kind(
            "groupby",
            f"{pd}x = pd.DataFrame({{'a': [1, 1], 'b': [2, 3]}}).groupby('a')",
            "",
            "x.sum().to_csv()",
            needs="pandas",
        ),
        Kind(
            "rolling window",
            f"{pd}x = pd.Series([1.0, 2.0]).rolling(2)",
            "",
            "x.sum().tolist()",
            needs="pandas",
        ),
        Kind(
            "Polars frame",
            "import polars as pl; x = pl.DataFrame({'a': [1, 2]})",
            "x[0, 'a'] = 9",
            "x.to_dicts()",
            needs="polars",
        ),
        Kind(
            "Polars series",
            "import polars as pl; x = pl.Series('s', [1, 2])",
            "x[0] = 9",
            "x.to_list()",
            needs="polars",
        ),
        Kind(
            "Polars lazy frame",
            "import polars as pl; x = pl.DataFrame({'a': [1]}).lazy().select(pl.col('a') + 1)",
            "",
            "x.collect().to_dicts()",
            needs="polars",
        ),
        Kind(
            "Polars expression",
            "import polars as pl; x = pl.col('a') + 1",
            "",
            "str(x)",
            needs="polars",
        ),
        Kind(
            "Arrow table",
            "import pyarrow as pa; x = pa.table({'a': [1, None]})",
            "",
            "x.to_pydict()",
            needs="pyarrow",
        ),
        Kind(
            "Arrow array",
            "import pyarrow as pa; x = pa.array(['a', None])",
            "",
            "x.to_pylist()",
            needs="pyarrow",
        ),
        Kind(
            "Arrow schema",
            "import pyarrow as pa; x = pa.schema([('a', pa.int64())])",
            "",
            "str(x)",
            needs="pyarrow",
        ),
    ]
