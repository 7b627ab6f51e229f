"""``diff A B``: what differs between two executions."""

from __future__ import annotations

from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from duranb.record.history import History
from duranb.text import diff
from duranb.views.render import View


def view(history: History, first: str, second: str) -> View:
    """Code, inputs and outputs of two executions, side by side. Raises :class:`NoSuchStep`."""
    a, b = history.find(first), history.find(second)
    names = f"{a.step}@{a.id}", f"{b.step}@{b.id}"
    parts: list[Text | Table | Syntax] = [Text(f"{names[0]} → {names[1]}", style="bold")]
    code = diff.source(a.source, b.source, *names)
    if code:
        parts.append(Syntax(code, "diff", background_color="default"))
    else:
        parts.append(Text("the code is the same", style="dim"))
    for what, before, after in (("inputs", a.inputs, b.inputs), ("uses", a.uses, b.uses)):
        changes = diff.changes(before, after)
        if changes:
            parts.append(Text(f"{what}: {changes}"))
    shown = _outputs(
        {n: x.preview for n, x in a.outputs.items()},
        {n: x.preview for n, x in b.outputs.items()},
        {n for n in a.outputs if n in b.outputs and a.outputs[n].version == b.outputs[n].version},
    )
    parts.append(shown)
    return View(*parts)


def _outputs(before: dict[str, str], after: dict[str, str], same: set[str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name in dict.fromkeys([*before, *after]):
        if name in same:
            table.add_row(name, Text("same", style="dim"), "")
        else:
            table.add_row(name, Text(before.get(name, "-")), Text(after.get(name, "-")))
    return table
