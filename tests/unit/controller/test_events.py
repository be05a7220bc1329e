"""Events tell transitions."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from gagarin.controller.events import NOTE_LENGTH, WAITING, Events
from gagarin.core.objects import Object
from gagarin.core.status import Transition
from gagarin.kube.errors import Unavailable
from tests.unit.controller.apiserver import FakeCluster
from tests.unit.core import builders as b

NEWS = Transition("ResolvedRefs", "False", "RefNotFound", "Provider demo/x does not exist")


def agent(version: str = "5") -> Object:
    item = b.agent()
    item["metadata"] |= {"uid": "u", "resourceVersion": version}
    return item


async def send(cluster: FakeCluster, *news: tuple[Object, Transition]) -> list[Object]:
    events = Events(cluster, "pod-1", lambda: datetime(2030, 1, 1, tzinfo=UTC))
    sending = asyncio.create_task(events.send())
    for item, transition in news:
        events.tell(item, transition)
    await asyncio.wait_for(events.flush(), 5)
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    return [item for key, item in cluster.objects.items() if key.kind == "Event"]


async def test_an_event_says_what_changed_on_what_and_who_says_so() -> None:
    (event,) = await send(FakeCluster(), (agent(), NEWS))
    assert event["regarding"] == {
        "apiVersion": "gagarin.fyodorov.ai/v1alpha1",
        "kind": "Agent",
        "namespace": "demo",
        "name": "support",
        "uid": "u",
    }
    assert (event["type"], event["reason"], event["note"]) == ("Warning", NEWS.reason, NEWS.message)
    assert event["eventTime"] == "2030-01-01T00:00:00.000000Z"
    assert (event["reportingController"], event["reportingInstance"]) == (
        "gagarin.fyodorov.ai/operator",
        "pod-1",
    )


async def test_the_same_transition_makes_one_event_and_a_later_one_another() -> None:
    events = await send(FakeCluster(), (agent(), NEWS), (agent(), NEWS), (agent("6"), NEWS))
    assert len(events) == 2


async def test_an_event_that_the_cluster_does_not_take_is_dropped() -> None:
    cluster = FakeCluster(failing=[Unavailable("down")])
    assert len(await send(cluster, (agent(), NEWS), (agent("6"), NEWS))) == 1


async def test_a_long_message_is_shortened_to_what_the_api_takes() -> None:
    (event,) = await send(FakeCluster(), (agent(), Transition("Ready", "False", "PodCrashed", "ä" * 2000)))
    assert len(event["note"].encode()) <= NOTE_LENGTH
    assert event["note"].endswith("…")


def test_when_nothing_can_be_sent_for_long_the_newest_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    events = Events(FakeCluster(), "pod-1", lambda: datetime(2030, 1, 1, tzinfo=UTC))
    for _ in range(WAITING + 1):
        events.tell(agent(), NEWS)
    assert caplog.messages == ["an Event about support was dropped"]
