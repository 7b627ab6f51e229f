"""The live timeline: a thin anywidget shell over the front end, which owns what is on the page.

Messages are JSON in one buffer each: they are encoded by msgspec at once, where ipywidgets would
walk through every value first. A large answer is packed.
"""

from __future__ import annotations

import uuid
from typing import Any

import anywidget
import msgspec
import traitlets
from IPython.core.getipython import get_ipython
from IPython.display import DisplayHandle, display

from duranb.timelines.bundle import bundled
from duranb.timelines.columns import packed, sent
from duranb.timelines.kernel import carrier, set_apart
from duranb.timelines.model import Model, Update
from duranb.timelines.protocol import Host
from duranb.timelines.push import Pusher
from duranb.timelines.requests import Requests
from duranb.timelines.table import table_html, table_text

VIEW = "application/vnd.jupyter.widget-view+json"

OWN_OUTPUT = {"duranb": "timeline"}
"""Metadata of what the timeline puts out, which is not part of any step's output."""


class Timeline(anywidget.AnyWidget):
    """The timeline of one session. There is one a notebook, shown in as many places as asked.

    Its model's id follows from the store's path, so a timeline that is still on the page finds
    itself again in the kernel that comes after a restart.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    key = traitlets.Unicode(help="The model's id, for the front end.").tag(sync=True)

    def __init__(self, session: Host, kernel: Any = None) -> None:
        key = uuid.uuid5(uuid.NAMESPACE_URL, session.store_path.resolve().as_uri()).hex
        super().__init__(
            model_id=key, key=key, _esm=bundled("timeline.js"), _css=bundled("timeline.css")
        )
        if kernel is None:
            kernel = getattr(get_ipython(), "kernel", None)
        set_apart(self.comm)
        self._session = session
        self._rows = Model(session.history, session.lock)
        self._requests = Requests(session, self._rows, carrier(kernel))
        self._pusher = Pusher(self._rows, self._push, self._refresh_table)
        self._unsubscribe = session.subscribe(self._pusher.notify)
        self._table: DisplayHandle | None = None
        self.on_msg(self._asked)

    def close(self) -> None:
        """Stop pushing and leave the page."""
        if getattr(self, "_pusher", None) is not None:
            self._pusher.close()
            self._unsubscribe()
        super().close()

    # -- messages --------------------------------------------------------------------------

    def _asked(self, widget: Any, content: Any, buffers: Any) -> None:
        if not isinstance(content, dict):
            return
        if content.get("verb") == "rows":
            self._pusher.start(self._session.history.seq)
        self._requests.answer(content, self._reply)

    def _reply(self, answer: dict[str, Any]) -> None:
        data = msgspec.json.encode(answer)
        small = packed(data)
        self.send({"id": answer["id"], "packed": small is not None}, [small or data])

    def _push(self, update: Update) -> None:
        self.send({"push": "rows"}, [msgspec.json.encode(sent(update))])

    # -- display ---------------------------------------------------------------------------

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        view = {"version_major": 2, "version_minor": 1, "model_id": self.model_id}
        plain = table_text(self._rows.since(-1))
        line = "<p>The live timeline needs its kernel; what follows is a copy without it.</p>"
        return {VIEW: view, "text/html": line, "text/plain": plain}, {}

    def _ipython_display_(self) -> None:
        """Show the live view and, in an output of its own that the view hides, the plain table.

        JupyterLab shows an error in place of a widget whose kernel is gone; the table stays.
        """
        data, _ = self._repr_mimebundle_()
        display(data, raw=True, metadata=OWN_OUTPUT)
        self._table = display(self._table_bundle(), raw=True, metadata=OWN_OUTPUT, display_id=True)

    def _table_bundle(self) -> dict[str, str]:
        update = self._rows.since(-1)
        html = table_html(update, f"duranb-static duranb-static-{self.key}")
        return {"text/html": html, "text/plain": table_text(update)}

    def _refresh_table(self) -> None:
        if self._table is not None:
            self._table.update(self._table_bundle(), raw=True, metadata=OWN_OUTPUT)
