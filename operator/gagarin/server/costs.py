"""What an answer costs, by the prices in the Model resource. Decimals, because money is counted in them."""

from __future__ import annotations

from decimal import Decimal

from gagarin.core.config import Cost
from gagarin.server.wire import Usage


def cost_of(prices: Cost | None, usage: Usage | None) -> Decimal | None:
    """The cost of one call of a model, in the currency of its prices; None when either is not known."""
    if prices is None or usage is None:
        return None
    return (
        Decimal(prices.input_per_token) * max(usage.prompt_tokens, 0)
        + Decimal(prices.output_per_token) * max(usage.completion_tokens, 0)
    ).normalize()


def plain(cost: Decimal) -> str:
    """The cost as a text without an exponent."""
    return f"{cost:f}"
