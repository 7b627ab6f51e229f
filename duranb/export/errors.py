"""What an export refuses."""

from __future__ import annotations

from duranb.errors import UsageError


class ExportError(UsageError):
    """A cell has no counterpart in the target; the message names it and says why."""
