# %%
import copy
import datetime as dt
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import Enum, Flag, auto
from fractions import Fraction
from typing import NamedTuple, TypedDict
# %%
class Kind(Enum):
    CURRENT = "c"
    SAVING = "s"

    @property
    def rate(self):
        return Decimal("0.02") if self is Kind.SAVING else Decimal(0)


class Right(Flag):
    READ = auto()
    MOVE = auto()
    ALL = READ | MOVE


class Entry(NamedTuple):
    day: dt.date
    amount: Decimal
    note: str = ""
# %%
class Account:
    __slots__ = ("entries", "kind", "number", "rights")
    made = 0

    def __init__(self, kind, rights=Right.READ):
        type(self).made += 1
        self.number = f"{kind.value}{type(self).made:03}"
        self.kind, self.rights, self.entries = kind, rights, []

    def put(self, day, amount, note=""):
        if Right.MOVE not in self.rights:
            raise PermissionError(self.number)
        self.entries.append(Entry(day, Decimal(str(amount)), note))
        return self

    @property
    def total(self):
        return sum((e.amount for e in self.entries), Decimal(0))
# %%
start = dt.date(2024, 1, 31)
mine = Account(Kind.CURRENT, Right.ALL)
saved = Account(Kind.SAVING, Right.ALL)
bank = {a.number: a for a in (mine, saved)}
# %%
for month in range(3):
    mine.put(start + dt.timedelta(days=31 * month), 100 + month / 4, "pay")
    saved.put(start, 20)
mine.total, saved.total
# %%
try:
    Account(Kind.CURRENT).put(start, 1)
except PermissionError as error:
    refused = str(error)
print(refused, Account.made)
# %%
def interest(account, years):
    with localcontext() as around:
        around.prec = 12
        raw = account.total * (1 + account.kind.rate) ** years - account.total
    return raw.quantize(Decimal("0.01"), ROUND_HALF_UP)

earned = {n: interest(a, 5) for n, a in bank.items()}
# %%
before = copy.deepcopy(bank)
saved.entries[0] = saved.entries[0]._replace(amount=Decimal(200), note="gift")
changed = [n for n in bank if bank[n].total != before[n].total]
# %%
shares = {n: Fraction(a.total) / Fraction(sum(x.total for x in bank.values())) for n, a in bank.items()}
sum(shares.values()) == 1
# %%
by_note = {}
for account in bank.values():
    for entry in account.entries:
        by_note.setdefault(entry.note, []).append(entry)
gifts = by_note.get("gift", [])
# %%
class Line(TypedDict):
    number: str
    total: float

report: list[Line] = [{"number": n, "total": float(a.total)} for n, a in sorted(bank.items())]
largest = max(bank.values(), key=lambda a: a.total)
largest.rights &= ~Right.MOVE
print(report, largest.number, mine.rights, saved.rights, gifts[:1])
