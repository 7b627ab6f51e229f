"""What a request to a model passes before it is sent: the limits of its model, and the budgets that
pay for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from duranb.engine import budgets
from duranb.engine.budgets import Amount, Block, Budget
from duranb.engine.claim import Claim
from duranb.engine.context import StepContext
from duranb.engine.flows import Blocking, Flow, Pause
from duranb.engine.limits import Gate, limiter
from duranb.errors import BudgetExceeded, UsageError
from duranb.llm import guesses, prices
from duranb.llm.endpoints import model_asked
from duranb.llm.identity import Asked
from duranb.llm.shapes import SHAPES
from duranb.llm.shapes.common import Tokens, count, record
from duranb.record.events import Usage
from duranb.text import waits

MOST_OUTPUT = 4096
"""Tokens that an answer is taken to have at most where the request does not limit them, and little
is known of its model."""

KNOWN = 30
"""Answers from which it is known how long a model's get: four times as long at most."""

LATEST = 200
"""Recorded calls, the latest ones, from which a new process learns how long answers are."""

USUAL_OUTPUT = 500
"""Tokens that it is expected to have before any was seen."""

LOOK = 0.03
"""Seconds between two looks at whether a budget has room again."""

_ALLOWANCES = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
)
"""Headers that say how much a caller may still ask for, and from when on more."""

_BOUNDS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens")


@dataclass
class _Seen:
    """What a model's calls took so far in this process."""

    calls: int = 0
    output: int = 0
    longest: int = 0
    bytes: int = 0
    input: int = 0

    @property
    def usual(self) -> int:
        """Tokens of an answer, on average."""
        return self.output // self.calls if self.calls else USUAL_OUTPUT

    @property
    def most(self) -> int:
        """Tokens that the next one has at most, as far as anybody can tell."""
        longest = 4 * self.longest
        return max(longest, 256) if self.calls >= KNOWN else max(longest, MOST_OUTPUT)

    def answered(self, tokens: int) -> None:
        """An answer had so many."""
        self.calls += 1
        self.output += tokens
        self.longest = max(self.longest, tokens)


_seen: dict[str, _Seen] = {}
_lock = threading.Lock()


