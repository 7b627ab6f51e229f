"""The JSON schema of a tool, as chat APIs want it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints


def tool_schema(fn: Callable[..., Any]) -> dict[str, Any]:
    """``{"type": "function", "function": {name, description, parameters}}`` for a function.

    Parameters come from the annotations, through pydantic; the description is the docstring's
    first paragraph.
    """
    from pydantic import Field, create_model

    hints = get_type_hints(fn)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(fn).parameters.items():
        kind = hints.get(name, Any)
        required = parameter.default is inspect.Parameter.empty
        fields[name] = (kind, Field(...) if required else Field(default=parameter.default))
    model = create_model(fn.__name__, **fields)
    parameters = model.model_json_schema()
    parameters.pop("title", None)
    for entry in parameters.get("properties", {}).values():
        entry.pop("title", None)
    description = (inspect.getdoc(fn) or "").split("\n\n")[0].replace("\n", " ")
    return {
        "type": "function",
        "function": {"name": fn.__name__, "description": description, "parameters": parameters},
    }
