"""The pieces that generated notebooks are made of.

A piece needs variables of some kinds (``$a``, ``$b``, ``$c``), makes new ones (``$x``, ``$y``,
``$z``), and is filled in with numbers (``$n``) and words (``$w``). Each is a few lines as people
write them, and most are there for what they do to sharing: views, aliases, closures, nesting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """Source with holes; ``needs`` and ``makes`` are kinds of variables, in order of the holes."""

    needs: tuple[str, ...]
    makes: tuple[str, ...]
    source: str


def _read(text: str) -> list[Piece]:
    found = []
    for block in re.split(r"\n\n(?=# )", text.strip()):
        head, _, source = block.partition("\n")
        needs, _, makes = head.removeprefix("#").partition("->")
        found.append(Piece(tuple(needs.split()), tuple(makes.split()), source))
    return found


PIECES = _read("""
# -> number
$x = $n

# number -> number
$x = $a * $n + $n

# number number -> number
$x = $a + $b - $n

# number ->
$a += $n

# number ->
print("$w", $a + $n)

# number -> text
$x = f"$w {$a} " + "$w" * 2

# text -> list
$x = [len(word) + $n for word in $a.split()]

# text ->
print($a.upper(), len($a))

# -> list
$x = [$n, $n, $n]

# -> list
$x = [i * $n for i in range($n % 5 + 2)]

# list -> list
$x = $a

# list -> list
$x = $a[:]

# list -> list
$x = sorted($a, reverse=True) + [$n]

# list ->
$a.append($n)

# list ->
$a[0] = $n

# list number ->
$a.extend([$b, $n])

# list ->
$a += [$n]

# list ->
$a

# list list -> nested
$x = [$a, $b]

# list -> nested
$x = [$a] * 2

# list -> nested
$x = ($a, "$w", $n)

# nested ->
$x = $a[0]
$x.append($n)

# nested -> list
$x = $a[0]

# nested -> number
$x = sum(len(part) if isinstance(part, list) else $n for part in $a)

# list -> number
$x = sum($a) % 1000

# list ->
for $x in $a[:3]:
    print($x + $n)

# list number -> list
$x = []
for item in $a[:5]:
    if item > $n:
        $x.append(item + $b)
    else:
        $x.append($n)

# -> table
$x = {"$w": [$n], "rest": [$n, $n]}

# list -> table
$x = {"$w": $a, "rest": [$n]}

# table ->
$a["rest"].append($n)

# table -> list
$x = $a.setdefault("$w", [$n])

# table ->
$a["$w"] = [$n, $n]

# table list ->
$a["$w"] = $b

# table -> number
$x = sum(len(v) for v in $a.values()) + $n

# table ->
for $x, $y in $a.items():
    print($x, len($y) + $n)

# table -> table
$x = {k: v for k, v in $a.items()}

# table ->
print({k: sum(v) + $n for k, v in sorted($a.items())})

# -> words
$x = {"$w", "$w", "$w"}

# words ->
$a.add("$w")

# words -> number
$x = len($a) * $n

# words words ->
print(sorted($a | $b))

# -> array
$x = np.arange($n, $n + 30) * 1.5

# -> array
$x = np.full(6, $n)

# array -> array
$x = $a[1:4]

# array -> array
$x = $a[::-1]

# array -> array
$x = $a

# array -> array
$x = $a * $n + 1

# array ->
$a[0] = $n

# array ->
$a[-1] = $n

# array ->
np.clip($a, 1, $n + 1, out=$a)

# array array ->
$a[:2], $b[-1] = $b[:2], $n

# -> grid
$x = {"all": np.zeros((4, 4)) + $n}
$x["inner"], $x["edge"] = $x["all"][1:-1, 1:-1], $x["all"][0]

# grid -> matrix
$x = $a["inner"]

# grid -> array
$x = $a["edge"]

# grid ->
$a["all"][:, 0] += $n

# grid ->
print($a["inner"].sum() + $n)

# -> array
$x_bytes = bytearray(range(8))
$x = np.frombuffer($x_bytes, dtype=np.uint8)

# array ->
$a += $n

# array number ->
$a[:2] *= $b

# array -> matrix
$x = $a[:4].reshape(2, -1)

# array array ->
$x = float($a.sum() + $b.sum()) * $n
print(round($x, 2))

# -> matrix
$x = np.arange(12).reshape(3, 4) + $n

# matrix -> array
$x = $a[0]

# matrix -> matrix
$x = $a.T

# matrix ->
$a[0, 0] = $n

# matrix -> array
$x = ($a @ $a.T).ravel() % ($n + 1)

# matrix ->
$a

# array -> list
$x = [int(v) % $n for v in $a]

# array -> views
$x = {"whole": $a, "part": $a[1:3], "$w": $n}

# views ->
$a["part"][0] = $n

# views -> array
$x = $a["part"]

# -> records
$x = np.rec.array([($n, 1.5), ($n, 2.5)], dtype=[("k", "i8"), ("v", "f8")])

