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
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

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
    try:
        return _list().cost(tokens, url, provider, share)
    except (LookupError, ValueError, TypeError) as error:
        _log.warning("no price for a call of %s: %s", tokens.model, error)
        return None


def load() -> None:
    """Load the price list, if it is not yet."""
    _snapshot()


def _snapshot() -> Any:
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot()


_Where = tuple[str | None, str | None]
"""The provider, or the URL of its API, under which the list has a model."""


class _Rates(NamedTuple):
    """What a million tokens of each kind cost, where there are more than ``above`` tokens of input.
    None: they cost what all input does."""

    above: int
    input: Decimal
    output: Decimal
    cached: Decimal | None
    cache_write: Decimal | None

    def cost(self, tokens: Tokens) -> float | None:
        """What ``tokens`` cost, or None where these rates do not tell."""
        plain, total = tokens.input, self.output * tokens.output
        for rate, count in ((self.cached, tokens.cached), (self.cache_write, tokens.cache_write)):
            if rate is not None:
                plain -= count
                total += rate * count
        if plain < 0 or tokens.input_audio or tokens.output_audio:
            return None
        return float((total + self.input * plain) / 1_000_000)


class _PriceList:
    """A list of prices, and what was found in it: to look for a model, and to work out what each
    kind of token costs, takes longer than all else that is done for a call."""

    def __init__(self, snapshot: Any) -> None:
        self.snapshot = snapshot
        self._find = functools.lru_cache(maxsize=256)(self._looked_up)
        self._rates: dict[int, list[_Rates]] = {}

    def cost(self, tokens: Tokens, url: str, provider: str, share: float) -> float | None:
        """See :func:`cost_of`. Raises LookupError, ValueError and TypeError."""
        found = self._find(tokens.model, url, provider)
        if found is None:
            return None
        where, info = found
        if share != 1.0:
            return self._in_batch(tokens, where, share)
        price = info.get_prices(datetime.now(UTC))
        rates = self._rates.get(id(price))  # the list keeps it, so no other one gets its id
        if rates is None:
            rates = self._rates[id(price)] = self._tried(_rates(price), tokens.model, where)
        # The highest threshold comes first, and none are told by rates where the list is empty.
        fitting = next((each for each in rates if tokens.input > each.above), None)
        known = None if fitting is None else fitting.cost(tokens)
        return self._calculated(tokens, tokens.model, where) if known is None else known

    def _in_batch(self, tokens: Tokens, where: _Where, share: float) -> float:
        """Later lists know batches. What is as dear as usual in one is not in the list."""
        usual = self._calculated(tokens, tokens.model, where)
        if "price_context" not in inspect.signature(self.snapshot.calc).parameters:
            return usual * share
        batch = {"price_context": {"processing": "batch"}}
        found = self._calculated(tokens, tokens.model, where, **batch)
        return found if found != usual else usual * share

    def _looked_up(self, model: str, url: str, provider: str) -> tuple[_Where, Any] | None:
        for where in ((None, url), (None, None), (provider or None, None)):
            with contextlib.suppress(LookupError):
                return where, self.snapshot.find_provider_model(model, None, *where)[1]
        return None

    def _tried(self, rates: list[_Rates], model: str, where: _Where) -> list[_Rates]:
        """The rates if they give what the list gives, else none."""
        for each in rates:
            size = each.above + 1_001
            for t in (Tokens("", size, 10), Tokens("", size, 7_000, size // 2, size // 4)):
                if each.cost(t) != self._calculated(t, model, where):
                    return []
        return rates

    def _calculated(
        self, tokens: Tokens, model: str, where: _Where, **context: dict[str, str]
    ) -> float:
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
        return float(self.snapshot.calc(usage, model, *where, None, **context).total_price)


def _rates(price: Any) -> list[_Rates]:
    """The rates of a model's price, those for the longest input first."""
    found = {name: each for name, each in vars(price).items() if each is not None}
    starts = {t.start for each in found.values() for t in getattr(each, "tiers", ())}
    rates = []
    for above in sorted({-1, *starts}, reverse=True):
        at = {name: _at(each, above) for name, each in found.items()}
        rates.append(
            _Rates(
                above,
                at.get("input_mtok", Decimal(0)),
                at.get("output_mtok", Decimal(0)),
                at.get("cache_read_mtok"),
                at.get("cache_write_mtok"),
            )
        )
    return rates


def _at(price: Any, above: int) -> Decimal:
    """A price of one kind of token, where there is more input than so many."""
    fitting = [tier.price for tier in getattr(price, "tiers", ()) if tier.start <= above]
    found: Decimal = fitting[-1] if fitting else getattr(price, "base", price)
    return found


_last: _PriceList | None = None


def _list() -> _PriceList:
    """The list that is in force: the user may have put another one in its place."""
    global _last
    snapshot, known = _snapshot(), _last
    if known is None or known.snapshot is not snapshot:
        known = _last = _PriceList(snapshot)
    return known
