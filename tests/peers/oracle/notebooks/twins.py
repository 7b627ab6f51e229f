# %%
from collections import namedtuple
from dataclasses import dataclass, field
import itertools


def register(name):
    class Registry:
        entries = []

        def add(self, entry):
            self.entries.append((name, entry))
            return len(self.entries)

    return Registry
# %%
Users, Orders = register("users"), register("orders")
users, orders = Users(), Orders()
users.add("ann")
# %%
Row = namedtuple("Row", "key value")
Pair = namedtuple("Row", "key value")
row, pair = Row(1, "a"), Pair(1, "a")
print(type(row) is type(pair), row == pair)
# %%
orders.add("tea")
users.add("bob")
print(Users.entries, Orders.entries, Users is Orders)
# %%
kinds = {name: register("same") for name in "xy"}
made = {name: kind() for name, kind in kinds.items()}
made["x"].add(1)
print({name: kind.entries for name, kind in kinds.items()})
# %%
made["y"].add(2)
counts = {name: len(kind.entries) for name, kind in kinds.items()}
print(counts, isinstance(made["x"], kinds["y"]), isinstance(made["x"], kinds["x"]))
# %%
shapes = [register("shape")() for _ in range(3)]
shapes[0].add("circle")
shapes[2].add("square")
print([shape.entries for shape in shapes])
# %%
both = [Row(2, "b"), Pair(2, "b"), type(row)(3, "c")]
print([type(each) is Row for each in both], [isinstance(each, Pair) for each in both])
# %%
again = users.add("eve"), orders.add("milk")
print(again, len({id(type(each)) for each in (users, orders, *shapes)}))
