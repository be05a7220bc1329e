"""The graph: every reference is an edge, and a change goes exactly as far as somebody depends on it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.core.graph import REFERENCES, Graph, _keys, digest_of, references
from gagarin.core.objects import Key, Object, key_of
from tests.unit.core import builders as a

NAMES = st.sampled_from([Key("Agent", "demo", name) for name in "abcdef"])


def key(kind: str, name: str, namespace: str = a.NAMESPACE) -> Key:
    return Key(kind, namespace, name)


OWN_NAMESPACE = Key("Namespace", "", a.NAMESPACE)
ELSEWHERE = {"name": "x", "namespace": "platform"}

EDGES: list[tuple[Object, Key]] = [
    (a.provider(apiKey=a.secret_ref("keys")), key("Secret", "keys")),
    (a.provider(headers=[{"name": "X", "valueFrom": a.secret_ref("keys")}]), key("Secret", "keys")),
    (a.provider(tls={"caBundle": a.secret_ref("ca")}), key("Secret", "ca")),
    (
        a.provider(tls={"caBundle": {"configMapKeyRef": {"name": "ca", "key": "k"}}}),
        key("ConfigMap", "ca"),
    ),
    (a.model(), key("Provider", "openai")),
    (a.model(providerRef=ELSEWHERE), key("Provider", "x", "platform")),
    (a.model(providerRef=ELSEWHERE), OWN_NAMESPACE),
    (a.model(fallbackRefs=[{"name": "slow"}]), key("Model", "slow")),
    (a.tool(type="Agent", agent={"instanceRef": {"name": "other"}}), key("Instance", "other")),
    (
        a.tool(type="OpenAPI", openAPI={"configMapKeyRef": {"name": "doc", "key": "k"}}),
        key("ConfigMap", "doc"),
    ),
    (
        a.tool(type="HTTP", http={"headers": [{"name": "X", "valueFrom": a.secret_ref("keys")}]}),
        key("Secret", "keys"),
    ),
    (a.tool(auth={"bearer": a.secret_ref("keys")}), key("Secret", "keys")),
    (a.tool(auth={"basic": {"username": a.secret_ref("keys")}}), key("Secret", "keys")),
    (a.tool(auth={"basic": {"password": a.secret_ref("keys")}}), key("Secret", "keys")),
    (a.tool(auth={"header": {"name": "X"} | a.secret_ref("keys")}), key("Secret", "keys")),
    (a.tool(tls={"caBundle": a.secret_ref("ca")}), key("Secret", "ca")),
    (a.tool(tls={"caBundle": {"configMapKeyRef": {"name": "ca", "key": "k"}}}), key("ConfigMap", "ca")),
    (
        a.tool(type="Stdio", stdio={"env": [{"name": "A", "valueFrom": a.secret_ref("keys")}]}),
        key("Secret", "keys"),
    ),
    (
        a.tool(
            type="Stdio",
            stdio={"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]},
        ),
        key("ConfigMap", "c"),
    ),
    (a.agent(promptFrom={"configMapKeyRef": {"name": "texts", "key": "k"}}), key("ConfigMap", "texts")),
    (a.agent(modelRef={"name": "fast"}), key("Model", "fast")),
    (a.agent(), key("Provider", "openai")),
    (a.agent(tools=[{"toolRef": {"name": "search"}}]), key("Tool", "search")),
    (
        a.agent(rag=[{"name": "faq", "type": "ConfigMap", "configMap": {"name": "faq"}}]),
        key("ConfigMap", "faq"),
    ),
    (a.agent(retrieval={"embeddingModelRef": {"name": "e"}}), key("Model", "e")),
    (a.instance(), key("Agent", "support")),
    (a.instance(), OWN_NAMESPACE),
    (a.instance(overrides={"modelRef": {"name": "fast"}}), key("Model", "fast")),
    (a.instance(overrides={"model": {"providerRef": ELSEWHERE}}), key("Provider", "x", "platform")),
    (a.instance(history={"type": "Postgres", "postgres": a.secret_ref("db")}), key("Secret", "db")),
    (a.instance(tls={"secretName": "cert"}), key("Secret", "cert")),
    (
        a.instance(pod={"env": [{"name": "A", "valueFrom": a.secret_ref("keys")}]}),
        key("Secret", "keys"),
    ),
    (
        a.instance(pod={"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]}),
        key("ConfigMap", "c"),
    ),
]


@pytest.mark.parametrize(
    ("item", "target"), EDGES, ids=lambda each: each["kind"] if isinstance(each, dict) else str(each)
)
def test_every_reference_is_an_edge(item: Object, target: Key) -> None:
    assert target in references(item)


@pytest.mark.parametrize(
    ("kind", "path", "target"), [(kind, *row) for kind, table in REFERENCES.items() for row in table]
)
def test_every_reference_of_the_table_has_an_example(kind: str, path: str, target: str) -> None:
    examples = [item for item, _ in EDGES if item["kind"] == kind]
    assert any(list(_keys(item, path, target, a.NAMESPACE)) for item in examples)


def test_a_provider_without_secrets_depends_on_nothing() -> None:
    assert references(a.provider()) == frozenset()


@pytest.mark.parametrize(
    "spec", [None, [], "x", {"providerRef": "x"}, {"providerRef": {"name": 7}}, {"fallbackRefs": {}}]
)
def test_a_spec_that_makes_no_sense_has_no_edges(spec: Any) -> None:
    assert (
        references({"kind": "Model", "metadata": {"name": "m", "namespace": "n"}, "spec": spec})
        == frozenset()
    )


def put(graph: Graph, *items: Object) -> None:
    for item in items:
        graph.put(key_of(item), references(item), digest_of(item))


def test_a_rotated_key_reaches_exactly_the_instances_that_use_it() -> None:
    graph = Graph()
    put(
        graph,
        a.provider(apiKey=a.secret_ref("keys")),
        a.provider("other"),
        a.model(),
        a.agent(modelRef={"name": "fast"}),
        a.agent("unrelated", model={"providerRef": {"name": "other"}, "name": "x"}),
        a.instance(),
        a.instance("unrelated", agentRef={"name": "unrelated"}),
    )
    affected = graph.affected(key("Secret", "keys"))
    assert affected == {
        key("Provider", "openai"),
        key("Model", "fast"),
        key("Agent", "support"),
        key("Instance", "support"),
    }


def test_users_wait_for_an_object_that_does_not_exist_yet() -> None:
    graph = Graph()
    put(graph, a.agent(), a.instance())
    assert key("Instance", "support") in graph.affected(key("Provider", "openai"))


def test_a_change_of_namespace_labels_reaches_its_instances() -> None:
    graph = Graph()
    put(graph, a.instance())
    assert graph.affected(OWN_NAMESPACE) == {key("Instance", "support")}


def test_only_a_change_that_others_can_see_is_one() -> None:
    graph, item = Graph(), a.agent()
    assert graph.put(key_of(item), references(item), digest_of(item))
    item["status"] = {"observedGeneration": 1}
    item["metadata"]["annotations"] = {"a": "b"}
    assert not graph.put(key_of(item), references(item), digest_of(item))
    item["spec"]["prompt"] = "Be brief."
    assert graph.put(key_of(item), references(item), digest_of(item))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (a.secret(key="eA=="), a.secret(key="eQ==")),
        (a.config_map("c", {"a": "1"}), a.config_map("c", {"a": "2"})),
        (a.namespace("n", team="red"), a.namespace("n", team="blue")),
    ],
    ids=["Secret", "ConfigMap", "Namespace"],
)
def test_a_write_that_nobody_can_see_stops_at_the_object(before: Object, after: Object) -> None:
    graph, target = Graph(), key_of(before)
    user = key("Agent", "user")
    graph.put(user, frozenset({target}), "")
    graph.put(target, references(before), digest_of(before))
    before["metadata"] |= {"annotations": {"a": "b"}, "resourceVersion": "9", "managedFields": [{}]}
    assert not graph.put(target, references(before), digest_of(before))
    assert graph.put(target, references(after), digest_of(after))
    assert graph.affected(target) == {user}


@pytest.mark.parametrize(
    ("item", "target"), EDGES, ids=lambda each: each["kind"] if isinstance(each, dict) else str(each)
)
def test_a_change_at_the_far_end_of_an_edge_arrives_and_no_other_does(item: Object, target: Key) -> None:
    graph = Graph()
    put(graph, item)
    assert key_of(item) in graph.affected(target)
    assert key_of(item) not in graph.affected(target._replace(name="unrelated"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (a.secret(key="eA=="), a.secret(key="eQ==")),
        (a.config_map("c", {"a": "1"}), a.config_map("c", {"a": "2"})),
        (a.namespace("n", team="red"), a.namespace("n", team="blue")),
    ],
    ids=["Secret", "ConfigMap", "Namespace"],
)
def test_what_others_see_of_an_object_is_in_its_digest(before: Object, after: Object) -> None:
    assert digest_of(before) != digest_of(after)
    assert digest_of(before) == digest_of(before)


def test_a_reference_that_was_taken_away_is_no_edge_any_more() -> None:
    graph = Graph()
    put(graph, a.agent(modelRef={"name": "fast"}))
    put(graph, a.agent(modelRef={"name": "slow"}))
    assert graph.users(key("Model", "fast")) == frozenset()
    assert graph.users(key("Model", "slow")) == {key("Agent", "support")}


def test_a_dropped_object_uses_nothing_and_keeps_its_users() -> None:
    graph = Graph()
    put(graph, a.agent(), a.instance())
    graph.drop(key("Agent", "support"))
    assert graph.affected(key("Provider", "openai")) == {key("Provider", "openai")}
    assert graph.users(key("Agent", "support")) == {key("Instance", "support")}


def test_dropping_what_was_never_there_is_nothing() -> None:
    Graph().drop(key("Agent", "ghost"))


@given(st.dictionaries(NAMES, st.frozensets(NAMES)))
def test_affected_is_what_can_be_reached_backwards_even_in_circles(edges: dict[Key, frozenset[Key]]) -> None:
    graph = Graph()
    for user, targets in edges.items():
        graph.put(user, targets, "")
    for start in edges:
        reached = {start}
        for _ in edges:
            reached |= {user for user, targets in edges.items() if targets & reached}
        assert graph.affected(start) == reached


@given(st.lists(st.tuples(NAMES, st.frozensets(NAMES))))
def test_the_index_holds_nothing_once_everything_is_dropped(puts: list[tuple[Key, frozenset[Key]]]) -> None:
    graph = Graph()
    for user, targets in puts:
        graph.put(user, targets, "")
    for user, _ in puts:
        graph.drop(user)
    assert vars(graph) == vars(Graph())
