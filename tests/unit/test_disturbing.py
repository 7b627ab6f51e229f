"""Nodes of a plan that do not run beside each other: one may change what the other reads."""

from __future__ import annotations

import pytest

from tests.unit.test_plan import plan

COUNTER = (
    "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n"
    "        return n\n    def down():\n        nonlocal n\n        n -= 1\n    return up, down"
)
ACCOUNT = "class Account:\n    def pay(self, n):\n        self.sum = n\n        return n"

ORDERED = {
    "a view": ("%%durable a\nxs = [[1]]\nrow = xs[0]", "xs[0] += [2]", "%%durable b\nn = len(row)"),
    "an element that a builtin gives": (
        "%%durable a\nxs = [[2], [1]]",
        "low = min(xs)\nlow[0] = 9",
        "%%durable b\nn = sum(map(sum, xs))",
    ),
    "functions of one closure": (
        COUNTER,
        "%%durable a\nup, down = counter()",
        "%%durable b\nx = up()",
        "%%durable c\ndown()",
    ),
    "a method that sets an attribute": (
        ACCOUNT,
        "%%durable a\nann = Account()\nboth = {'ann': ann}",
        "%%durable b\nx = ann.pay(3)",
        "%%durable c\ny = both['ann'].sum",
    ),
    "a function that changes what it is given": (
        "def grow(xs, n):\n    xs.append(n)\n    return n",
        "%%durable a\nxs = []",
        "%%durable b\nx = grow(xs, 1)",
        "%%durable c\ny = len(xs)",
    ),
    "methods one after the other": (
        ACCOUNT.replace("return n", "return self"),
        "%%durable a\nann = Account()",
        "%%durable b\nann.pay(3).pay(4)",
        "%%durable c\ny = ann.sum",
    ),
    "a class that its metaclass takes note of": (
        "class Meta(type):\n    made = []\n    def __new__(m, *a):\n"
        "        m.made.append(a[0])\n        return super().__new__(m, *a)\n"
        "class Model(metaclass=Meta): pass",
        "%%durable a\nnames = list(Meta.made)",
        "class Sub(Model): pass",
    ),
    "what a library may give back": (
        "import numpy as np",
        "%%durable a\nxs = np.zeros(3)\nsame = np.asarray(xs)",
        "%%durable b\nn = same.sum()",
        "%%durable c\nxs[0] = 5",
    ),
    "what a library's class holds": (
        "from collections import ChainMap",
        "%%durable a\nown = {}\nboth = ChainMap(own, {'n': 1})",
        "%%durable b\nn = len(both)",
        "%%durable c\nown['m'] = 5",
    ),
    "a default that grows": (
        "def fib(n, memo={0: 0, 1: 1}):\n    memo[n] = n\n    return memo[n]",
        "%%durable a\nx = fib(3)",
        "%%durable b\ny = fib(4)",
    ),
}

BESIDE = {
    "two readers": (
        "%%durable a\nxs = [1]",
        "%%durable b\nn = len(xs)",
        "%%durable c\nm = sum(xs)",
    ),
    "what a model says of the same texts": (
        "import openai\nclient = openai.OpenAI()\ndef ask(text):\n"
        "    said = client.chat.completions.create(model='m', messages=[{'content': text}])\n"
        "    return said.choices[0].message.content",
        "%%durable a\ntexts = ['x', 'y']",
        "%%durable b\nshort = [ask(f'Shorten {t}') for t in texts]\nshort.append('end')",
        "%%durable c\nlong = {t: ask(f'Explain {t}') for t in texts}\nlong['end'] = ''",
    ),
    "a copy": (
        "import copy",
        "%%durable a\nxs = [1]\nother = copy.deepcopy(xs)",
        "%%durable b\nn = len(xs)",
        "%%durable c\nother.append(2)",
    ),
}


def between(*cells: str) -> bool:
    """Whether the last of a plan's nodes comes after the one before it."""
    found = plan(*cells)
    one, other = [node.name for node in found.nodes][-2:]
    return one in found.before[other]


@pytest.mark.parametrize("how", ORDERED)
def test_what_may_be_disturbed_keeps_its_order(how: str) -> None:
    """Although no name that one changes is one that the other reads, as far as its code says."""
    assert between(*ORDERED[how])


@pytest.mark.parametrize("how", BESIDE)
def test_what_is_not_disturbed_may_run_at_once(how: str) -> None:
    """Reading the same is no reason to wait, nor is changing what was copied or made anew."""
    assert not between(*BESIDE[how])
