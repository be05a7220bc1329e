"""Starting and stopping in order: what ends, and why."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gagarin.controller.main import main
from gagarin.controller.process import Operator, _before, _cancel, _first
from gagarin.controller.settings import parse
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint
from tests.unit.core import builders as b
from tests.unit.kube.certificates import key_pair


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


async def test_a_renewed_ca_bundle_is_read_again_and_an_unusable_one_is_not_taken(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(key_pair()[0])
    settings = parse(["--instance-image", "chat:1", "--instance-ca-bundle", str(bundle)], {})
    async with KubeClient(Endpoint("http://127.0.0.1:1")) as client:
        operator = Operator(settings, client, lambda: None)
        assert not operator._read_settings()
        bundle.write_text(key_pair()[0] * 2)
        assert operator._read_settings()
        assert operator._render.ca_bundle == key_pair()[0] * 2
        bundle.write_text("nothing")
        assert not operator._read_settings()
        assert operator._render.ca_bundle == key_pair()[0] * 2


async def test_each_resync_looks_at_a_part_of_all_resources_and_twelve_at_all_of_them() -> None:
    async with KubeClient(Endpoint("http://127.0.0.1:1")) as client:
        operator = Operator(parse(["--instance-image", "chat:1"], {}), client, lambda: None)
        for number in range(30):
            operator._store.put(b.agent(f"a{number}") | {"metadata": versioned(f"a{number}")})
        seen = []
        for _ in range(12):
            operator._look_again(every=12)
            while (key := operator._queue.take()) is not None:
                seen.append(key.name)
                operator._queue.done(key)
        assert sorted(seen) == sorted(f"a{number}" for number in range(30))


def versioned(name: str) -> dict[str, str]:
    return {"namespace": "demo", "name": name, "resourceVersion": "1"}


@pytest.mark.usefixtures("own_logs")
def test_without_an_api_server_the_reason_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert main(["--instance-image", "chat:1"]) == 2
    assert "KUBERNETES_SERVICE_HOST is not set" in capsys.readouterr().err
