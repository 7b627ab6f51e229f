# %%
from dataclasses import asdict, astuple, dataclass, field, replace
from enum import Enum
from typing import NamedTuple
# %%
class Level(Enum):
    LOW = 1
    HIGH = 2

class Point(NamedTuple):
    x: int
    y: int = 3
# %%
@dataclass
class Task:
    title: str
    level: Level = Level.LOW
    tags: list[str] = field(default_factory=list)
    done: bool = False

    def tag(self, *words):
        self.tags.extend(words)
        return self

@dataclass(frozen=True, order=True)
class Money:
    amount: int
    unit: str = "EUR"

    def __add__(self, other):
        return Money(self.amount + other.amount, self.unit)
# %%
tasks = [Task("write"), Task("read", Level.HIGH, ["home"])]
first = tasks[0]
tasks
# %%
first.tag("work", "daily")
tasks[1].done = True
print(first)
# %%
copy = replace(first, title="rewrite")
print(copy.tags is first.tags)
# %%
copy.tags.append("late")
urgent = [t for t in tasks if t.level is Level.HIGH]
print(len(first.tags), [t.title for t in urgent])
# %%
wallet = [Money(5), Money(3), Money(2)]
total = sum(wallet, Money(0))
richest = max(wallet)
total
# %%
p = Point(1)
path = [p, p._replace(x=4), Point(*range(2))]
length = sum(abs(a.x - b.x) + abs(a.y - b.y) for a, b in zip(path, path[1:]))
print(length)
# %%
@dataclass
class Project(Task):
    parts: list[Task] = field(default_factory=list)

    @property
    def open(self):
        return [t for t in self.parts if not t.done]

project = Project("book", parts=tasks)
# %%
project.open[0].done = True
print(first.done, len(project.open))
# %%
record = asdict(project)
flat = astuple(first)
record["parts"][0]["tags"].append("copied")
print(record["parts"][0]["tags"], first.tags)
# %%
boards = {level: [t for t in tasks if t.level is level] for level in Level}
boards[Level.LOW].append(project)
{k.name: len(v) for k, v in boards.items()}
