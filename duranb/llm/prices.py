"""What a call cost, in US dollars, by the prices that come with ``genai-prices``.

The price list takes a third of a second to load, so it is loaded while the first request is on its
way, not when duranb is imported. Only the list: what ``genai-prices`` imports is imported with the
HTTP library, before anything can be sent. SDKs look into ``sys.modules`` for an HTTP library, and
must not find one that another thread is still importing.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import threading
from typing import Any

from duranb.llm.shapes.common import Tokens

_log = logging.getLogger(__name__)
_warming: threading.Thread | None = None


def prepare() -> None:
    """Import what the prices need. Call it where no other thread can be using an HTTP library."""
    try:
        import genai_prices  # noqa: F401
    except Exception as error:  # of any kind: it is the user's import that we are part of
        _log.warning("calls will have no price: %s: %s", type(error).__name__, error)


def warm() -> None:
    """Begin to load the price list in the background; does so once."""
    global _warming
    if _warming is None:
        _warming = threading.Thread(target=load, name="duranb-prices", daemon=True)
        _warming.start()


def cost_of(tokens: Tokens, url: str, provider: str, share: float = 1.0) -> float | None:
    """The price of ``tokens``, or None when there is no price for their model.

    With a ``share`` it is the price in a batch: the one on the list, or that part of the usual one.

    The provider is the one whose API ``url`` is, else the one that makes the model (a proxy, a
    stand-in), else ``provider``, which is the one whose API shape was spoken.
    """
    if not tokens.model or not (tokens.input or tokens.output):
        return None
    from genai_prices import Usage

    used = {
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cache_read_tokens": tokens.cached,
        "cache_write_tokens": tokens.cache_write,
        "input_audio_tokens": tokens.input_audio,
        "output_audio_tokens": tokens.output_audio,
    }
    usage = Usage(**{name: count for name, count in used.items() if count})
    try:
        where = _where(tokens.model, url, provider)
        if where is None:
            return None
        found = float(_snapshot().calc(usage, tokens.model, *where, None).total_price)
        return found if share == 1.0 else _in_batch(usage, tokens.model, where, found, share)
    except (LookupError, ValueError, TypeError) as error:
        _log.warning("no price for a call of %s: %s", tokens.model, error)
        return None


def _in_batch(
    usage: Any, model: str, where: tuple[str | None, str | None], usual: float, share: float
) -> float:
    """Later lists know batches. What is as dear as usual in one is not in a list."""
    calc = _snapshot().calc
    if "price_context" not in inspect.signature(calc).parameters:
        return usual * share
    found = calc(usage, model, *where, None, price_context={"processing": "batch"}).total_price
    return float(found) if float(found) != usual else usual * share


@functools.lru_cache(maxsize=256)
def _where(model: str, url: str, provider: str) -> tuple[str | None, str | None] | None:
    """The provider or the URL under which the list has a model, or None. What the list has not is
    looked for at length, so it is remembered."""
    for where in ((None, url), (None, None), (provider or None, None)):
        with contextlib.suppress(LookupError):
            _snapshot().find_provider_model(model, None, *where)
            return where
    return None


def load() -> None:
    """Load the price list, if it is not yet."""
    _snapshot()


def _snapshot() -> Any:
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot()
