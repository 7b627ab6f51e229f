# %%
import functools
import weakref
from collections import defaultdict, deque
from contextlib import contextmanager, suppress
# %%
class Event:
    def __init__(self, name, **data):
        self.name = name
        self.__dict__.update(data)

    def __repr__(self):
        return f"Event({self.name})"


class Bus:
    def __init__(self, keep=3):
        self.handlers = defaultdict(list)
        self.recent = deque(maxlen=keep)

    def on(self, name):
        def register(handler):
            self.handlers[name].append(handler)
            return handler
        return register

    def emit(self, event):
        self.recent.append(event)
        for handler in self.handlers[event.name] + self.handlers["*"]:
            handler(event)
# %%
bus = Bus()
seen = []

@bus.on("*")
def everything(event):
    seen.append(event.name)
# %%
totals = {"sum": 0, "n": 0}

@bus.on("paid")
def count(event, by=1):
    totals["sum"] += event.amount * by
    totals["n"] += 1

bus.on("paid")(functools.partial(count, by=2))
# %%
for amount in (5, 7):
    bus.emit(Event("paid", amount=amount))
print(totals, list(bus.recent))
# %%
class Account:
    instances = weakref.WeakValueDictionary()

    def __init__(self, owner, bus):
        self.owner, self.bus, self.moves = owner, bus, []
        Account.instances[owner] = self
        bus.on("paid")(self.move)

    def move(self, event):
        self.moves.append(event)

    @property
    def balance(self):
        return sum(e.amount for e in self.moves)

ada = Account("ada", bus)
names = sorted(a.owner for a in Account.instances.values())
# %%
bus.emit(Event("paid", amount=11))
ada.balance, seen
# %%
@contextmanager
def quiet(bus, name):
    kept, bus.handlers[name] = bus.handlers[name], []
    try:
        yield kept
    finally:
        bus.handlers[name] = kept

with quiet(bus, "paid") as kept:
    bus.emit(Event("paid", amount=100))
# %%
@functools.singledispatch
def shown(x):
    return repr(x)

@shown.register
def _(x: Event):
    return f"<{x.name} {getattr(x, 'amount', '-')}>"

@shown.register
def _(x: Account):
    return f"{x.owner}: {x.balance}"

lines = [shown(e) for e in bus.recent] + [shown(ada), shown(3)]
# %%
with suppress(ValueError):
    bus.handlers["paid"].remove(count)
    bus.emit(Event("paid", amount=1))
    bus.handlers["paid"].remove(count)
# %%
bob = Account("bob", ada.bus)
bob.moves = ada.moves
ada.bus.emit(Event("paid", amount=2))
both = ada.balance, bob.balance, ada.moves is bob.moves
print(both, totals, len(bus.handlers["paid"]))
