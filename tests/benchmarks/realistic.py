"""Notebooks as people write them, for :mod:`tests.benchmarks.bench_notebooks`.

Each is a list of cells. The first one, of imports, stays plain; all others are steps.
"""

# ruff: noqa: E501  cells are as long as people write them
from __future__ import annotations

PANDAS = [
    "import numpy as np\nimport pandas as pd\npd.set_option('display.max_rows', 8)",
    "rng = np.random.default_rng(7)\nN = 300_000",
    """orders = pd.DataFrame({
    'customer': rng.integers(0, 20_000, N),
    'product': rng.choice(['tea', 'coffee', 'cocoa', 'water', 'juice'], N),
    'quantity': rng.integers(1, 9, N),
    'price': rng.gamma(3.0, 4.0, N).round(2),
    'day': pd.Timestamp('2023-01-01') + pd.to_timedelta(rng.integers(0, 730, N), unit='D'),
})""",
    "orders.head()",
    "orders.describe()",
    "orders.info()",
    "customers = pd.DataFrame({'customer': range(20_000), 'country': rng.choice(list('ABCDE'), 20_000)})",
    "orders['total'] = orders['quantity'] * orders['price']",
    "orders.loc[rng.random(N) < 0.01, 'price'] = np.nan",
    "orders.isna().sum()",
    "clean = orders.dropna().copy()",
    "clean['month'] = clean['day'].dt.to_period('M').astype(str)",
    "joined = clean.merge(customers, on='customer', how='left')",
    "joined.sample(5, random_state=1)",
    "by_product = joined.groupby('product')['total'].agg(['sum', 'mean', 'count'])\nby_product",
    "by_month = joined.groupby('month')['total'].sum()\nby_month.tail()",
    "table = joined.pivot_table(index='month', columns='product', values='total', aggfunc='sum')",
    "table.round(0).head()",
    "rolling = by_month.rolling(3).mean()\nrolling.tail()",
    "growth = by_month.pct_change().dropna()\nprint(f'{growth.mean():.2%} a month')",
    "top = joined.groupby('customer')['total'].sum().nlargest(20)\ntop",
    "def share(frame, column):\n    part = frame.groupby(column)['total'].sum()\n    return part / part.sum()",
    "shares = {c: share(joined, c) for c in ('product', 'country')}\nshares['country']",
    "joined['band'] = pd.cut(joined['total'], [0, 20, 60, 150, 1e9], labels=['s', 'm', 'l', 'xl'])",
    "pd.crosstab(joined['band'], joined['country'], normalize='columns').round(3)",
    "first = joined.sort_values('day').drop_duplicates('customer')\nlen(first)",
    "cohort = first.set_index('customer')['month'].rename('cohort')\njoined = joined.join(cohort, on='customer')",
    "retained = joined.groupby(['cohort', 'month'])['customer'].nunique().unstack()\nretained.iloc[:5, :5]",
    "corr = joined[['quantity', 'price', 'total']].corr()\ncorr",
    "report = by_product.assign(share=by_product['sum'] / by_product['sum'].sum())\nprint(report.to_string())",
]

NUMPY = [
    "import numpy as np\nimport math",
    "rng = np.random.default_rng(3)\nsteps, walkers = 2_000, 2_000",
    "moves = rng.normal(0, 1, (steps, walkers))\npaths = moves.cumsum(axis=0)",
    "print(paths.shape, paths.nbytes)",
    "spread = paths.std(axis=1)\nspread[::500]",
    "hits = (paths > 60).argmax(axis=0)\n(hits > 0).mean()",
    "def price(s0, k, r, sigma, t, n):\n"
    "    z = rng.standard_normal(n)\n"
    "    s = s0 * np.exp((r - sigma**2 / 2) * t + sigma * math.sqrt(t) * z)\n"
    "    return math.exp(-r * t) * np.maximum(s - k, 0).mean()",
    "prices = [price(100, k, 0.02, 0.3, 1.0, 400_000) for k in range(80, 121, 5)]\nprices",
    "a = rng.random((700, 700))\nb = a @ a.T + np.eye(700)",
    "x = np.linalg.solve(b, rng.random(700))\nnp.abs(b @ x).max()",
    "values, vectors = np.linalg.eigh(b)\nvalues[-5:]",
    "grid = np.zeros((200, 200)); grid[0] = 1.0",
    "for _ in range(2_000):\n"
    "    grid[1:-1, 1:-1] = (grid[:-2, 1:-1] + grid[2:, 1:-1] + grid[1:-1, :-2] + grid[1:-1, 2:]) / 4",
    "grid[100, ::40]",
    "signal = np.sin(np.linspace(0, 400, 1 << 18)) + rng.normal(0, 0.3, 1 << 18)",
    "spectrum = np.abs(np.fft.rfft(signal))\nspectrum.argmax()",
    "kernel = np.ones(64) / 64\nsmooth = np.convolve(signal, kernel, mode='same')\nsmooth.std()",
    "def mandel(n, limit):\n"
    "    y, x = np.mgrid[-1.3:1.3:n * 1j, -2:0.7:n * 1j]\n"
    "    c, z, count = x + 1j * y, np.zeros((n, n), complex), np.zeros((n, n), int)\n"
    "    for i in range(limit):\n"
    "        inside = np.abs(z) < 2\n        z[inside] = z[inside] ** 2 + c[inside]\n"
    "        count[inside] = i\n    return count",
    "image = mandel(300, 60)\nimage.mean()",
    "summary = {'spread': spread[-1], 'prices': np.round(prices, 2), 'peak': int(spectrum.argmax())}\nsummary",
]

