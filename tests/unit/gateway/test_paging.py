"""Pages: newest first, none left out, none twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.gateway.paging import Page, created, newest, page_of
from gagarin.serving.errors import Problem

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
items = st.lists(st.integers(0, 20), max_size=40).map(
    lambda seconds: [item(f"n-{number}", second) for number, second in enumerate(seconds)]
)


def item(name: str, second: int) -> dict[str, Any]:
    time = (BEGIN + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"metadata": {"name": name, "creationTimestamp": time}}


@given(items=items, limit=st.integers(1, 10))
def test_following_the_pages_gives_every_row_once(items: list[dict[str, Any]], limit: int) -> None:
    seen: list[dict[str, Any]] = []
    page = Page(limit)
    while rows := newest(items, page):
        assert len(rows) >= min(limit, len(items) - len(seen))
        seen += rows
        page = Page(limit, created(rows[-1]))
    assert sorted(row["metadata"]["name"] for row in seen) == sorted(row["metadata"]["name"] for row in items)
    times = [created(row) for row in seen]
    assert times == sorted(times, reverse=True)


@given(items=items, limit=st.integers(1, 10), cut=st.integers(0, 40))
def test_what_was_not_on_the_page_of_a_part_is_not_on_that_of_all(
    items: list[dict[str, Any]], limit: int, cut: int
) -> None:
    page = Page(limit)
    assert newest([*newest(items[:cut], page), *items[cut:]], page) == newest(items, page)


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "ten", "", "1e9", "1000000000", "٣"])
def test_a_wrong_limit_is_a_400(limit: str) -> None:
    with pytest.raises(Problem) as caught:
        page_of({"limit": limit})
    assert (caught.value.status, caught.value.errors[0][0]) == (400, "limit")


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00+00:00",
        "2026-01-31T12:00:00 00:00",
        "2026-01-31 12:00:00",
        "2026-01-31T13:00:00.000000+01:00",
    ],
)
def test_times_are_taken_in_all_the_forms_that_clients_send(text: str) -> None:
    assert page_of({"created_at_lt": text}).before == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_a_wrong_time_is_a_400(text: str) -> None:
    with pytest.raises(Problem) as caught:
        page_of({"created_at_lt": text})
    assert caught.value.status == 400
