"""Reading what is referred to."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.controller.referents import Referents
from gagarin.core.objects import Key
from gagarin.kube.errors import Forbidden, NotFound
from gagarin.kube.resources import Resource
from tests.unit.controller.apiserver import FakeCluster
from tests.unit.controller.bench import Bench
from tests.unit.core import builders as b


class StrictCluster(FakeCluster):
    """Refuses to show objects of one kind."""

    refused = "Namespace"

    async def get(self, resource: Resource, *args: str, metadata_only: bool = False) -> dict[str, object]:
        if resource.kind == self.refused:
            raise Forbidden(f"cannot get {resource.plural}", status=403)
        return await super().get(resource, *args, metadata_only=metadata_only)


async def test_what_an_instance_needs_is_read_along_the_whole_path_and_once() -> None:
    bench = Bench()
    for item in (b.secret(), b.provider(apiKey=b.secret_ref()), b.agent(), b.namespace("demo")):
        bench.cluster.add(item)
        bench.intake.seen(
            bench.cluster.objects[
                Key(item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"])
            ]
        )
    await bench.referents.ensure(b.instance())
    await bench.referents.ensure(b.instance())
    assert sorted(bench.cluster.reads) == ["get Namespace demo", "get Secret openai"]


async def test_a_namespace_that_we_may_not_read_has_no_labels_for_us() -> None:
    bench = Bench(StrictCluster())
    await bench.referents.ensure(b.instance())
    assert bench.store.get(Key("Namespace", "", "demo")) is None


async def test_a_secret_that_we_may_not_read_is_a_failure() -> None:
    cluster = StrictCluster()
    cluster.refused = "Secret"
    with pytest.raises(Forbidden):
        await Bench(cluster).referents.ensure(b.provider(apiKey=b.secret_ref()))


async def test_namespaces_can_be_read_again() -> None:
    bench = Bench()
    bench.cluster.add(b.namespace("demo"))
    await bench.referents.ensure(b.instance())
    bench.cluster.edit(Key("Namespace", "", "demo"), ("metadata", "labels"), {"tier": "gold"})
    await bench.referents.refresh_all("Namespace")
    found = bench.store.get(Key("Namespace", "", "demo"))
    assert found is not None
    assert found["metadata"]["labels"] == {"tier": "gold"}


async def test_a_secret_that_appears_while_we_ask_for_it_is_not_lost() -> None:
    class LateCluster(FakeCluster):
        """Answers 404, but only after the watch has told of the object."""

        async def get(self, *args: Any, **options: Any) -> dict[str, Any]:
            try:
                return await super().get(*args, **options)
            except NotFound:
                bench.intake.seen(self.add(b.secret()))
                raise

    bench = Bench(LateCluster())
    bench.intake.seen(bench.cluster.add(b.provider(apiKey=b.secret_ref())))
    await bench.referents.ensure(b.provider(apiKey=b.secret_ref()))
    assert bench.store.get(Key("Secret", "demo", "openai")) is not None


async def test_what_another_watch_has_not_told_yet_is_asked_for_before_it_is_called_missing() -> None:
    bench = Bench()
    for item in (b.namespace("demo"), b.provider(), b.agent()):
        bench.cluster.add(item)
    bench.intake.seen(bench.cluster.add(b.instance()))  # the watch of Instances is ahead of the others
    await bench.work()
    assert bench.condition("Instance", "support", "ResolvedRefs")[0] == "True"
    assert [reason for about, reason in bench.told if about == "Instance support"] == ["RollingOut"]


async def test_what_is_missing_is_asked_for_once() -> None:
    bench = Bench()
    for _ in range(3):
        await bench.referents.ensure(b.agent())
    assert bench.cluster.reads == ["get Provider openai"]


async def test_circles_of_references_end() -> None:
    bench = Bench()
    bench.cluster.add(b.model("a", fallbackRefs=[{"name": "b"}]))
    bench.cluster.add(b.model("b", fallbackRefs=[{"name": "a"}]))
    await bench.referents.ensure(b.model("a", fallbackRefs=[{"name": "b"}]))
    assert "get Model b" in bench.cluster.reads


async def test_other_namespaces_are_not_asked_about() -> None:
    bench = Bench()
    confined = Referents(bench.cluster, bench.intake, ("demo",))
    far = {"providerRef": {"name": "shared", "namespace": "far"}, "name": "m"}
    await confined.ensure(b.agent(model=far))
    assert not any("shared" in read for read in bench.cluster.reads)
