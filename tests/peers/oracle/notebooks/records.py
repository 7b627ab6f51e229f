# %%
import numpy as np
# %%
kind = [("name", "U8"), ("age", "i4"), ("at", [("x", "f8"), ("y", "f8")])]
people = np.zeros(4, dtype=kind)
people["name"] = ["ann", "bob", "cy", "di"]
people["age"] = [30, 40, 50, 60]
# %%
first = people[0]
ages, at = people["age"], people["at"]
old = people[people["age"] > 45]
# %%
first["age"] = 33
ages[1:] += 1
print(people["age"], old["age"], first["name"])
# %%
table = people.view(np.recarray)
row = table[1]
place = row["at"]
# %%
row.age = 7
table.name[2] = "eve"
place["x"] = 2.5
print(people.tolist(), type(table) is np.recarray)
# %%
at["y"] += 1
by_name = {str(each["name"]): each for each in people[2:]}
by_name["eve"]["age"] = 5
print(ages, table.at.y, row.age)
# %%
store = np.memmap("store.dat", dtype="i4", mode="w+", shape=(3, 4))
store[:] = np.arange(12).reshape(3, 4)
column, flat = store[:, 1], np.asarray(store).reshape(-1)
# %%
total = int(store.sum()) + int(column[0])
print(total, flat[:3], type(column).__name__)
