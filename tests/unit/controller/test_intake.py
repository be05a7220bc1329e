"""Which news becomes work, and for whom."""

from __future__ import annotations

import pytest

from gagarin.core.names import labels
from gagarin.core.objects import Key, Object
from tests.unit.controller.bench import Bench
from tests.unit.core import builders as b

AGENT, INSTANCE = Key("Agent", "demo", "support"), Key("Instance", "demo", "support")
PROVIDER, SECRET = Key("Provider", "demo", "openai"), Key("Secret", "demo", "openai")


@pytest.fixture
def bench() -> Bench:
    """Everything known, nothing to do."""
    bench = Bench()
    for item in (b.secret(), b.provider(apiKey=b.secret_ref()), b.agent(), b.instance()):
        bench.intake.seen(bench.cluster.add(item))
    taken(bench)
    return bench


def taken(bench: Bench) -> set[Key]:
    """The keys that wait, which are then done."""
    keys = set()
    while (key := bench.queue.take()) is not None:
        keys.add(key)
        bench.queue.done(key)
    return keys


def child(bench: Bench, name: str = "support", **metadata: object) -> Object:
    own: Object = {"namespace": "demo", "name": "c", "labels": labels(name), **metadata}
    return bench.cluster.add({"apiVersion": "v1", "kind": "Service", "metadata": own, "spec": metadata})


def test_a_change_reaches_everything_that_builds_on_it(bench: Bench) -> None:
    bench.intake.seen(bench.cluster.add(b.secret(key="bmV3")))
    assert taken(bench) == {PROVIDER, AGENT, INSTANCE}


def test_a_change_that_nobody_else_can_see_stays_where_it_is(bench: Bench) -> None:
    bench.intake.seen(bench.cluster.edit(PROVIDER, ("metadata", "labels"), {"team": "a"}))
    assert taken(bench) == {PROVIDER}


def test_old_news_is_no_work(bench: Bench) -> None:
    old = bench.cluster.edit(PROVIDER, ("metadata", "labels"), {"team": "a"})
    bench.intake.seen(bench.cluster.edit(PROVIDER, ("metadata", "labels"), {"team": "b"}))
    taken(bench)
    bench.intake.seen(old)
    assert taken(bench) == set()


def test_a_deletion_reaches_everything_that_built_on_it_once(bench: Bench) -> None:
    bench.intake.gone(AGENT, 10_000)
    assert taken(bench) == {AGENT, INSTANCE}
    bench.intake.gone(AGENT, 10_000)
    assert taken(bench) == set()


def test_what_nobody_knew_can_still_be_waited_for(bench: Bench) -> None:
    bench.intake.seen(bench.cluster.add(b.agent("other", modelRef={"name": "fast"})))
    taken(bench)
    bench.intake.seen(bench.cluster.add(b.model()))
    assert taken(bench) == {Key("Model", "demo", "fast"), Key("Agent", "demo", "other")}


def test_a_childs_news_is_its_instances_work(bench: Bench) -> None:
    bench.intake.seen(child(bench))
    assert taken(bench) == {INSTANCE}
    bench.intake.gone(Key("Service", "demo", "c"), 10_000)
    assert taken(bench) == {INSTANCE}


def test_a_child_that_changes_hands_is_work_for_both(bench: Bench) -> None:
    other = Key("Instance", "demo", "other")
    bench.intake.seen(bench.cluster.add(b.instance("other")))
    bench.intake.seen(child(bench))
    taken(bench)
    bench.intake.seen(child(bench, "other"))
    assert taken(bench) == {INSTANCE, other}


def test_a_child_of_nobody_is_nobodys_work(bench: Bench) -> None:
    bench.intake.seen(child(bench, "stranger"))
    assert taken(bench) == set()


def test_what_is_ignored_leaves_as_if_it_were_gone_but_may_return_unchanged(bench: Bench) -> None:
    item = bench.cluster.edit(SECRET, ("metadata", "labels"), {"a": "b"})
    bench.intake.seen(item)
    taken(bench)
    bench.intake.ignored(SECRET)
    assert taken(bench) == {PROVIDER, AGENT, INSTANCE}
    bench.intake.seen(bench.cluster.edit(SECRET, ("metadata", "labels"), {"a": "c"}))
    assert bench.store.get(SECRET) is not None