# records -> array
$x = np.asarray($a.v)

# records ->
$a.k[0] = $n

# -> masked
$x = np.ma.masked_greater(np.arange(6) + $n, $n + 3)

# masked -> array
$x = $a.data

# masked ->
$a[1] = np.ma.masked
print($a.sum() + $n)

# -> frame
$x = pd.DataFrame({"a": [1, 2, 3], "b": [$n, $n, $n]})

# list -> frame
$x = pd.DataFrame({"a": $a, "b": [$n] * len($a)})

# array -> frame
$x = pd.DataFrame({"a": $a, "b": $n})

# frame -> frame
$x = $a

# frame -> frame
$x = $a.copy()
$x["c"] = $x["a"] * $n

# frame -> frame
$x = $a[$a["b"] > $n]

# frame -> frame
$x = $a.assign($w=$a["a"] + $n)

# frame -> frame
$x = $a.groupby("a", as_index=False).agg(b=("b", "sum"))
$x["b"] += $n

# frame frame -> frame
$x = $a.merge($b, on="a", how="left", suffixes=("", "_$w"))[["a", "b"]].fillna($n)

# frame ->
$a["$w"] = $n

# frame ->
$a.loc[0, "b"] = $n

# frame number ->
$a["b"] = $a["b"] + $b

# frame -> series
$x = $a["b"]

# frame -> series
$x = $a.groupby("a")["b"].sum() + $n

# series -> frame
$x = $a.reset_index(drop=True).to_frame("b")
$x["a"] = range(len($x))

# series -> number
$x = int($a.sum()) + $n

# series ->
print(round(float($a.mean()), 3) if len($a) else $n)

# frame -> array
$x = $a["b"].to_numpy(copy=True)

# frame -> array
$x = np.array($a[["b"]]).ravel()

# frame ->
$a

# frame ->
print(len($a) + $n, list($a.columns))

# frame frame -> frames
$x = {"left": $a, "$w": $b}

# frames -> number
$x = sum(len(f) for f in $a.values()) * $n

# frames -> frame
$x = $a["left"]

# frames ->
$a["left"]["$w"] = $n

# frame ->
for $x, $y in $a.groupby("a"):
    print($x, $y["b"].sum() + $n)

# -> function
def $x(v):
    return v * $n + 1

# number -> function
def $x(v, by=$n):
    return v + $a * by

# function -> function
def $x(v):
    return $a(v) + $n

# function -> function
$x = $a

# function -> function
$x = lambda v: $a(v) * $n

# list -> function
def $x(v, held=$a):
    held.append(v)
    return len(held) + $n

# list -> function
def $x(v):
    $a.append(v)
    return v + $n

# number -> function
def $x(v):
    global $a
    $a = $a + $n
    return v + $a

# table -> function
def $x(v):
    $a.setdefault("calls", []).append(v)
    return len($a["calls"]) * $n

# function -> number
$x = $a($n)

# function list -> list
$x = [$a(v) for v in $b[:3]]

# function -> list
$x = list(map($a, [1, $n]))

# function -> function
def $x(v, _seen={}):
    if v not in _seen:
        _seen[v] = $a(v) + $n
    return _seen[v]

# function -> function
def $x_deco(f):
    def inner(v):
        return f(v) + $n
    return inner

@$x_deco
def $x(v):
    return $a(v)

# -> function
@functools.lru_cache(maxsize=None)
def $x(v):
    return v if v < 2 else $x(v - 1) + $x(v - 2) % $n

# -> counter list
def $x_maker(start):
    log = [start]
    def bump(v):
        log.append(v)
        return sum(log) + $n
    return bump, log

$x, $y = $x_maker($n)

# -> function function
def $x_pair(start):
    count = start
    def step(v):
        nonlocal count
        count += v * $n
        return count
    def peek(v):
        return count + v
    return step, peek

$x, $y = $x_pair($n)

# function -> hooks
$x = {"before": [$a], "$w": [lambda v: $a(v) + $n]}

# hooks ->
print([f($n) for f in $a["before"]])

# hooks function ->
$a["before"].append($b)

# hooks -> function
$x = $a["before"][0]

# counter ->
print($a($n))

# counter -> number
$x = $a($n)

# -> class
class $x:
    def __init__(self, start):
        self.items = [start]
        self.total = $n

    def add(self, v):
        self.items.append(v)
        self.total += v * $n
        return self

# class -> class
class $x($a):
    rate = $n

    def add(self, v):
        super().add(v + self.rate)
        return self

# class -> class
class $x($a):
    shared = []

    def add(self, v):
        self.shared.append(v)
        return super().add(len(self.shared) + $n)

# class -> object
$x = $a($n)

# class -> object object
$x = $a($n)
$y = $a($n)
$y.items = $x.items

# class -> nested
$x = [$a(i).items for i in range(3)]

# -> registry
class $x:
    all, made, kinds = [], $n, {"$w": [$n]}

    def __init__(self, n):
        self.n, self.items, self.total = n, [n], $n
        type(self).made += 1
        $x.all.append(self)

    def add(self, v):
        self.items.append(v + $n)
        self.total += v
        return self

