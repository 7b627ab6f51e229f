"""The API shapes that answers are read in, by the name :mod:`duranb.llm.endpoints` gives them."""

from __future__ import annotations

from duranb.llm.shapes import anthropic, gemini, openai, responses
from duranb.llm.shapes.common import Said, Shape, Tokens

SHAPES: dict[str, Shape] = {
    "chat": openai.CHAT,
    "completion": openai.COMPLETION,
    "embeddings": openai.EMBEDDINGS,
    "responses": responses.RESPONSES,
    "messages": anthropic.MESSAGES,
    "gemini": gemini.GENERATE,
    "gemini-embeddings": gemini.EMBED,
}

__all__ = ["SHAPES", "Said", "Shape", "Tokens"]
