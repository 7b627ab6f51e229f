# %%
from functools import cache, lru_cache
import sys
# %%
def fact(n):
    return 1 if n < 2 else n * fact(n - 1)

@cache
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
# %%
print(fact(6), fib(20))
fib.cache_info().currsize
# %%
memo = {}
def ways(n, coins=(1, 2, 5)):
    key = n, coins
    if key not in memo:
        memo[key] = 1 if n == 0 else sum(ways(n - c, coins) for c in coins if c <= n)
    return memo[key]
# %%
w = ways(9)
print(w, len(memo))
# %%
more = ways(12)
known = sorted(k[0] for k in memo)
more
# %%
def hanoi(n, a="A", b="B", c="C", moves=None):
    moves = [] if moves is None else moves
    if n:
        hanoi(n - 1, a, c, b, moves)
        moves.append((a, c))
        hanoi(n - 1, b, a, c, moves)
    return moves

moves = hanoi(3)
print(len(moves), moves[:2])
# %%
tree = {"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3, "kids": [{"v": 4, "kids": []}]}]}
leaf = tree["kids"][1]["kids"][0]
def total(node):
    return node["v"] + sum(map(total, node["kids"]))

t = total(tree)
# %%
leaf["kids"].append({"v": 10, "kids": []})
leaf["parent"] = tree["kids"][1]
print(total(tree), t)
# %%
def permutations(items):
    if len(items) < 2:
        return [items]
    return [[x, *rest] for i, x in enumerate(items) for rest in permutations(items[:i] + items[i + 1 :])]

perms = permutations([1, 2, 3])
half = perms[:3]
# %%
half[0].append(0)
print(perms[0], len(perms))
# %%
def is_even(n):
    return True if n == 0 else is_odd(n - 1)

def is_odd(n):
    return False if n == 0 else is_even(n - 1)

evens = [n for n in range(8) if is_even(n)]
evens
# %%
@lru_cache(maxsize=8)
def grid(r, c):
    return 1 if 0 in (r, c) else grid(r - 1, c) + grid(r, c - 1)

print(grid(3, 3), grid(2, 5) % 4)
