"""Costs are exact, and unknown where a price or the usage is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gagarin.core.config import Cost
from gagarin.server.costs import cost_of, plain
from gagarin.server.wire import Usage

PRICES = Cost(input_per_token="0.00000015", output_per_token="0.0000006")


def test_each_kind_of_token_has_its_price() -> None:
    assert cost_of(PRICES, Usage(1000, 500, 1500)) == Decimal("0.00045")


@pytest.mark.parametrize(("prices", "usage"), [(None, Usage(1, 1, 2)), (PRICES, None)])
def test_what_is_not_known_costs_nothing_known(prices: Cost | None, usage: Usage | None) -> None:
    assert cost_of(prices, usage) is None


def test_a_provider_that_counts_below_zero_gives_no_money_back() -> None:
    assert cost_of(PRICES, Usage(-5, -5, 0)) == 0


@pytest.mark.parametrize(("cost", "text"), [("0.00000015", "0.00000015"), ("1E+2", "100"), ("0", "0")])
def test_a_cost_is_written_without_an_exponent(cost: str, text: str) -> None:
    assert plain(Decimal(cost)) == text