TEXT = [
    "import re, json, random, string, textwrap\nfrom collections import Counter, defaultdict",
    "random.seed(5)\nWORDS = [''.join(random.choices(string.ascii_lowercase, k=random.randint(2, 9)))"
    " for _ in range(3_000)]",
    "documents = [' '.join(random.choices(WORDS, k=random.randint(50, 200))) for _ in range(2_000)]",
    "len(documents), sum(map(len, documents))",
    "token = re.compile(r'[a-z]+')\ndef tokens(text): return token.findall(text)",
    "counts = Counter()\nfor each in documents:\n    counts.update(tokens(each))",
    "counts.most_common(10)",
    "index = defaultdict(set)\nfor number, each in enumerate(documents):\n"
    "    for word in tokens(each):\n        index[word].add(number)",
    "def search(query): return set.intersection(*(index[w] for w in tokens(query)))",
    "found = search(f'{WORDS[0]} {WORDS[1]}')\nlen(found)",
    "import math\nidf = {w: math.log(len(documents) / len(where)) for w, where in index.items()}",
    "def vector(text):\n    c = Counter(tokens(text))\n    return {w: n * idf[w] for w, n in c.items()}",
    "vectors = [vector(d) for d in documents[:400]]",
    "def cosine(a, b):\n    dot = sum(v * b.get(w, 0) for w, v in a.items())\n"
    "    return dot / math.sqrt(sum(v * v for v in a.values()) * sum(v * v for v in b.values()))",
    "near = [max(range(1, 400), key=lambda j: cosine(vectors[i], vectors[j]) * (i != j)) for i in range(15)]\nnear",
    "pairs = Counter()\nfor each in documents[:600]:\n"
    "    words = tokens(each)\n    pairs.update(zip(words, words[1:]))",
    "pairs.most_common(3)",
    "records = [{'id': i, 'length': len(d), 'first': d.split()[0]} for i, d in enumerate(documents)]",
    "lines = '\\n'.join(json.dumps(r) for r in records)\nback = [json.loads(x) for x in lines.splitlines()]",
    "longest = max(back, key=lambda r: r['length'])\nprint(textwrap.shorten(documents[longest['id']], 80))",
]

OBJECTS = [
    "from dataclasses import dataclass, field\nfrom typing import Protocol\nimport itertools, functools",
    "@dataclass\nclass Item:\n    name: str\n    price: float\n    tags: list[str] = field(default_factory=list)",
    "items = [Item('tea', 3.5, ['hot']), Item('milk', 1.2), Item('cake', 4.0, ['sweet'])]",
    "items[0]",
    "class Basket:\n    def __init__(self): self.lines = []\n"
    "    def add(self, item, n=1):\n        self.lines.append((item, n))\n        return self\n"
    "    @property\n    def total(self): return sum(i.price * n for i, n in self.lines)",
    "basket = Basket().add(items[0], 2).add(items[2])",
    "basket.total",
    "class Discount(Protocol):\n    def apply(self, total: float) -> float: ...",
    "class Percent:\n    def __init__(self, p): self.p = p\n    def apply(self, total): return total * (1 - self.p / 100)",
    "class Fixed:\n    def __init__(self, off): self.off = off\n    def apply(self, total): return max(0, total - self.off)",
    "rules = [Percent(10), Fixed(1)]",
    "final = functools.reduce(lambda t, r: r.apply(t), rules, basket.total)\nfinal",
    "by_tag = {}\nfor item in items:\n    for tag in item.tags:\n        by_tag.setdefault(tag, []).append(item)",
    "sorted(by_tag)",
    "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)",
    "[fib(i) for i in range(15)]",
    "def primes():\n    found = []\n    for n in itertools.count(2):\n"
    "        if all(n % p for p in found):\n            found.append(n)\n            yield n",
    "first = list(itertools.islice(primes(), 50))\nfirst[-1]",
    "class Node:\n    def __init__(self, value, left=None, right=None):\n"
    "        self.value, self.left, self.right = value, left, right",
    "def insert(node, value):\n    if node is None:\n        return Node(value)\n"
    "    side = 'left' if value < node.value else 'right'\n"
    "    setattr(node, side, insert(getattr(node, side), value))\n    return node",
    "root = None\nfor value in (5, 2, 8, 1, 9, 3):\n    root = insert(root, value)",
    "def walk(node): return [] if node is None else walk(node.left) + [node.value] + walk(node.right)",
    "walk(root)",
    "words = 'the quick brown fox jumps over the lazy dog'.split()\nlengths = {w: len(w) for w in words}",
    "longest = max(lengths, key=lengths.get)\nprint(longest, lengths[longest])",
    "matrix = [[i * j for j in range(5)] for i in range(5)]\nmatrix",
    "transposed = [list(row) for row in zip(*matrix)]\ntransposed == matrix",
    "state = {'count': 0}\ndef bump(by=1):\n    state['count'] += by\n    return state['count']",
    "bump(), bump(3)",
    "print(f'{final:.2f}', state, len(first))",
]

