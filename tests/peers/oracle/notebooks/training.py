# %%
import random
import statistics
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar
# %%
random.seed(5)
points = [(x / 10, 2 * x / 10 + 1 + random.gauss(0, 0.1)) for x in range(30)]
random.shuffle(points)
train, test = points[:20], points[20:]
# %%
T = TypeVar("T")

class Loss(Protocol):
    def __call__(self, a: float, b: float) -> float: ...


@dataclass(frozen=True)
class Settings:
    rate: float = 0.05
    epochs: int = 8
    notes: dict = field(default_factory=dict)


@dataclass
class History(Generic[T]):
    values: list[T] = field(default_factory=list)

    def add(self, value: T) -> T:
        self.values.append(value)
        return value
# %%
class Model:
    def __init__(self, settings):
        self.settings, self.w, self.b = settings, random.random(), 0.0
        self.callbacks = []

    def __call__(self, x):
        return self.w * x + self.b

    def step(self, x, y):
        error = self(x) - y
        self.w -= self.settings.rate * error * x
        self.b -= self.settings.rate * error
        return error ** 2

model = Model(Settings())
history: History[float] = History()
# %%
def watch(every=2):
    seen = 0
    def watcher(epoch, loss):
        nonlocal seen
        seen += 1
        if seen % every == 0:
            model.settings.notes[epoch] = round(loss, 3)
    return watcher

watcher = watch()
model.callbacks.append(watcher)
# %%
def fit(model, data, epochs):
    for epoch in range(epochs):
        random.shuffle(data)
        loss = history.add(statistics.fmean(model.step(x, y) for x, y in data))
        for callback in model.callbacks:
            callback(epoch, loss)
        yield epoch, loss

epochs = fit(model, train, model.settings.epochs)
first = next(epochs)
# %%
remaining = [loss for _, loss in epochs]
del epochs
model.w > 1
# %%
scores = [abs(model(x) - y) for x, y in test]
worst = max(zip(scores, test))
# %%
faster = replace(model.settings, rate=0.1)
other = Model(faster)
losses = [loss for _, loss in fit(other, train[:10], 3)]
faster.notes is model.settings.notes
# %%
best = min((model, other), key=lambda m: sum(abs(m(x) - y) for x, y in test))
best.name = "best"
noise = random.random()
# %%
table = {id(m) == id(best): round(m.w, 3) for m in (model, other)}
watcher(99, 1.0)
train.sort()
print(table, sorted(model.settings.notes), len(history.values), train[0], hasattr(model, "name"), noise)
