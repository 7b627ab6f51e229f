# %%
import functools
calls = {}
# %%
def counted(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        calls[f.__name__] = calls.get(f.__name__, 0) + 1
        return f(*args, **kwargs)
    return wrapper
# %%
@counted
def area(w, h=2):
    """The area."""
    return w * h

@counted
def volume(w, h, d=3):
    return area(w, h) * d
# %%
v = volume(2, 4)
print(v, calls)
# %%
def counter(start=0):
    n = start
    def step(by=1):
        nonlocal n
        n += by
        return n
    def peek():
        return n
    return step, peek
# %%
step, peek = counter(5)
step()
# %%
step(3)
print(peek())
# %%
def repeat(times):
    def decorate(f):
        def inner(x):
            for _ in range(times):
                x = f(x)
            return x
        return inner
    return decorate

@repeat(3)
def double(x):
    return x * 2
# %%
results = [double(i) for i in range(4)]
results
# %%
adders = [lambda x, n=n: x + n for n in range(3)]
broken = [lambda x: x + n for n in range(3)]
print([f(10) for f in adders], [f(10) for f in broken])
# %%
hooks = {"before": [], "after": [adders[1]]}
def on(event):
    def register(f):
        hooks[event].append(f)
        return f
    return register

@on("before")
def strip(text):
    return text.strip()
# %%
def run(text):
    for hook in hooks["before"]:
        text = hook(text)
    return text, len(text)

answer = run("  abc ")
answer
# %%
compose = functools.reduce(lambda f, g: lambda x: g(f(x)), [adders[1], adders[2], double])
print(compose(1))
partial = functools.partial(area, h=10)
# %%
partial.keywords["h"] = 4
print(partial(3), calls["area"])