PLOTS = [
    "import numpy as np\nimport matplotlib\nimport matplotlib.pyplot as plt\n%matplotlib inline",
    "rng = np.random.default_rng(1)\nx = np.linspace(0, 10, 500)",
    "noisy = np.sin(x) + rng.normal(0, 0.2, x.size)",
    "plt.plot(x, noisy)\nplt.title('noisy');",
    "fit = np.polyfit(x, noisy, 9)\nfitted = np.polyval(fit, x)",
    "fig, ax = plt.subplots()\nax.scatter(x, noisy, s=3)\nax.plot(x, fitted, color='red');",
    "residuals = noisy - fitted\nplt.hist(residuals, bins=40);",
    "fig, axes = plt.subplots(2, 2, figsize=(7, 5))\n"
    "for i, ax in enumerate(axes.flat):\n    ax.plot(x, np.sin(x * (i + 1)))\nfig.tight_layout()",
    "image = rng.random((60, 60)).cumsum(axis=0)\nplt.imshow(image); plt.colorbar();",
    "groups = [rng.normal(i, 1, 200) for i in range(5)]\nplt.boxplot(groups);",
    "plt.bar(range(5), [g.mean() for g in groups]);",
    "print(np.round(residuals.std(), 3))",
]

AGENT = [
    "import asyncio, json, os\nfrom collections import Counter\nfrom openai import AsyncOpenAI, OpenAI\n"
    "from pydantic import BaseModel\n"
    "to = {'base_url': os.environ['MODEL_SERVER'] + '/v1', 'api_key': 'none'}\n"
    "client, aclient = OpenAI(**to), AsyncOpenAI(**to)",
    "def ask(text, **more):\n"
    "    answer = client.chat.completions.create(\n"
    "        model='gpt-4o-mini', messages=[{'role': 'user', 'content': text}], **more)\n"
    "    return answer.choices[0].message.content",
    "class Note(BaseModel):\n    about: str\n    words: int",
    "topics = [f'topic {n}' for n in range(8)]\nplan = ask('plan a report on ' + ', '.join(topics))\nplan",
    "outlines = [ask(f'outline {topic}: {plan}') for topic in topics]",
    "async def read(text):\n"
    "    answer = await aclient.chat.completions.create(\n"
    "        model='gpt-4o-mini', messages=[{'role': 'user', 'content': text}])\n"
    "    return answer.choices[0].message.content\n"
    "texts = await asyncio.gather(*[read(f'write on {o}') for o in outlines])",
    "notes = [Note(about=t, words=len(x.split())) for t, x in zip(topics, texts)]",
    "counts = Counter(w for x in texts for w in x.split())\ncounts.most_common(3)",
    "messages = [{'role': 'system', 'content': 'You edit.'}]\n"
    "for text in texts[:6]:\n"
    "    messages.append({'role': 'user', 'content': text})\n"
    "    said = client.chat.completions.create(model='gpt-4o-mini', messages=messages)\n"
    "    messages.append(said.choices[0].message.model_dump(exclude_none=True))",
    "report = ''\n"
    "for part in client.chat.completions.create(\n"
    "        model='gpt-4o-mini', messages=messages, stream=True):\n"
    "    if part.choices and part.choices[0].delta.content:\n"
    "        report += part.choices[0].delta.content\n"
    "print(report)",
    "facts = json.dumps([n.model_dump() for n in notes])\nfacts[:80]",
    "title = ask('a title for ' + report)\nprint(title)",
]
"""An agent that makes 25 calls to a model; the server stands in ``MODEL_SERVER``."""

NOTEBOOKS = {
    "an agent": AGENT,
    "pandas analysis": PANDAS,
    "numpy simulation": NUMPY,
    "text processing": TEXT,
    "small cells": OBJECTS,
    "plots": PLOTS,
}
NEEDS = {"plots": "matplotlib"}
