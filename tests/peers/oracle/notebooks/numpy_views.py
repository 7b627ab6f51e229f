# %%
import numpy as np
# %%
a = np.arange(24)
m = a.reshape(4, 6)
# %%
row, column = m[1], m[:, 2]
block = m[1:3, 2:5]
print(block)
# %%
block[0, 0] = 99
print(a[8], m[1, 2], row[2], column[1])
# %%
copy = m.copy()
copy *= 2
even = m[::2]
flat = m.ravel()
turned = m.T
# %%
mask = m > 10
m[mask] -= 3
picked = m[mask]
# %%
np.clip(a, 0, 20, out=a)
total = a.sum()
total
# %%
parts = np.split(a, 4)
parts[0][:] = 7
heads = [p[:2] for p in parts]
# %%
rec = np.zeros(3, dtype=[("name", "U8"), ("age", "i4"), ("weight", "f8")])
rec["name"] = ["Ann", "Bob", "Cid"]
ages = rec["age"]
ages[:] = [30, 41, 52]
# %%
older = rec[rec["age"] > 35]
rec["weight"] = ages * 1.5
print(older["name"].tolist(), rec["weight"].sum())
# %%
def normalise(x, by=2):
    x -= x.mean()
    x /= by
    return x

f = np.linspace(0, 1, 5)
g = normalise(f)
print(g is f, f.round(3))
# %%
window = np.lib.stride_tricks.sliding_window_view(a, 3)
means = window.mean(axis=1).round(2)
buffer = bytearray(8)
seen = np.frombuffer(buffer, dtype=np.uint8)
# %%
buffer[2] = 5
seen[3] = 6
print(buffer, seen)
# %%
objects = np.array([[1], [2, 3], "x"], dtype=object)
objects[0].append(4)
inner = objects[1]
inner += [5]
objects
