"""Starting and stopping in order: what ends, and why."""

from __future__ import annotations

import asyncio

import pytest

from gagarin.controller.main import main
from gagarin.controller.process import _before, _cancel, _first


async def forever() -> None:
    await asyncio.Event().wait()


async def shortly(error: Exception | None = None) -> None:
    await asyncio.sleep(0)
    if error is not None:
        raise error


async def test_a_part_that_fails_ends_the_process_with_its_error() -> None:
    tasks = [asyncio.create_task(forever()), asyncio.create_task(shortly(ValueError("broken")))]
    with pytest.raises(ValueError, match="broken"):
        await _first(asyncio.Event(), tasks)
    await _cancel(tasks)


async def test_a_part_that_just_ends_is_a_failure_too() -> None:
    task = asyncio.create_task(shortly(), name="watch of pods")
    with pytest.raises(RuntimeError, match="watch of pods ended by itself"):
        await _first(asyncio.Event(), [task])


async def test_being_told_to_stop_ends_the_wait() -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(forever())
    stop.set()
    await _first(stop, [task])
    await _cancel([task])
    assert task.cancelled()


async def test_a_start_that_is_stopped_does_not_go_on() -> None:
    stop = asyncio.Event()
    assert await _before(stop, shortly())
    stop.set()
    assert not await _before(stop, forever())
    with pytest.raises(ValueError, match="broken"):
        await _before(asyncio.Event(), shortly(ValueError("broken")))


@pytest.mark.usefixtures("own_logs")
def test_without_an_api_server_the_reason_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert main(["--instance-image", "chat:1"]) == 2
    assert "KUBERNETES_SERVICE_HOST is not set" in capsys.readouterr().err
