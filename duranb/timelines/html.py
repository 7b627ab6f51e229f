"""The timeline as one offline HTML file: the same front end, with the data inlined.

What is inlined was made by models, web servers and notebooks that may come from elsewhere, so it
is data and stays data: JSON in script elements of a type that no browser runs, with every ``<``
escaped, under a content security policy that lets only the bundle run and nothing load.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import nullcontext
from html import escape

import msgspec

from duranb.record.artifacts import Artifacts
from duranb.record.history import History
from duranb.text.known import KNOWN
from duranb.timelines.bundle import bundled
from duranb.timelines.columns import packed, sent
from duranb.timelines.detail import detail
from duranb.timelines.exchange import exchange
from duranb.timelines.model import Model
from duranb.timelines.table import table_html

MOST_BYTES = 40_000_000
"""How much detail a file may hold. Beyond it the oldest executions keep their rows only."""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{css}</style>
</head>
<body class="duranb-page">
<div id="duranb-root">{table}</div>
{data}
<script type="module">{script}</script>
</body>
</html>
"""


def timeline_html(history: History, artifacts: Artifacts, title: str) -> str:
    """The whole file. It needs no kernel, no server and no network; nothing is unpickled."""
    KNOWN.look_around()  # an earlier version may have recorded what is here
    update = Model(history, nullcontext()).since(-1)
    script = bundled("timeline.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    data = [_rows(msgspec.json.encode(sent(update)))]
    data += _details(history, artifacts)
    return _PAGE.format(
        policy=policy,
        title=escape(title),
        css=bundled("timeline.css").replace("</", "<\\/"),
        table=KNOWN.masked_text(table_html(update, "duranb-static")),
        data="\n".join(data),
        script=script,
    )


def _details(history: History, artifacts: Artifacts) -> Iterator[str]:
    """One element for each execution and each recorded exchange, the newest first."""
    left = MOST_BYTES
    for number in reversed(history.executions):
        found = detail(history, artifacts, number)
        elements = [_data("data-execution", str(number), msgspec.json.encode(found))]
        for call in map(history.calls.__getitem__, history.ids_of_calls(number)):
            if call.response:
                seen = exchange(call, artifacts)
                elements.append(_data("data-call", str(call.id), msgspec.json.encode(seen)))
        left -= sum(map(len, elements))
        if left < 0:
            return
        yield from elements


def _rows(json: bytes) -> str:
    """The rows, packed where there are many."""
    small = packed(KNOWN.masked(json))
    if small is None:
        return _data("id", "duranb-rows", json)
    text = base64.b64encode(small).decode()
    return f'<script type="application/octet-stream" id="duranb-rows">{text}</script>'


def _data(attribute: str, value: str, json: bytes) -> str:
    text = KNOWN.masked(json).decode()
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script type="application/json" {attribute}="{escape(value)}">{safe}</script>'
