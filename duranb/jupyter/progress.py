"""How far a map is, as a line of the running cell."""

from __future__ import annotations

import secrets

from duranb.engine.progress import Display, Paced, Progress
from duranb.views import progress as say
from duranb.views.lines import quiet


def display() -> Display:
    """A quiet line that changes in place, and is not part of the step's own output."""
    from IPython.display import publish_display_data

    where = {"display_id": f"duranb-{secrets.token_hex(8)}"}

    def show(progress: Progress, first: bool) -> None:
        data = quiet(say.line(progress))
        # Marked as duranb's own: what the step puts out meanwhile is kept, and this is not.
        publish_display_data(data, {"duranb": True}, transient=where, update=not first)

    return Paced(show)