# registry -> object
$x = $a($n)

# registry -> registry
class $x($a):
    made = $n

# registry -> table
$x = $a.kinds

# registry -> nested
$x = [each.items for each in $a.all]

# registry ->
print($a.made, [each.n for each in $a.all], sorted($a.kinds), $n)

# registry ->
for $x in $a.all:
    $x.n += $n

# registry ->
$a.kinds["$w"] = [$n]

# -> class
class $x:
    __slots__ = ("items", "total")

    def __init__(self, start):
        self.items, self.total = [start], $n

    def add(self, v):
        self.items = [*self.items, v]
        self.total += $n
        return self

# object -> function
$x = $a.add

# object -> holder
$x = ($a.add, $a.items, {"$w": $a})

# holder ->
$a[0]($n)

# holder -> list
$x = $a[1]

# -> objects
@dataclass(order=True)
class $x_Pair:
    a: int = $n
    rest: list = field(default_factory=list, compare=False)

    def add(self, v):
        self.rest.append(v)
        return self

$x = {"one": $x_Pair(), "two": max($x_Pair($n), $x_Pair($n))}

# object ->
$a.add($n)

# object -> object
$x = $a

# object -> list
$x = $a.items

# object -> number
$x = $a.total + $n

# object list ->
$a.items = $b

# object ->
print($a.total, $a.items[:3], $n)

# object -> function
$x = lambda v: $a.add(v).total + $n

# object object -> objects
$x = {"one": $a, "two": $b, "$w": $n}

# objects ->
$a["one"].add($n)

# objects -> object
$x = $a["two"]

# class ->
$a.rate = $n

# -> objects
@dataclass
class $x_Point:
    x: int = $n
    tags: list = field(default_factory=list)

    def add(self, v):
        self.tags.append(v)
        return self

$x = {"one": $x_Point(), "two": $x_Point($n)}

# -> agent
class $x_Agent:
    def __init__(self, model, tools):
        self.model, self.tools, self.memory = model, tools, []

    def ask(self, text):
        self.memory.append(("user", text))
        answer = self.model(text, self.memory)
        for tool in self.tools:
            answer = tool(answer)
        self.memory.append(("model", answer))
        return answer

def $x_model(text, memory):
    return len(text) * $n + len(memory)

$x = $x_Agent($x_model, [lambda v: v + $n])

# agent -> number
$x = $a.ask("$w $w")

# agent function ->
$a.tools.append($b)

# agent ->
print($a.ask("$w"), len($a.memory) + $n)

# agent -> list
$x = $a.memory

# agent -> agent
$x = copy.copy($a)
$x.model = lambda text, memory: len(memory) * $n

# agent list ->
$a.tools.append(lambda v: (($b.append(v)), v + $n)[1])

# agent ->
$a.tools[0] = functools.partial(lambda by, v: v * by, $n)

# -> generator
$x = np.random.default_rng($n)

# generator -> array
$x = $a.normal(size=5).round(3) + $n

# -> dice
$x = random.Random($n)

# dice -> list
$x = [$a.randint(0, $n) for _ in range(4)]

# dice list ->
$a.shuffle($b)
print($b[:2], $n)

# -> list
$x = [random.randint(0, $n) for _ in range(3)]

# -> array
$x = np.random.rand(4).round(3) * $n

# ->
random.seed($n)

# list -> queue
$x = collections.deque($a, maxlen=$n + 3)

# queue ->
$a.append($n)
$a.rotate(1)

# queue -> list
$x = list($a) + [$n]

# -> tally
$x = collections.Counter("$w$w")

# tally ->
$a.update(["$w", "$w"])
print($a.most_common(1), $n)

# -> tally
$x = collections.defaultdict(int, {"$w": $n})

# tally ->
$a["$w"] += $n

# tally -> number
$x = sum($a.values()) * $n

# -> list
class $x_List(list):
    label = "$w"

    def first(self):
        return self[0] + $n

$x = $x_List([$n, 2, 3])
$x.note = "$w"

# list -> list
$x = copy.deepcopy($a)

# table -> table
$x = dict($a, $w=[$n])

# list ->
try:
    print(1 // ($a[0] % 3) + $n)
except ZeroDivisionError as error:
    print("$w", error)

# list -> list
import itertools
$x = list(itertools.accumulate($a[:4])) + [$n]

# number -> number
$x = $a if $a > $n else $n

# list -> list
with contextlib.suppress(IndexError):
    $x = $a[1:]
    $x[0] += $n

# list -> number
$x = 0
while $x < $n and len($a) > $x:
    $x += 2

# list number ->
del $b

# list ->
del $a[0:1]
$a.append($n)

# frame ->
del $a

# function ->
del $a
""")

IMPORTS = """\
import collections, contextlib, copy, functools, random
from dataclasses import dataclass, field
import numpy as np
import pandas as pd

random.seed($n)
np.random.seed($n)"""
