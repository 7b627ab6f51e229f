# %%
import itertools
# %%
def squares(n):
    for i in range(n):
        yield i * i

first = list(squares(5))
first
# %%
def primes(limit=30):
    sieve = set(range(2, limit))
    while sieve:
        p = min(sieve)
        yield p
        sieve -= set(range(p, limit, p))

found = tuple(primes())
print(found[-2:])
# %%
pairs = [(a, b) for a, b in itertools.product(found[:4], repeat=2) if a < b]
sums = {a + b for a, b in pairs}
print(sorted(sums))
# %%
class Countdown:
    def __init__(self, start):
        self.start = start

    def __iter__(self):
        n = self.start
        while n:
            yield n
            n -= 1

down = Countdown(4)
# %%
both = list(zip(down, squares(10)))
down.start += 2
both
# %%
def running(values):
    total = 0
    for v in values:
        total += v
        yield total

steps = list(running(first))
print(steps, sum(x for x in steps if x > 3))
# %%
groups = {k: list(g) for k, g in itertools.groupby(sorted(steps, key=lambda v: v % 3), key=lambda v: v % 3)}
zero = groups.get(0, [])
# %%
zero.append(33)
print({k: sum(v) for k, v in groups.items()})
# %%
def averager():
    total, count, mean = 0, 0, None
    while True:
        value = yield mean
        total, count = total + value, count + 1
        mean = total / count

def averages(values):
    worker = averager()
    next(worker)
    return [round(worker.send(v), 2) for v in values]

means = averages(steps)
means
# %%
def flatten(items):
    for item in items:
        if isinstance(item, (list, tuple)):
            yield from flatten(item)
        else:
            yield item

deep = [1, [2, [3, (4, zero)]], found[:2]]
flat = list(flatten(deep))
# %%
deep[1][1].append(5)
window = list(itertools.pairwise(flat))[:3]
print(len(list(flatten(deep))), window)
