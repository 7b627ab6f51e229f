"""Batch mode of ``duranb.map``: the requests of all items, through the provider's batch API.

``desk`` collects the requests and hands out the answers, ``batch`` is one batch from its intent to
its last answer, ``providers`` is what a batch API has to be able to do; ``openai``, ``azure``,
``anthropic`` and ``gemini`` are those that are known. Another one is an object with the methods of
:class:`Provider`: ``duranb.llm.batches.PROVIDERS.insert(0, mine)``.
"""

from duranb.llm.batches.anthropic import Anthropic
from duranb.llm.batches.azure import Azure
from duranb.llm.batches.gemini import Gemini
from duranb.llm.batches.openai import OpenAI
from duranb.llm.batches.providers import Provider

__all__ = ["PROVIDERS", "Provider"]

PROVIDERS: list[Provider] = [Azure(), OpenAI(), Anthropic(), Gemini()]
"""The first one that takes a request carries it."""
