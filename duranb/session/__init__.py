"""One façade over one store: what the magics, the timeline and the shell all call."""

from duranb.session.plan import Plan
from duranb.session.session import CHANGING, Session

__all__ = ["CHANGING", "Plan", "Session"]
