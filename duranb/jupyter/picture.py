"""A picture of a widget: its model in the page, with nothing behind it."""

from __future__ import annotations

from typing import Any

from ipywidgets.widgets.widget import Widget, _put_buffers


class Picture(Widget):  # type: ignore[misc]
    """Opens a model with a recorded state, under its recorded id. A page that is loaded again gets
    it from here, as it does any widget's; what it sends changes nothing."""

    def __init__(self, model_id: str, state: dict[str, Any]) -> None:
        self._recorded = state
        super().__init__(model_id=model_id)

    _model_name = property(lambda self: self._recorded["_model_name"])
    _model_module = property(lambda self: self._recorded["_model_module"])
    _model_module_version = property(lambda self: self._recorded["_model_module_version"])

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The recorded state."""
        return dict(self._recorded)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What somebody does to it in the page stays there."""

    def update(self, data: dict[str, Any], buffers: list[bytes]) -> None:
        """Send on what the widget had sent: a change of its state, or a message of its own."""
        if data.get("method") == "update":
            state = dict(data["state"])
            _put_buffers(state, data.get("buffer_paths", []), buffers)
            self._recorded.update(state)
        self._send(data, buffers=buffers)


def opened(model_id: str, data: dict[str, Any], buffers: list[bytes]) -> Picture:
    """A picture of the widget whose model was opened with ``data``."""
    state = dict(data["state"])
    _put_buffers(state, data.get("buffer_paths", []), buffers)
    return Picture(model_id, state)
