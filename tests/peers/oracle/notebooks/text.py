# %%
import re
from collections import Counter, defaultdict
# %%
text = """It was the best of times, it was the worst of times,
it was the age of wisdom, it was the age of foolishness,
it was the epoch of belief"""
# %%
words = re.findall(r"[a-z]+", text.lower())
print(len(words), len(set(words)))
# %%
counts = Counter(words)
counts.most_common(3)
# %%
stop = {"it", "the", "of"}
kept = [w for w in words if w not in stop]
vocabulary = {w: i for i, w in enumerate(dict.fromkeys(kept))}
# %%
for w in sorted(stop):
    del counts[w]
top = counts.most_common(2)
print(top, sum(counts.values()))
# %%
index = defaultdict(list)
for number, line in enumerate(text.splitlines(), 1):
    for w in sorted(set(re.findall(r"\w+", line.lower())) - stop):
        index[w].append(number)
lines_of_age = index["age"]
# %%
lines_of_age.append(7)
index["new"]
print(sorted(index)[:4], index["age"])
# %%
def ngrams(items, n=2):
    return [tuple(items[i : i + n]) for i in range(len(items) - n + 1)]

pairs = Counter(ngrams(kept))
follow = defaultdict(Counter)
for a, b in ngrams(words):
    follow[a][b] += 1
# %%
chain = ["it"]
while len(chain) < 6:
    chain.append(max(follow[chain[-1]], key=lambda w: (follow[chain[-1]][w], w)))
" ".join(chain)
# %%
pattern = re.compile(r"(?P<what>\w+) of (?P<thing>\w+)")
found = [m.groupdict() for m in pattern.finditer(text)]
found[0]["what"] = found[0]["what"].upper()
# %%
table = str.maketrans("aeiou", "AEIOU")
shouted = text.translate(table).replace("\n", " ")[:40]
print(shouted, f"{len(shouted):>5}|{shouted[:3]!r:^10}|")
# %%
lengths = {}
for w in vocabulary:
    lengths.setdefault(len(w), []).append(w)
longest = lengths[max(lengths)]
longest.sort()
longest
