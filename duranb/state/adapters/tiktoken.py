"""tiktoken: encodings, by their names."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from duranb.state.factory import Factory


def _describe(encoding: Any) -> dict[str, Any] | None:
    known = import_module("tiktoken.registry").ENCODINGS
    return {"name": encoding.name} if known.get(encoding.name) is encoding else None


def _make(name: str) -> Any:
    if (
        name not in import_module("tiktoken.registry").ENCODINGS
        and "llama_index.core" in sys.modules
    ):
        # It brings the file of one, which would be downloaded else.
        import_module("llama_index.core.utils").get_tokenizer()
    return import_module("tiktoken").get_encoding(name)


FACTORIES = {"tiktoken.core.Encoding": Factory(_describe, _make)}
