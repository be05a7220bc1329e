"""Reading what is referred to."""

from __future__ import annotations

import pytest

from gagarin.core.objects import Key
from gagarin.kube.errors import Forbidden
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
