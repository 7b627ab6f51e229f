"""Notebooks whose state goes ways that their code hardly shows, each for every target of export.

The last cell prints what there is in the end. ``refused`` is part of the message of an export that
is refused, ``loud`` of that of a run that fails by naming the value, ``apart`` of one where each
node may run in another process; all others print what the notebook prints. ``helper`` is the text
of a module ``helper_of_notebook.py`` beside it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """The cells of a notebook; ``parameters`` is the index of the tagged one."""

    cells: tuple[str, ...]
    parameters: int = -1
    refused: str = ""
    loud: str = ""
    apart: str = ""
    helper: str = ""


def case(
    *cells: str,
    parameters: int = -1,
    refused: str = "",
    loud: str = "",
    apart: str = "",
    helper: str = "",
) -> Case:
    """A notebook of these cells, each text with its first line ``%%durable NAME`` if durable."""
    return Case(cells, parameters, refused, loud, apart, helper)


CASES: dict[str, Case] = {
    # -- changes in place ----------------------------------------------------------------------
    "alias in the cell": case(
        "%%durable a\nxs = [1]",
        "%%durable b\nys = xs\nys.append(2)\nn = len(ys)",
        "print(xs, n)",
    ),
    "alias between steps": case(
        "%%durable a\nxs = [[1], [2]]",
        "%%durable b\nrow = xs[0]",
        "%%durable c\nrow.append(9)\nn = len(row)",
        "%%durable d\nm = len(xs)",
        "print(xs, row, row is xs[0], n, m)",
    ),
    "alias between steps, in order": case(
        "%%durable a\nxs = [[1], [2]]\nrow = xs[0]",
        "%%durable b\nrow.append(9)",
        "%%durable c\nn = (len(row), xs)",
        "print(xs, row, n)",
    ),
    "loop variable": case(
        "%%durable a\nrows = [{'n': 1}, {'n': 2}]",
        "%%durable b\nfor row in rows:\n    row['n'] *= 10\nn = 0",
        "print(rows, n)",
    ),
    "method of the notebook's own": case(
        "class Bag:\n    def __init__(self): self.xs = []\n"
        "    def take(self, x): self.xs.append(x)",
        "%%durable a\nbag = Bag()",
        "%%durable b\nbag.take(1)\nn = 1",
        "%%durable c\nbag.take(2)\nm = len(bag.xs)",
        "print(bag.xs, n, m)",
    ),
    "a helper changes its argument": case(
        "def grow(xs):\n    getattr(xs, 'app' + 'end')(5)",
        "%%durable a\nxs = [1]",
        "%%durable b\ngrow(xs)\nn = 0",
        "%%durable c\nm = sum(xs)",
        "print(xs, n, m)",
    ),
    "a helper that gives something changes its argument": case(
        "def grow(xs):\n    getattr(xs, 'app' + 'end')(5)\n    return 1",
        "%%durable a\nxs = [1]",
        "%%durable b\nn = grow(xs)",
        "%%durable c\nm = sum(xs)",
        "print(xs, n, m)",
        loud="xs was changed in place",
    ),
    "a helper changes its argument, in order": case(
        "def grow(xs):\n    getattr(xs, 'app' + 'end')(5)\n    return len(xs)",
        "%%durable a\nxs = [1]",
        "%%durable b\nn = grow(xs)",
        "%%durable c\nm = sum(xs) + n",
        "print(xs, n, m)",
    ),
    "a closure": case(
        "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n"
        "        return n\n    return up",
        "%%durable a\nup = counter()\nfirst = up()",
        "%%durable b\nsecond = up()",
        "third = up()\nprint(first, second, third)",
    ),
    "a lambda over a list": case(
        "%%durable a\nxs = []\nput = lambda x: xs.append(x)",
        "%%durable b\nput(1)\nput(2)\nn = len(xs)",
        "print(xs, n)",
    ),
    "a global in place": case(
        "log = []\ndef note(x):\n    log.append(x)\n    return x",
        "%%durable a\nx = note(1)",
        "%%durable b\ny = note(x + 1)",
        "print(log, x, y)",
    ),
    "a global rebound": case(
        "total = 0\ndef add(n):\n    global total\n    total += n\n    return total",
        "%%durable a\nx = add(2)",
        "%%durable b\ny = add(3)",
        "print(total, x, y)",
    ),
    "a global that a function makes": case(
        "def make():\n    global fresh\n    fresh = [1]",
        "%%durable a\nmake()\nn = 1",
        "%%durable b\nm = n + 1",
        "print(n, m)",
    ),
    "a dict of lists": case(
        "%%durable a\nd = {'a': []}\ne = {'b': d['a']}",
        "%%durable b\nd['a'].append(1)\nd['c'] = e",
        "print(d['a'], e, d['c'] is e)",
    ),
    "del of an element": case(
        "%%durable a\nxs = [1, 2, 3]",
        "%%durable b\ndel xs[0]\nn = xs.pop()",
        "print(xs, n)",
    ),
    "augmented": case(
        "%%durable a\nxs = [1]\nys = xs",
        "%%durable b\nxs += [2]",
        "print(xs, ys, xs is ys)",
    ),
    "a deque and a set": case(
        "from collections import deque",
        "%%durable a\nq = deque([1], maxlen=2)\ns = {1}",
        "%%durable b\nq.append(2)\nq.append(3)\ns |= {2}\nn = 1",
        "print(q, s, n)",
    ),
    "a dataclass": case(
        "from dataclasses import dataclass, field\n@dataclass\nclass Order:\n"
        "    items: list = field(default_factory=list)\n    paid: bool = False",
        "%%durable a\norder = Order()",
        "%%durable b\norder.items.append('tea')\norder.paid = True\nn = 1",
        "print(order, n)",
    ),
    "numpy in place": case(
        "import numpy as np",
        "%%durable a\ngrid = np.zeros((2, 2))\nrow = grid[0]",
        "%%durable b\nrow += 1\nn = float(row.sum())",
        "print(grid.tolist(), row.tolist(), n)",
    ),
    "a frame in place": case(
        "import pandas as pd",
        "%%durable a\ndf = pd.DataFrame({'x': [1, 2]})",
        "%%durable b\ndf['y'] = df.x * 2\nn = len(df.columns)",
        "%%durable c\ndf.loc[0, 'x'] = 9\nm = int(df.x.sum())",
        "print(df.to_dict('list'), n, m)",
    ),
    "a cell changes what a step made": case(
        "%%durable a\nxs = [1]",
        "xs.append(2)",
        "%%durable b\nn = len(xs)",
        "xs.append(3)",
        "%%durable c\nm = len(xs)",
        "print(xs, n, m)",
    ),
    "values of a dict": case(
        "%%durable a\nd = {'a': [], 'b': []}",
        "%%durable b\nfor v in d.values():\n    v.append(1)\nn = 1",
        "%%durable c\nm = sum(map(len, d.values()))",
        "print(d, n, m)",
    ),
    "functions of a library": case(
        "import heapq, operator",
        "%%durable a\nheap = [3, 5]\nd = {}",
        "%%durable b\nheapq.heappush(heap, 1)\noperator.setitem(d, 'k', 1)\nlist.append(heap, 9)",
        "%%durable c\nm = (heap[0], len(d))",
        "print(heap, d, m)",
    ),
    "a read that adds": case(
        "from collections import defaultdict",
        "%%durable a\ndd = defaultdict(list)",
        "%%durable b\nn = len(dd['missing'])",
        "%%durable c\nm = len(dd)",
        "print(dict(dd), n, m)",
        loud="dd was changed in place",
    ),
    "parts of a match": case(
        "%%durable a\nrows = [[1], [2]]",
        "%%durable b\nmatch rows:\n    case [first, *rest]:\n        first.append(9)\nn = 1",
        "%%durable c\nm = sum(map(sum, rows))",
        "print(rows, n, m)",
        loud="rows was changed in place",
    ),
    "a method that is kept": case(
        "%%durable a\nxs = []\nput = xs.append",
        "%%durable b\nput(1)\nn = 1",
        "%%durable c\nput(2)\nm = len(xs)",
        "print(xs, n, m)",
    ),
    "an iterator": case(
        "%%durable a\nit = iter([1, 2, 3, 4])",
        "%%durable b\nx = next(it)",
        "%%durable c\ny = next(it)",
        "print(x, y, list(it))",
    ),
    # -- state of definitions ------------------------------------------------------------------
    "a class attribute": case(
        "class Config:\n    items = []",
        "%%durable a\nConfig.items.append(1)\nx = 1",
        "%%durable b\nConfig.items.append(2)\ny = len(Config.items)",
        "print(Config.items, x, y)",
        apart="Config in place",
    ),
    "an attribute that a method of the class sets": case(
        "class Tally:\n    total = 0\n    @classmethod\n    def add(cls, n):\n"
        "        cls.total += n\n        return cls.total",
        "%%durable a\nx = Tally.add(2)",
        "%%durable b\ny = Tally.add(3)",
        "print(Tally.total, x, y)",
        apart="Tally in place",
    ),
    "a default that grows": case(
        "def remember(x, seen=[]):\n    seen.append(x)\n    return len(seen)",
        "%%durable a\nx = remember(1)",
        "%%durable b\ny = remember(x + 1)",
        "print(x, y)",
        apart="remember in place",
    ),
    "an attribute of a function": case(
        "def f():\n    f.calls += 1\n    return f.calls\nf.calls = 0",
        "%%durable a\nx = f()",
        "%%durable b\ny = f()",
        "print(x, y, f())",
        apart="f in place",
    ),
    "what a cache keeps": case(
        "import functools\n@functools.lru_cache\ndef load():\n    return [1]",
        "%%durable a\nload().append(2)\nn = len(load())",
        "%%durable b\nm = len(load()) + n",
        "print(n, m)",
        refused="cell 2 .* changes in place what load gives and its cache keeps: code cell 3",
    ),
    "what a cache keeps, under other names": case(
        "from functools import cache\n@cache\ndef load(k): return {k: [{'n': 1}]}\n"
        "def mark():\n    for row in load('x')['x']:\n        row['n'] = 2",
        "%%durable a\nrows = load('x')\nn = len(rows)",
        "%%durable b\nmark()\nm = n",
        "print(n, m)",
        refused="cell 3 .* changes in place what load gives",
    ),
    "what a cache keeps, and a copy of it": case(
        "from functools import lru_cache\n@lru_cache(maxsize=None)\n"
        "def load(k): return {k: [1], 'n': 1}",
        "%%durable a\nown = load('x').copy()\nown['y'] = 2\nn = load('x')['n']\nn += 1",
        "%%durable b\nrows = load('x')['x'][:]\nrows.append(n)",
        "print(own, n, rows)",
    ),
    "a class with a deque and an object": case(
        "from collections import deque\nclass Sum:\n    n = 0\nclass Log:\n"
        "    items = deque()\n    sum = Sum()\n    def add(self, n):\n"
        "        self.items.append(n)\n        self.sum.n += n\n        return self.sum.n",
        "%%durable a\nx = Log().add(2)",
        "%%durable b\ny = Log().add(x)",
        "print(x, y, list(Log.items), Log.sum.n)",
        apart="Log in place",
    ),
    "a class that counts": case(
        "import itertools\nclass Job:\n    ids = itertools.count(1)\n"
        "    def __init__(self): self.id = next(Job.ids)",
        "%%durable a\njob = Job()\nx = job.id",
        "%%durable b\ny = (x, Job().id)",
        "print(job.id, y, Job().id)",
        apart="Job in place",
    ),
    "a default that counts": case(
        "from collections import Counter\ndef tally(w, seen=Counter()):\n    seen[w] += 1\n"
        "    return dict(seen)",
        "%%durable a\nx = tally('a')",
        "%%durable b\ny = tally('b' if x else 'c')",
        "print(x, y)",
        apart="tally in place",
    ),
    "variables that share a list": case(
        "log = []\nclass Agent:\n    def __init__(self, log): self.log = log\n"
        "    def say(self, x):\n        self.log.append(x)\n        return len(self.log)\n"
        "one, other = Agent(log), Agent(log)",
        "%%durable a\nx = one.say('one')",
        "%%durable b\ny = other.say('two')",
        "print(x, y, log, one.log is other.log)",
        apart="in place",
    ),
    "a generator of the module": case(
        "gen = (n for n in range(10))",
        "%%durable a\nx = next(gen)",
        "%%durable b\ny = next(gen) + x",
        "print(x, y)",
        apart="gen in place",
    ),
    "a property that changes a global": case(
        "log = []\nclass Box:\n    @property\n    def v(self): return 1\n"
        "    @v.setter\n    def v(self, x): log.append(x)",
        "%%durable a\nbox = Box()",
        "%%durable b\nbox.v = 5\nn = 1",
        "%%durable c\nm = len(log)",
        "print(log, n, m)",
        loud="log was changed in place",
    ),
    "a tool that is made later": case(
        "TOOLS = {}\ndef tool(fn):\n    TOOLS[fn.__name__] = fn\n    return fn\n"
        "@tool\ndef one(): return 1",
        "%%durable a\nx = sorted(TOOLS)",
        "@tool\ndef two(): return 2",
        "%%durable b\ny = sorted(TOOLS)",
        "print(x, y)",
    ),
    "a function that chooses by type": case(
        "import functools\n@functools.singledispatch\ndef show(x): return 'any'",
        "%%durable a\nx = show(1)",
        "@show.register\ndef show_int(x: int): return 'int'",
        "%%durable b\ny = show(1)",
        "print(x, y, show('s'))",
        apart="show in place",
    ),
    # -- random state --------------------------------------------------------------------------
    "seeded numbers": case(
        "import random\nrandom.seed(7)",
        "%%durable a\nx = random.random()",
        "y = random.random()",
        "%%durable b\nz = random.random()",
        "print(x, y, z, random.random())",
    ),
    "seeded inside of a step": case(
        "import random",
        "%%durable a\nrandom.seed(3)\nx = random.random()",
        "%%durable b\ny = random.random()",
        "print(x, y, random.random())",
    ),
    "numpy's generator": case(
        "import numpy as np\nnp.random.seed(1)\nrng = np.random.default_rng(5)",
        "%%durable a\nx = float(np.random.rand())",
        "%%durable b\ny = float(rng.random())",
        "%%durable c\nz = float(rng.random())",
        "print(x, y, z, float(rng.random()), float(np.random.rand()))",
    ),
    "a generator of one's own": case(
        "import random\nrng = random.Random(4)",
        "%%durable a\nx = rng.random()",
        "%%durable b\ny = rng.choice([1, 2, 3, 4, 5])",
        "print(x, y, rng.random())",
    ),
    # -- names ---------------------------------------------------------------------------------
    "redefined data": case(
        "%%durable a\nx = 1",
        "%%durable b\ny = x + 1",
        "x = 10",
        "%%durable c\nz = x + 1",
        "print(x, y, z)",
    ),
    "redefined functions": case(
        "def f(x): return x + 1",
        "%%durable a\na_ = f(1)",
        "def f(x): return x * 100",
        "%%durable b\nb_ = f(a_)",
        "print(a_, b_, f(1))",
    ),
    "a variable that functions read": case(
        "k = 1\ndef f(x): return x + k",
        "%%durable a\nx = f(1)",
        "k = 100",
        "%%durable b\ny = f(1)",
        "print(k, x, y)",
    ),
    "main and run": case(
        "def main(x): return x + 1\nrun = 5",
        "%%durable main\nresult = main(run)",
        "%%durable run\nflow = result + run",
        "print(main(1), run, result, flow)",
    ),
    "a builtin's name": case(
        "%%durable a\nlist = [1, 2]\nid = 7",
        "%%durable sum\nlen_ = len(list) + id",
        "print(list, id, len_)",
    ),
    "perhaps assigned": case(
        "x = 0",
        "%%durable a\nif x:\n    y = 1\nx = x + 1",
        "y = 5",
        "%%durable b\nif x > 10:\n    y = 2\nz = y",
        "print(x, y, z)",
    ),
    "deleted": case(
        "%%durable a\ntmp = 1\nx = tmp + 1\ndel tmp",
        "%%durable b\ntmp = 5\ny = x + tmp",
        "print(x, y, tmp)",
    ),
    "step without an output": case(
        "%%durable a\nprint('once')",
        "%%durable b\nx = 1",
        "print(x)",
    ),
    # -- values that hold functions ------------------------------------------------------------
    "methods read a variable that is bound anew": case(
        "k = 1\nclass Sim:\n    def draw(self): return k\n    def __len__(self): return k\n"
        "early = Sim()",
        "%%durable a\nsim = Sim()\nx = sim.draw() + early.draw()",
        "k = 100",
        "%%durable b\nk = k + 1\ny = [sim.draw(), len(early)]",
        "k = 7\nz = [s.draw() for s in (sim, early)]",
        "print(x, y, z, k, sim.draw())",
    ),
    "a method binds a global anew": case(
        "total = 0\nclass Tally:\n    def up(self):\n        global total\n"
        "        total += 1\n        return total",
        "%%durable a\ntally = Tally()\nx = tally.up()",
        "%%durable b\ny = x + total",
        "%%durable c\nz = tally.up() + y",
        "print(total, x, y, z)",
    ),
    "functions in containers": case(
        "import functools\nk = 1\ndef f(x): return x + k\n"
        "table = {'f': f, 'g': functools.partial(f, 1)}\ndef make():\n    return lambda: k",
        "%%durable a\nlate = {}\nlate['l'] = lambda x: x * k\nm = make()\n"
        "x = [table['f'](1), late['l'](2), m()]",
        "k = 50",
        "%%durable b\ny = [table['g'](), late['l'](2), m()]",
        "print(x, y, late['l'](3))",
    ),
    "a generator reads late": case(
        "k = 2",
        "%%durable a\nxs = [1, 2]",
        "gen = (x * k for x in xs)",
        "k = 100",
        "print(list(gen))",
        apart="gen",
    ),
    # -- names that come and go ----------------------------------------------------------------
    "a global that only a function binds": case(
        "def setup(n):\n    global made\n    made = [n]",
        "%%durable a\nsetup(3)\nx = made[0]",
        "%%durable b\nmade.append(x)\ny = len(made)",
        "print(made, x, y)",
    ),
    "perhaps without a value": case(
        "%%durable a\nok = False\nif ok:\n    grade = 'good'\nfor last in []:\n    pass",
        "%%durable b\ntext = grade if ok else 'none'",
        "try:\n    print(last)\nexcept NameError:\n    print('no last')",
        "print(ok, text)",
    ),
    "a variable of the module deleted": case(
        "tmp = [1, 2]\nkeep = tmp",
        "%%durable a\nx = len(tmp)\ndel tmp",
        "%%durable b\ntmp = 'again'\ny = tmp",
        "print(x, y, tmp, keep)",
    ),
    "read after it was deleted": case(
        "tmp = 1",
        "%%durable a\nx = tmp\ndel tmp",
        "try:\n    tmp\nexcept NameError:\n    x = -1",
        "print(x)",
        refused="reads 'tmp', which code cell 2 .* has deleted",
    ),
    "deleted on some ways": case(
        "%%durable a\nx = 1\nflag = True",
        "%%durable b\nif flag:\n    del x\ny = 2",
        "%%durable c\nz = x + 1",
        "print(y, z)",
        loud="name 'x' is not defined",
    ),
    "deleted on some ways, and not on this one": case(
        "%%durable a\nx = [1]\nflag = False",
        "%%durable b\nx.append(2)\nfor _ in range(2):\n    if flag:\n        del x\ny = 2",
        "%%durable c\nz = x + [y]",
        "print(x, y, z)",
    ),
    # -- functions that others find ------------------------------------------------------------
    "a table that a decorator fills, asked by a function": case(
        "TABLE = {}\nk = 1\ndef reg(fn):\n    TABLE[fn.__name__] = fn\n    return fn\n"
        "def call(name, *args): return TABLE[name](*args)",
        "@reg\ndef f(x): return x + k",
        "%%durable a\nx = call('f', 1)",
        "k = 100",
        "%%durable b\ny = call('f', 1)",
        "%%durable c\nk = 7\nz = call('f', 1)",
        "print(x, y, z, call('f', 0))",
    ),
    "a table in an object, filled by its method": case(
        "class Table:\n    def __init__(self): self.all = {}\n    def add(self, fn):\n"
        "        self.all[fn.__name__] = fn\n        return fn\n"
        "    def call(self, name, *args): return self.all[name](*args)\ntable = Table()\nk = 1",
        "@table.add\ndef f(x): return x + k",
        "%%durable a\nx = table.call('f', 1)",
        "k = 100",
        "%%durable b\ny = table.call('f', 1)",
        "print(x, y)",
    ),
    "a table that a decorator fills after the first step": case(
        "TABLE = {}\nk = 1\ndef reg(fn):\n    TABLE[fn.__name__] = fn\n    return fn",
        "%%durable a\nx = k",
        "@reg\ndef f(x): return x + k",
        "%%durable b\ny = TABLE['f'](1)",
        "k = 100",
        "%%durable c\nz = TABLE['f'](1)",
        "print(x, y, z)",
    ),
    "names by their text": case(
        "k = 1\ndef get(name): return globals()[name]\ndef worked_out(text): return eval(text)",
        "%%durable a\nx = (get('k'), worked_out('k + 1'))\nm = [5]",
        "k = 100",
        "%%durable b\ny = (get('k'), worked_out('k + m[0]'))",
        "print(x, y)",
    ),
    "names bound by their text": case(
        "k = 1\ndef put(name, value): globals()[name] = value",
        "%%durable a\nput('k', 3)\nx = 1",
        "print(x, k)",
        refused=r"globals\(\) in a function can give any variable",
    ),
    "code run by a function": case(
        "def run_code(text): exec(text, globals())",
        "%%durable a\nrun_code('made = 3')\nx = 1",
        "print(x)",
        refused="exec in a function can give any variable",
    ),
    "code with a global, run by a function": case(
        "k = 1\ndef put(n): exec(f'global k; k = {n}')",
        "%%durable a\nput(5)\nx = k",
        "print(x, k)",
        refused="exec in a function can give any variable",
    ),
    "code with names of its own, run by a function": case(
        "k = 1\ndef put(): exec('k = 5')",
        "%%durable a\nput()\nx = k",
        "print(x, k)",
    ),
    "code run in a namespace of its own": case(
        "def run_code(text, **given):\n    space = dict(given)\n    exec(text, space)\n"
        "    return eval('made', space)",
        "%%durable a\nx = run_code('made = n + 3', n=1)",
        "print(x)",
    ),
    "a variable that functions read, made late": case(
        "import duranb\ndef big(r): return r > LIMIT\nfns = {}\n"
        "for name in ('a',):\n    def op(x): return x * LIMIT\n    fns[name] = op",
        "%%durable a\nrows = [3, 4]",
        "LIMIT = 3",
        "%%durable b\nk = [r for r in rows if big(r)] + [fns['a'](1)]",
        "LIMIT += 5",
        "print(k, big(4))",
    ),
    "commands": case(
        "name, n = 'x', 2",
        "%%durable a\nhome = !echo ${HOME} $name\nin_quotes = !echo $name '$name' {n + 1:02d}",
        "missing = !cat /no/such/file; echo $UNKNOWN_NAME-$name",
        "print(home[0].endswith('x'), in_quotes, len(missing), missing[-1])\n"
        "print(in_quotes.s, home.n == home[0])",
    ),
    # -- what is printed and drawn -------------------------------------------------------------
    "captured": case(
        "%%durable a\nx = 1",
        '%%capture shown\ndef f():\n    """Of two\n    lines."""\n    return x\n'
        "print('hidden', x)\ny = f() + 1\ny",
        "%%capture\nprint('never')",
        "%%durable b\nz = (shown.stdout, y)",
        "%%timeit -n 1 -r 1\nx = 5",
        "print(x, z)",
    ),
    "a figure that stays open": case(
        "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt",
        "%%durable a\nplt.plot([1, 2])\nn = 1",
        "%%durable b\nplt.title('t')\nm = len(plt.gca().lines)",
        "print(n, m)",
        refused="draws on the figure that code cell 2 .* has left to pyplot",
    ),
    # -- beside variables ----------------------------------------------------------------------
    "variables of a module of the project": case(
        "import helper_of_notebook as helper",
        "%%durable a\nx = helper.add('a')",
        "%%durable b\ny = helper.add('b')",
        "%%durable c\nz = helper.Counter.up() + helper.Counter.up()",
        "print(x, y, z, helper.ITEMS, helper.COUNT, helper.Counter.n)",
        helper="ITEMS = []\nCOUNT = 0\ndef add(x):\n    global COUNT\n    COUNT += 1\n"
        "    ITEMS.append(x)\n    return len(ITEMS)\nclass Counter:\n    n = 0\n"
        "    @classmethod\n    def up(cls):\n        cls.n += 1\n        return cls.n\n",
        apart="helper_of_notebook.",
    ),
    "settings of the process": case(
        "import decimal, os\ndef mode(v):\n    os.environ['DURANB_TEST_MODE'] = v",
        "%%durable a\nmode('one')\nx = decimal.Decimal(1) / 3",
        "decimal.getcontext().prec = 9",
        "%%durable b\ny = decimal.Decimal(1) / 3\nm = os.environ.get('DURANB_TEST_MODE')",
        "mode('two')\ndecimal.getcontext().prec = 28",
        "print(x, y, m, os.environ['DURANB_TEST_MODE'])",
    ),
    "options of libraries": case(
        "import numpy as np, pandas as pd",
        "%%durable a\npd.set_option('display.precision', 2)\nx = [1]",
        "%%durable b\ny = str(pd.Series(x) / 3)",
        "np.set_printoptions(precision=3)",
        "%%durable c\nz = str(np.array(x) / 3)",
        "%%durable d\nw = str(pd.Series(x) / 7)",
        "print(repr([y, z, w]))",
    ),
    "a context variable": case(
        "import contextvars\nlevel = contextvars.ContextVar('level', default=1)",
        "%%durable a\nx = level.get()",
        "_ = level.set(5)",
        "%%durable b\ny = level.get()",
        "print(x, y, level.get())",
        apart="level in place",
    ),
    # -- the rest ------------------------------------------------------------------------------
    "await": case(
        "import asyncio\nasync def later(x):\n    await asyncio.sleep(0)\n    return x",
        "%%durable a\nx = await later([1])",
        "y = await later(2)",
        "%%durable b\nz = [await later(i) for i in range(3)]\nx.append(z)",
        "print(x, y, z)",
    ),
    "magics": case(
        "%load_ext duranb\n%matplotlib inline",
        "import os\n%env MODE=fast",
        "%%durable a\nmode = os.environ['MODE']",
        "files = !echo one; echo two",
        "%%durable b\nn = len(files)",
        "print(mode, files, n)",
    ),
    "a magic without a counterpart": case(
        "%%durable a\nx = 1", "%%ruby\nputs 1", "print(x)", refused="%%ruby has no counterpart"
    ),
    "a verb that changes the history": case(
        "%%durable a\nx = 1", "%duranb rewind a --yes", refused="%duranb rewind changes"
    ),
    "verbs that only look": case(
        "%%durable a\nx = 1", "%duranb compensate a --dry-run\n%duranb log", "print(x)"
    ),
    "parameters": case(
        "limit: int = 3  # how many\nname = 'n'",
        "twice = limit * 2",
        "def title(): return f'{name}:{limit}'",
        "%%durable a\nxs = [title()] * twice",
        "limit += 1",
        "%%durable b\nn = (len(xs), limit, title())",
        "print(xs, n)",
        parameters=0,
    ),
    "tools and effects": case(
        "import duranb\nsent = []\n@duranb.tool(idempotent=True)\n"
        "def send(text: str) -> str:\n    '''Send.'''\n    return text.upper()",
        "%%durable a\nx = send('a')",
        "%%durable b\ny = duranb.call(send, 'b', idempotent=True)",
        "print(x, y)",
    ),
    "questions": case(
        "import duranb",
        "%%durable a\nx = [1]",
        "%%durable gate\nanswer = duranb.ask('Go?', default='yes')\nx.append(answer)",
        "print(x, answer)",
    ),
    "a map": case(
        "import duranb\nasync def double(x): return x * 2",
        "%%durable a\nresults = list(await duranb.map(double, [1, 2, 3]))",
        "%%durable b\nresults.append(sum(results))",
        "print(results)",
    ),
    "an unstorable value between steps": case(
        "%%durable a\nnumbers = (n for n in [1, 2, 3])\nx = 1",
        "%%durable b\ny = next(numbers)",
        "print(x, y)",
        loud="numbers",
    ),
    "an unstorable value of the module": case(
        "import threading\nlock = threading.Lock()",
        "%%durable a\nwith lock:\n    x = 1",
        "%%durable b\nwith lock:\n    y = x + 1",
        "print(x, y)",
    ),
}
