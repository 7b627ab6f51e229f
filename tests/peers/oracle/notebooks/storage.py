# %%
import csv
import io
import json
import sqlite3
from pathlib import Path
from string import Template
# %%
rows = [{"name": n, "price": p, "tags": t} for n, p, t in [("tea", 3.5, ["hot"]), ("ice", 1.0, ["cold", "sweet"]), ("pie", 4.25, ["sweet"])]]
# %%
out = io.StringIO()
writer = csv.DictWriter(out, ["name", "price"], extrasaction="ignore")
writer.writeheader()
writer.writerows(rows)
text = out.getvalue()
del writer
# %%
read = list(csv.DictReader(io.StringIO(text)))
for row in read:
    row["price"] = float(row["price"])
total = sum(r["price"] for r in read)
# %%
def database(rows):
    db = sqlite3.connect(":memory:")
    db.execute("create table goods (name text, price real)")
    db.executemany("insert into goods values (?, ?)", [(r["name"], r["price"]) for r in rows])
    return db.execute("select name, price * 2 from goods order by price").fetchall()

doubled = database(rows)
# %%
class Store(dict):
    """Writes through to lists."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.log = []

    def __setitem__(self, key, value):
        self.log.append(key)
        super().__setitem__(key, value)

    def __missing__(self, key):
        self[key] = []
        return self[key]

store = Store(start=[1])
store["a"].append(2)
# %%
for row in rows:
    for tag in row["tags"]:
        store[tag].append(row)
store.log
# %%
page = Template("$name costs $price")
pages = [page.substitute(r) for r in rows]
store["sweet"][0]["price"] = 9.0
# %%
data = json.loads(json.dumps(rows))
same = data == rows, data[1] is rows[1]
buffer = bytearray(b"header")
part = memoryview(buffer)[2:5]
part[0] = ord("X")
del part
# %%
buffer_text = buffer.decode()
position = out.tell()
out.seek(0)
head = out.readline()
# %%
rest = out.read(4)
rows[1]["tags"].append("new")
print(pages, same, buffer_text, head, rest, store["cold"][0]["tags"], store.log[-1], doubled[0])