class Passage:
    """The way of one request. It ends once, with what it cost or without."""

    def __init__(self, step: StepContext, claim: Claim, asked: Asked) -> None:
        self._step = step
        self._claim = claim
        self._asked = asked
        self._model = model_asked(urlsplit(asked.url).path, asked.body)
        self._gate: Gate | None = None
        self._sent = 0.0
        self._estimate = 0
        self._share = 1.0
        self._held: list[tuple[Budget, Amount]] = []
        self._expected: dict[int, Amount] = {}
        self._place = (step.step, claim.place_key, claim.place)

    def enter(self) -> Flow[None]:
        """Wait for the turn of the request, and until there is money for it.

        Raises :class:`BudgetExceeded`, :class:`UsageError` where its price is not known, and
        :class:`asyncio.CancelledError` when nobody waits for it any more.
        """
        if not self._held and (paying := budgets.in_force()):
            yield from self._pay(paying)
        try:
            while self._gate is None:
                yield from self._pass(
                    limiter.of(f"{self._model} at {urlsplit(self._asked.url).netloc}")
                )
        except BaseException:
            self.end(None, made=False)
            raise

    def _pass(self, gate: Gate) -> Flow[None]:
        """Pass a gate, unless another one comes in its place meanwhile."""
        if gate.limits.tokens_per_minute is not None:
            expected, _ = self._tokens()
            self._estimate = expected.input + expected.output
        sent = yield from gate.enter(self._estimate, self._refuse_if_over)
        if sent is not None:
            self._sent, self._gate = sent, gate

    def _refuse_if_over(self) -> None:
        if self._claim.attempt.over:
            raise asyncio.CancelledError("nobody waits for this call any more")

    # -- what it may cost ------------------------------------------------------------------

    def _pay(self, paying: tuple[Budget, ...]) -> Flow[None]:
        priced = yield from self._priced(paying)
        for each in paying:
            while not self._reserve(each, priced):
                self._refuse_if_over()
                yield Pause(LOOK)

    @staticmethod
    def _priced(paying: tuple[Budget, ...]) -> Flow[bool]:
        """Whether money counts. Then the list of prices is there, which takes a moment to load."""
        priced = any(each.limit.usd is not None for each in paying)
        if priced:
            yield Blocking(prices.load)
        return priced

    def _reserve(self, each: Budget, priced: bool) -> bool:
        """Whether there is room for the request in a budget; more is known of the model each
        time."""
        try:
            expected, most = (self._amount(tokens, priced) for tokens in self._tokens())
            reserved = each.reserve(expected, most, self._asked.name)
        except BaseException as error:
            self.end(None, made=False)
            if isinstance(error, BudgetExceeded) and not isinstance(each, Block):
                self._step.journal.stop(error)
            raise
        if reserved:
            self._held.append((each, most))
            self._expected[id(each)] = expected
        return reserved

    def book(self, share: float, *, sent: bool) -> Flow[bool]:
        """Reserve the money for a request that goes to a batch, at its ``share`` of the price, or
        was ``sent`` with one already. False: there is no room before others have ended."""
        self._share = share
        if paying := budgets.in_force():
            priced = yield from self._priced(paying)
            for each in paying:
                if sent:
                    _, most = self._tokens()
                    self.hold([(each, self._amount(most, priced))])
                    each.commit(self._held[-1][1])
                elif not self._reserve(each, priced):
                    self.end(None, made=False)
                    return False
        return True

    def let_go(self) -> list[tuple[Budget, Amount]]:
        """What is reserved, for somebody else to hold."""
        held, self._held = self._held, []
        return held

    def hold(self, held: list[tuple[Budget, Amount]]) -> None:
        """It is this request's again."""
        self._held += held

    def _amount(self, tokens: Tokens, priced: bool) -> Amount:
        shape = SHAPES.get(self._asked.endpoint.shape) if self._asked.endpoint else None
        usd = 0.0
        if priced:
            provider = shape.provider if shape else ""
            found = prices.cost_of(tokens, self._asked.url, provider, self._share)
            if found is None:
                raise UsageError(
                    f"the price of {self._asked.name} is not known, so that a budget in dollars "
                    "cannot be kept to. It was not made: use duranb.budget(tokens=…) or (calls=…)"
                )
            usd = found
        return Amount(usd, tokens.input + tokens.output, 1)

    def _tokens(self) -> tuple[Tokens, Tokens]:
        """What the request is expected to take, and the most."""
        content = self._asked.content
        encoded = guesses.encoded(content)
        size = len(content) - sum(map(len, encoded))
        with _lock:
            seen = _seen.get(self._model) or _seen.setdefault(self._model, self._recorded())
            ratio = seen.input / seen.bytes if seen.bytes else 1 / guesses.BYTES
            usual, longest = seen.usual, seen.most
        images = guesses.IMAGE * len(encoded)
        bound = _bound(self._asked.body)
        if self._asked.endpoint is not None and self._asked.endpoint.verb == "embed":
            usual = bound = 0
        elif bound is None:
            bound = longest
        usual = min(usual, bound)
        inputs = round(size * ratio) + images, round(size * max(0.4, 1.5 * ratio)) + images
        return (
            Tokens(self._model, max(1, inputs[0]), usual),
            Tokens(self._model, max(1, inputs[1]), bound),
        )

    def _recorded(self) -> _Seen:
        """What the latest recorded calls of the model tell."""
        found, runtime = _Seen(), self._step.runtime
        with runtime.lock:
            for call in islice(runtime.history.calls.latest(), LATEST):
                if _tells(call.usage) and call.usage.model.startswith(self._model):
                    found.answered(call.usage.output_tokens)
        return found

    # -- what came of it -------------------------------------------------------------------

    def heard(self, status: int, header: Callable[[str], str]) -> None:
        """The server has begun to answer. ``header`` gives the value of one, in lower case, or an
        empty string."""
        gate = self._gate
        if gate is None:
            return
        if status == 429:
            gate.was_refused(self._sent, waits.asked_for(header))
            return
        gate.was_answered()
        for remaining, reset in _ALLOWANCES:
            if header(remaining) == "0":
                gate.pause(waits.seconds(header(reset)))

    def pay_expected(self) -> None:
        """It was answered, and what it cost will never be told: budgets count what was expected.
        The garbage collector calls this too, at any moment: nothing is looked up for it."""
        held, self._held = self._held, []
        for each, amount in held:
            each.settle(amount, self._expected.get(id(each), amount))

    def end(self, usage: Usage | None, *, made: bool) -> None:
        """It is over: it cost what ``usage`` says where it was ``made``, else nothing."""
        held, self._held = self._held, []
        paid = budgets.amount_of(usage) if made else Amount()
        for each, amount in held:
            each.settle(amount, paid, self._place)
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.left(self._estimate, paid.tokens)
        if made and _tells(usage) and self._model in _seen:
            self._learn(_seen[self._model], usage)

    def _learn(self, seen: _Seen, usage: Usage) -> None:
        """Of a model that somebody has wanted to know something of."""
        encoded = guesses.encoded(self._asked.content)
        with _lock:
            seen.answered(usage.output_tokens)
            if not encoded:
                seen.bytes += len(self._asked.content)
                seen.input += usage.input_tokens


def _tells(usage: Usage | None) -> TypeGuard[Usage]:
    """Whether an answer told how many tokens it had."""
    return usage is not None and usage.input_tokens + usage.output_tokens > 0


def _bound(body: Any) -> int | None:
    """The most tokens that a request asks for, or None."""
    asked = record(body)
    for where in (asked, record(asked.get("generationConfig")), record(asked.get("options"))):
        for name in _BOUNDS:
            if most := count(where.get(name)):
                return most * max(1, count(asked.get("n")))
    return None
