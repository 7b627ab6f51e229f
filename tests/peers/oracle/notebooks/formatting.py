# %%
from string import Template
import textwrap
# %%
name, age, height = "Ada", 36, 1.684
print(f"{name:>8}|{age:04d}|{height:.2f}")
# %%
rows = [("tea", 2.5, 4), ("cake", 3.25, 2), ("juice", 2.0, 1)]
for item, price, count in rows:
    print(f"{item:<8}{price:>6.2f}{count:>3}{price * count:>8.2f}")
# %%
widths = {"item": 8, "price": 7}
head = "{:<{item}}{:>{price}}".format("item", "price", **widths)
print(head)
print("-" * len(head))
# %%
total = sum(p * n for _, p, n in rows)
letter = Template("Dear $name, you owe $$${total}.")
text = letter.substitute(name=name, total=round(total, 1))
text
# %%
rows.append(("milk", 1.2, 3))
rows.sort(key=lambda r: r[1])
cheapest = rows[0]
# %%
class Temperature:
    def __init__(self, degrees):
        self.degrees = degrees

    def __format__(self, spec):
        if spec.endswith("F"):
            return format(self.degrees * 9 / 5 + 32, spec[:-1] or ".1f") + " F"
        return format(self.degrees, spec or ".1f") + " C"

today = Temperature(21.5)
print(f"{today} {today:F} {today:.0f}")
# %%
forecast = {"mon": today, "tue": Temperature(18)}
today.degrees += 2
" ".join(f"{d}={t:.1f}" for d, t in forecast.items())
# %%
paragraph = "The quick brown fox jumps over the lazy dog and runs away."
wrapped = textwrap.wrap(paragraph, 20)
wrapped
# %%
wrapped[0] = wrapped[0].title()
boxed = ["+" + "-" * 22 + "+", *(f"| {line:<20} |" for line in wrapped)]
boxed.append(boxed[0])
print("\n".join(boxed))
# %%
settings = {"sep": ", ", "end": "!\n"}
print("a", "b", 3, **settings)
settings["sep"] = "-"
# %%
print(*range(4), **settings)
code = "".join(chr(ord("a") + (ord(c) - ord("a") + 3) % 26) if c.isalpha() else c for c in paragraph.lower())
code[:12]
