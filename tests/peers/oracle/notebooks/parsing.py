# %%
import re
from collections import ChainMap, namedtuple
from operator import add, mul, sub, truediv
# %%
Token = namedtuple("Token", "kind text place")
RULES = [("number", r"\d+(\.\d+)?"), ("name", r"[a-z]\w*"), ("op", r"[-+*/=(),]"), ("space", r"\s+")]
pattern = re.compile("|".join(f"(?P<{k}>{p})" for k, p in RULES))
# %%
def tokens(text):
    for found in pattern.finditer(text):
        if found.lastgroup != "space":
            yield Token(found.lastgroup, found.group(), found.start())

stream = iter(list(tokens("a = 2 * (b + 3)")))
first = next(stream)
rest = list(stream)
del stream
# %%
class Parser:
    """Precedence climbing."""

    level = {"+": 1, "-": 1, "*": 2, "/": 2}

    def __init__(self, text):
        self.left = list(tokens(text))[::-1]

    def peek(self):
        return self.left[-1].text if self.left else None

    def atom(self):
        token = self.left.pop()
        if token.text == "(":
            inner = self.expression(0)
            self.left.pop()
            return inner
        return float(token.text) if token.kind == "number" else token.text

    def expression(self, least):
        found = self.atom()
        while self.peek() in self.level and self.level[self.peek()] > least:
            op = self.left.pop().text
            found = (op, found, self.expression(self.level[op]))
        return found
# %%
tree = Parser("1 + 2 * x - y / 4").expression(0)
tree
# %%
outer = {"x": 3.0, "y": 8.0}
scopes = ChainMap({}, outer)
operators = {"+": add, "-": sub, "*": mul, "/": truediv}
# %%
def value(node, scope):
    match node:
        case (op, one, other):
            return operators[op](value(one, scope), value(other, scope))
        case str(name):
            return scope[name]
        case _:
            return node

result = value(tree, scopes)
# %%
scopes["x"] = 10.0
inner = scopes.new_child({"y": 2.0})
results = [result, value(tree, scopes), value(tree, inner)]
# %%
def compiled(node):
    match node:
        case (op, one, other):
            f, g, h = operators[op], compiled(one), compiled(other)
            return lambda scope: f(g(scope), h(scope))
        case str(name):
            return lambda scope: scope[name]
        case _:
            return lambda scope: node

program = compiled(tree)
speed = [program({"x": n, "y": 1}) for n in range(4)]
# %%
cache = {}
def once(text):
    if text not in cache:
        cache[text] = compiled(Parser(text).expression(0))
    return cache[text]

answers = [once(t)(scopes) for t in ("x + 1", "x * y", "x + 1")]
len(cache)
# %%
outer["y"] = 1.0
del scopes.maps[0]["x"]
later = [program(scopes), once("x * y")(scopes), cache["x + 1"] is once("x + 1")]
print(later, results)
