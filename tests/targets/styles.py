"""Notebooks in the styles that people write them in, each for every target of export."""

from __future__ import annotations

from tests.targets.adversarial import Case, case

STYLES: dict[str, Case] = {
    "an analyst's": case(
        "import pandas as pd\nimport numpy as np\npd.set_option('display.width', 100)",
        "df = pd.DataFrame({'g': list('aabb'), 'v': [1.0, 2.0, np.nan, 4.0]})\ndf.head()",
        "%%durable clean\ndf['v'] = df['v'].fillna(df['v'].mean())\ndf = df.assign(w=df.v * 2)",
        "%%durable stats\nby = df.groupby('g').agg({'v': 'sum', 'w': 'max'})\n"
        "by['share'] = by.v / by.v.sum()",
        "top = by.sort_values('v', ascending=False).index[0]",
        "%%durable report\ntext = '\\n'.join(f'{i}: {r.v:.1f}' for i, r in by.iterrows())",
        "print(text, top, df.shape)",
    ),
    "an agent's loop": case(
        "import json\nTOOLS = {}\ndef tool(fn):\n    TOOLS[fn.__name__] = fn\n    return fn",
        "@tool\ndef add(a, b):\n    return a + b\n@tool\ndef mul(a, b):\n    return a * b",
        "%%durable turns\nmessages = [{'role': 'user', 'content': '2 3'}]\n"
        "for name in ['add', 'mul']:\n"
        "    args = [int(x) for x in messages[0]['content'].split()]\n"
        "    messages.append({'role': 'tool', 'content': json.dumps(TOOLS[name](*args))})\n"
        "answer = messages[-1]['content']",
        "messages.append({'role': 'assistant', 'content': answer})",
        "%%durable final\ncount = len(messages)",
        "print(count, answer, sorted(TOOLS))",
    ),
    "classes that inherit": case(
        "from abc import ABC, abstractmethod\nclass Base(ABC):\n    seen = 0\n"
        "    @abstractmethod\n    def run(self): ...",
        "class Twice(Base):\n    def __init__(self, n): self.n = n\n"
        "    def run(self):\n        self.n *= 2\n        return self\n"
        "    @property\n    def value(self): return self.n\n"
        "    @classmethod\n    def of(cls, text): return cls(int(text))\n"
        "    @staticmethod\n    def zero(): return Twice(0)",
        "%%durable a\nt = Twice.of('4')",
        "%%durable b\nt.run().run()\nz = Twice.zero().value",
        "%%durable c\nv = t.value + z",
        "print(v, t.n, isinstance(t, Base))",
    ),
    "type hints and dataclasses": case(
        "from __future__ import annotations\nfrom dataclasses import dataclass, field, replace\n"
        "from typing import TypedDict, NamedTuple",
        "@dataclass(frozen=True)\nclass Doc:\n    name: str\n    tags: tuple[str, ...] = ()\n"
        "class Row(TypedDict):\n    n: int\nclass Pair(NamedTuple):\n    a: int\n    b: str",
        "def tagged(doc: Doc, tag: str) -> Doc:\n    return replace(doc, tags=(*doc.tags, tag))",
        "%%durable a\ndocs: list[Doc] = [Doc('x'), Doc('y')]\nrow: Row = {'n': 1}",
        "%%durable b\ndocs = [tagged(d, 'new') for d in docs]\npair = Pair(row['n'], 'p')",
        "print(docs, pair, row)",
    ),
    "nested functions and decorators": case(
        "import functools\ndef logged(label):\n    def wrap(fn):\n        @functools.wraps(fn)\n"
        "        def inner(*args, **kwargs):\n            calls.append(label)\n"
        "            return fn(*args, **kwargs)\n        return inner\n    return wrap\ncalls = []",
        "@logged('f')\ndef f(x, *, by=1):\n    def helper(y):\n        return y + by\n"
        "    return helper(x)",
        "%%durable a\nx = f(1, by=2)",
        "%%durable b\ny = f(x)\n@logged('g')\ndef g(n): return f(n) * k\nk = 10",
        "%%durable c\nz = g(y)",
        "print(x, y, z, calls)",
    ),
    "star imports": case(
        "from math import *\nfrom itertools import *",
        "%%durable a\nr = floor(sqrt(17))\nxs = list(accumulate([1, 2, r]))",
        "%%durable b\npairs = list(combinations(xs, 2))\ns = ceil(pi)",
        "print(r, xs, pairs, s)",
    ),
    "if __name__": case(
        "def main():\n    return 'ran'\nif __name__ == '__main__':\n    state = main()",
        "%%durable a\nx = state.upper()",
        "if __name__ == '__main__':\n    print(x, main())",
    ),
    "shell escapes": case(
        "import os\nword = 'hi'",
        "out = !echo {word} there",
        "%%durable a\nn = len(out[0])\nlines = !printf 'a\\nb'",
        "%%bash\ntrue",
        "%env LEVEL=3",
        "%%durable b\nlevel = os.environ['LEVEL'] + out[0] + ''.join(lines)",
        "print(n, level)",
    ),
    "get_ipython": case(
        "%%durable a\nx = 1", "ip = get_ipython()\nprint(x)", refused="no get_ipython"
    ),
    "get_ipython, asked for carefully": case(
        "try:\n    from google.colab import drive\n    IN_COLAB = True\n"
        "except ImportError:\n    IN_COLAB = False",
        "%%durable a\nx = 1 if not IN_COLAB else 2",
        "print(x)",
    ),
    "display and rich output": case(
        "from IPython.display import Markdown, display as show",
        "%%durable a\nx = {'a': [1, 2]}\nx;",
        "y = len(x['a'])\ny;",
        "%%durable b\nz = y + 1\nz;",
        "print(z)",
    ),
    "try and finally": case(
        "log = []",
        "%%durable a\ntry:\n    x = int('no')\nexcept ValueError as error:\n    x = -1\n"
        "    why = str(error)[:7]\nelse:\n    x = 0\nfinally:\n    log.append('a')",
        "try:\n    y = 1 / (x + 1)\nexcept ZeroDivisionError:\n    y = None\nfinally:\n"
        "    log += ['b']",
        "%%durable b\nwith open(__import__('os').devnull) as file:\n    z = (x, y, file.read())",
        "print(z, why, log)",
    ),
    "walrus and match": case(
        "%%durable a\nif (n := len('abc')) > 2:\n    size = 'big'\n"
        "xs = [m := i * n for i in range(3)]",
        "match xs:\n    case [first, *rest] if rest:\n        shape = (first, rest)\n"
        "    case {'k': v, **others}:\n        shape = v\n    case _:\n        shape = None",
        "%%durable b\nmatch shape:\n    case (int(head), [*tail]):\n"
        "        total = head + sum(tail) + m",
        "print(n, size, shape, total, m)",
    ),
    "global and nonlocal": case(
        "count = 0\nhistory = []",
        "def bump(by=1):\n    global count\n    count += by\n    def note():\n"
        "        nonlocal by\n        by += 1\n        history.append(by)\n    note()\n"
        "    return count",
        "%%durable a\nx = bump()",
        "y = bump(5)",
        "%%durable b\nz = bump() + count",
        "print(x, y, z, count, history)",
    ),
    "comprehension scopes": case(
        "i = 'outer'\nk = 3",
        "%%durable a\nsquares = {i: [j * k for j in range(i)] for i in range(3)}",
        "%%durable b\nflat = [x for row in squares.values() for x in row if x]\n"
        "fs = [lambda v, i=i: v + i for i in range(3)]\nr = [f(1) for f in fs]",
        "class Box:\n    items = [n for n in range(k)]",
        "print(i, squares, flat, r, Box.items)",
    ),
    "async all over": case(
        "import asyncio\nfrom contextlib import asynccontextmanager",
        "@asynccontextmanager\nasync def session(name):\n    opened.append(name)\n    try:\n"
        "        yield name * 2\n    finally:\n        opened.remove(name)\nopened = []",
        "async def numbers(n):\n    for i in range(n):\n        await asyncio.sleep(0)\n"
        "        yield i",
        "%%durable a\nasync with session('s') as s:\n    got = [x async for x in numbers(3)]",
        "b1, b2 = await asyncio.gather(asyncio.sleep(0, 'l'), asyncio.sleep(0, 'r'))",
        "%%durable b\nasync for x in numbers(2):\n    got.append(x)\nboth = b1 + b2 + s",
        "print(got, both, opened)",
    ),
    "parameters of all types": case(
        "n = 2\nrate: float = 0.5  # per day\nname = 'x'\nflag = False\nitems = [1, 2]\n"
        "nothing = None\n"
        "derived = n * 2",
        "%%durable a\nitems.append(n)\ntotal = sum(items) * rate",
        "name += '!'",
        "%%durable b\nlabel = f'{name}{flag}{nothing}{derived}'",
        "print(items, total, label)",
        parameters=0,
    ),
    "unpacking": case(
        "%%durable a\na, (b, *c), d = 1, (2, 3, 4), {'x': 5}\nd['y'] = c",
        "(e, f), g = divmod(7, 2), [*c, b]",
        "%%durable b\n*init, last = g\nd |= {'z': last}\na, b = b, a",
        "print(a, b, c, d, e, f, init, last)",
    ),
    "files between cells": case(
        "import csv, os, tempfile\nfrom pathlib import Path\n"
        "folder = Path(tempfile.gettempdir(), f'duranb-style-{os.getuid()}')\n"
        "folder.mkdir(exist_ok=True)\nfile = folder / 'a.csv'",
        "%%durable write\nwith file.open('w', newline='') as out:\n"
        "    w = csv.writer(out)\n    w.writerow(['n'])\n    w.writerows([[1], [2]])",
        "%%durable read\nrows = list(csv.DictReader(open(file)))",
        "%%durable more\nwith open(file, 'a') as out:\n    _ = out.write('3\\n')",
        "%%durable again\nlines = file.read_text().split()",
        "print(len(rows), lines)",
    ),
    "a database": case(
        "import sqlite3\ndb = sqlite3.connect(':memory:', check_same_thread=False)\n"
        "db.execute('create table t (n)')",
        "db.executemany('insert into t values (?)', [(1,), (2,)])",
        "total = db.execute('select sum(n) from t').fetchone()[0]",
        "%%durable a\nx = total * 2",
        "print(x)",
    ),
    "helpers defined late": case(
        "%%durable a\ndef scale(v, by=2):\n    return [x * by for x in v]\nxs = scale([1, 2])",
        "def mean(v): return sum(v) / len(v)",
        "%%durable b\nm = mean(scale(xs, by=mean([2, 4])))",
        "scale = lambda v: v[::-1]",
        "%%durable c\nr = scale(xs)",
        "print(xs, m, r)",
    ),
    "loops over cells' names": case(
        "results = {}",
        "%%durable one\nfor key in ('a', 'b'):\n    results[key] = len(results)",
        "for key, value in results.items():\n    last = (key, value)",
        "%%durable two\nwhile len(results) < 5:\n    results[len(results)] = key\nelse:\n"
        "    done = True",
        "del results['a']\nprint(results, last, done)",
    ),
    "strings and unicode": case(
        "text = '''line one\n  % not a magic\n! nor a command'''\nπ = 3.14",
        "%%durable größe\nänderung = f\"{π:>6}|{text.splitlines()[1]!r}\"\nraw = r'\\d+' '\\t'",
        'doc = """a\n    b"""',
        "%%durable b\njoined = änderung + doc + raw  # näher",
        "print(joined)",
    ),
    "a cached function": case(
        "import functools\n@functools.lru_cache\ndef slow(n): return n * n",
        "%%durable a\nx = slow(3) + slow(3)",
        "%%durable b\ny = slow(4) + x",
        "print(x, y)",
    ),
}
