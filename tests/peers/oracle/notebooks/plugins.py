# %%
import functools
import importlib
import itertools
import sys
import weakref
from collections import ChainMap, deque
from pathlib import Path
from types import MappingProxyType, MethodType, SimpleNamespace


class Handler:
    handlers = []
    weight = 2

    def __init_subclass__(cls, **options):
        super().__init_subclass__()
        Handler.handlers.append(cls)

    def cost(self, text):
        return len(text) * self.weight
# %%
class Upper(Handler):
    def run(self, text):
        return text.upper()


class Loud(Upper):
    weight = 3

    def run(self, text):
        return super().run(text) + "!"
# %%
class Described:
    def __init__(self):
        self.values = weakref.WeakKeyDictionary()

    def __get__(self, of, kind=None):
        return self if of is None else self.values.get(of, 0)

    def __set__(self, of, value):
        self.values[of] = value


class Point:
    __slots__ = ("x", "__weakref__")
    score = Described()

    def __init__(self, x):
        self.x = x

    def __add__(self, other):
        made = Point(self.x + other.x)
        made.score = self.score + other.score + 1
        return made
# %%
points = [Point(n) for n in range(3)]
for n, point in enumerate(points):
    point.score = n * 2
total = functools.reduce(lambda a, b: a + b, points)
print(total.x, total.score, len(Point.score.values))
# %%
instances = {kind.__name__: kind() for kind in Handler.handlers}
texts = deque(["a", "bb", "ccc"], maxlen=4)
settings = {"limit": 3}
view = MappingProxyType(settings)
layers = ChainMap({}, settings)
print([each.run("q") for each in instances.values()])
# %%
def counted(function):
    seen = []

    @functools.wraps(function)
    def inner(*given):
        seen.append(given)
        inner.calls = len(seen)
        return function(*given)

    inner.seen = seen
    return inner


@counted
def cost(name, text):
    return instances[name].cost(text) + view["limit"]
# %%
costs = [cost(name, text) for name in instances for text in texts]
settings["limit"] += 1
print(costs, cost.calls, dict(layers))
# %%
numbers = itertools.count(10)
pairs = zip(numbers, iter(texts))
first = next(pairs)
instances["Upper"].run = MethodType(lambda self, text: text + str(self.weight), instances["Upper"])
actions = {name: each.run for name, each in instances.items()}
print(first, [action("z") for action in actions.values()])
# %%
rest = list(pairs)
texts.append("dddd")
layers["extra"] = view["limit"]
print(rest, next(numbers), list(texts), dict(layers))
# %%
state = SimpleNamespace(points=points, total=total, by=cost)
state.points.append(state.total)
late = cost("Loud", "end"), state.by.calls
print(late, [p.score for p in points], isinstance(points[-1], Point))
# %%
summary = {
    "handlers": [kind.__name__ for kind in Handler.handlers],
    "subclasses": [kind.__name__ for kind in Handler.__subclasses__()],
    "same": instances["Loud"].__class__ is Loud,
    "weights": [each.weight for each in instances.values()],
}
print(summary, actions["Upper"]("y"), cost.seen[-1])
