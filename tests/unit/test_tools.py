"""Tools as chat APIs want them."""

from __future__ import annotations

import duranb


@duranb.tool
def send(to: str, text: str = "hi") -> str:
    """Send a message.

    To somebody.
    """
    return f"{to} {text}"


def test_a_tool_knows_its_schema() -> None:
    """Its parameters come from the annotations, its description from the docstring."""
    schema = send.schema["function"]
    assert schema["name"] == "send"
    assert schema["description"] == "Send a message."
    assert schema["parameters"]["required"] == ["to"]
