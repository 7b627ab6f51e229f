# %%
import functools
calls = {}
# %%
def counted(into):
    def decorate(f):
        @functools.wraps(f)
        def wrapper(*a):
            into[f.__name__] = into.get(f.__name__, 0) + 1
            return f(*a)
        return wrapper
    return decorate

def memo(f):
    cache = {}
    def wrapper(self, n):
        if n not in cache:
            wrapper.misses += 1
            cache[n] = f(self, n)
        return cache[n]
    wrapper.cache, wrapper.misses = cache, 0
    return wrapper
# %%
class Maths:
    @memo
    def fact(self, n):
        return 1 if n < 2 else n * self.fact(n - 1)

    @counted(calls)
    def double(self, n=2):
        return 2 * n
# %%
maths = Maths()
print(maths.fact(4), Maths.fact.misses, maths.double(3), calls)
# %%
def scheduler(limit=3):
    tasks, done = {}, []

    class Task:
        def __init__(self, name, n=1):
            self.name, self.n = name, n
            tasks[name] = self

        def tick(self):
            nonlocal done
            self.n -= 1
            if self.n < 1:
                done = [*done, tasks.pop(self.name).name][-limit:]

    class Urgent(Task):
        def tick(self):
            super().tick()
            super().tick()

    def run():
        for task in list(tasks.values()):
            task.tick()
        return done

    return Task, Urgent, run, lambda: (sorted(tasks), done)

Task, Urgent, run, look = scheduler()
# %%
a, b, c = Task("a"), Task("b", 2), Urgent("c", 4)
run()
# %%
shared = Maths.fact.cache
shared[13] = 7
print(maths.fact(13), maths.fact(6), Maths.fact.misses, maths.double())
# %%
run()
print(look(), a.n, c.n)
# %%
def observe(cls):
    changes = []
    before = cls.__setattr__
    def __setattr__(self, name, value):
        changes.append(name)
        before(self, name, value)
    cls.__setattr__ = __setattr__
    cls.forget = staticmethod(changes.clear)
    return cls, changes

class Point:
    def __init__(self, x, y=1, log=calls):
        self.x, self.y = x, y
        log["points"] = log.get("points", 0) + 1

Point, changes = observe(Point)
p = Point(1)
# %%
Task("d", 1)
p.x = 5
print(changes, calls, look())
# %%
Point.forget()
p.y = run()
print(changes, p.y, len(shared))
