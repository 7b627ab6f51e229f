# %%
from abc import ABC, abstractmethod
from collections import defaultdict
# %%
class Account:
    opened = 0
    registry = []

    def __init__(self, owner, balance=10):
        self.owner, self.balance, self.log = owner, balance, []
        Account.opened += 1
        Account.registry.append(self)

    def pay(self, amount):
        if amount > self.balance:
            raise ValueError(f"{self.owner} has only {self.balance}")
        self.balance -= amount
        self.log.append(-amount)

    @property
    def is_rich(self):
        return self.balance > 50

    def __repr__(self):
        return f"Account({self.owner!r}, {self.balance})"
# %%
class Savings(Account):
    def __init__(self, owner, balance=100, rate=2):
        super().__init__(owner, balance)
        self.rate = rate

    def grow(self, years=1):
        for _ in range(years):
            self.balance += self.balance * self.rate // 100
        return self
# %%
ann = Account("Ann", 60)
bob = Savings("Bob")
accounts = [ann, bob]
accounts
# %%
bob.grow(3)
ann.pay(15)
print(ann.is_rich, bob.balance, Account.opened)
# %%
try:
    ann.pay(1000)
except ValueError as error:
    message = str(error)
    print(message)
# %%
class Shape(ABC):
    @abstractmethod
    def area(self): ...

    def __lt__(self, other):
        return self.area() < other.area()

class Square(Shape):
    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side**2

class Circle(Shape):
    def __init__(self, radius):
        self.radius = radius

    def area(self):
        return 3 * self.radius**2
# %%
shapes = [Square(3), Circle(2), Square(1)]
shapes.sort()
smallest, *others = shapes
print([s.area() for s in shapes])
# %%
smallest.side = 5
by_kind = defaultdict(list)
for shape in shapes:
    by_kind[type(shape).__name__].append(shape)
# %%
by_kind["Square"][0].side += 1
print(max(shapes).area(), sum(len(v) for v in by_kind.values()))
# %%
class Node:
    __slots__ = ("value", "next")

    def __init__(self, value, next=None):
        self.value, self.next = value, next

    def __iter__(self):
        node = self
        while node:
            yield node.value
            node = node.next

tail = Node(3)
chain = Node(1, Node(2, tail))
# %%
tail.next = Node(4)
print(list(chain))
# %%
Savings.rate_text = lambda self: f"{self.rate} %"
texts = [a.rate_text() for a in Account.registry if isinstance(a, Savings)]
texts
