"""Sweeping: again and again, in batches, and through failures."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator

import pytest

from gagarin.server.errors import HistoryUnavailable
from gagarin.server.history import retention
from gagarin.serving.logs import Log
from tests.unit.server.waiting import happens, until


@pytest.mark.parametrize(
    ("keep_for", "pause"), [(None, 600.0), (1.0, 1.0), (600.0, 60.0), (864_000.0, 600.0)]
)
def test_sweeps_are_as_frequent_as_the_time_wants(keep_for: float | None, pause: float) -> None:
    assert retention.pause_of(keep_for) == pause


async def test_sweeps_go_on_until_nothing_is_left_and_through_failures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "SHORTEST", 0.0)
    sink = io.BytesIO()
    log = Log("info", sink)
    steps: Iterator[int | HistoryUnavailable] = iter(
        [retention.BATCH, 7, 0, HistoryUnavailable("disk I/O error"), 3, 0]
    )
    finished = asyncio.Event()

    async def expire(most: int) -> int:
        assert most == retention.BATCH
        step = next(steps, None)
        if step is None:
            finished.set()
            return 0
        if not isinstance(step, int):
            raise step
        return step

    async with retention.kept_swept(expire, 0.0, log):
        await happens(finished)

    async def logged() -> bool:
        return sink.getvalue().count(b"\n") == 3

    await until(logged)
    lines = sink.getvalue().decode()
    assert '"number":207' in lines
    assert '"number":3' in lines
    assert "cannot be deleted now: disk I/O error" in lines
