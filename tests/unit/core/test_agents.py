"""Agents: knowledge and time, which are theirs alone."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.core import config
from gagarin.core.objects import Key, Object
from gagarin.core.resolved import Folder
from tests.unit.core import builders as a

FAQ = a.config_map("faq", {"a.md": "A", "b.md": "B"})
URL = {"name": "site", "type": "URL", "url": "https://x.example.com/a.md"}
TEXTS = {"name": "texts", "type": "ConfigMap", "configMap": {"name": "faq"}}


def knowledge(
    *rag: dict[str, Any], others: tuple[Object, ...] = (FAQ,), **spec: Any
) -> config.Knowledge | None:
    agent = a.agent(rag=list(rag), **spec)
    return a.resolved(a.instance(), agent, a.provider(), *others).config.knowledge


def test_without_sources_there_is_no_knowledge() -> None:
    assert knowledge() is None
    assert knowledge(retrieval={"topK": 9}) is None


def test_sources_are_addresses_and_folders() -> None:
    found = knowledge(URL, TEXTS, {**URL, "name": "news", "refreshInterval": "5m"})
    assert found == config.Knowledge(
        sources=(
            config.Source(name="site", url="https://x.example.com/a.md"),
            config.Source(name="texts", folder="texts"),
            config.Source(name="news", url="https://x.example.com/a.md", refresh=300.0),
        )
    )


def test_passages_are_found_by_meaning_with_a_model_for_it() -> None:
    retrieval = {"topK": 9, "embeddingModelRef": {"name": "e"}}
    found = knowledge(URL, retrieval=retrieval, others=(a.model("e", mode="Embedding", model="embed"),))
    assert found is not None
    assert found.top_k == 9
    assert found.embedding is not None
    assert found.embedding.model == "embed"


def test_texts_beside_the_pods_are_mounted_and_not_copied() -> None:
    some = {"name": "some", "type": "ConfigMap", "configMap": {"name": "faq", "keys": ["b.md"]}}
    agent = a.agent(rag=[TEXTS, some])
    resolution = a.look(a.instance(), agent, a.provider(), FAQ)
    assert resolution.resolved is not None
    source = Key("ConfigMap", "demo", "faq")
    assert resolution.resolved.folders == (Folder("some", source, ("b.md",)), Folder("texts", source))
    assert resolution.resolved.copies == ()
    assert resolution.mounted == {source}


@pytest.mark.parametrize(
    ("keys", "data", "binary"),
    [
        ([], {"a.md": "A", "b.md": "B"}, {"c.pdf": "AA=="}),
        (["b.md", "c.pdf"], {"b.md": "B"}, {"c.pdf": "AA=="}),
    ],
    ids=["all", "some"],
)
def test_texts_of_another_namespace_are_copied(
    keys: list[str], data: dict[str, str], binary: dict[str, str]
) -> None:
    shared = a.config_map("faq", {"a.md": "A", "b.md": "B"}, "platform") | {"binaryData": {"c.pdf": "AA=="}}
    source = {"name": "faq", "type": "ConfigMap", "configMap": {"name": "faq", "keys": keys}}
    agent = a.agent("support", "platform", rag=[source], allowedNamespaces={"from": "All"})
    item = a.instance(agentRef={"name": "support", "namespace": "platform"})
    open_provider = a.provider(namespace="platform", allowedNamespaces={"from": "All"})
    resolution = a.look(item, agent, open_provider, shared)
    assert resolution.resolved is not None
    (copy,) = resolution.resolved.copies
    assert (copy.data, copy.binary) == (data, binary)
    local = Key("ConfigMap", "demo", resolution.resolved.local_name(copy.source))
    assert resolution.mounted == {copy.source, local}


def test_a_change_of_mounted_texts_changes_no_revision() -> None:
    changed = a.config_map("faq", {"a.md": "Another", "new.md": "N"})
    one, other = (
        a.resolved(a.instance(), a.agent(rag=[TEXTS]), a.provider(), texts) for texts in (FAQ, changed)
    )
    assert one.config.revision == other.config.revision


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "America/Argentina/Buenos_Aires", "Etc/GMT+3"])
def test_a_time_zone_reaches_the_configuration(zone: str) -> None:
    assert a.resolved(a.instance(), a.agent(timeZone=zone), a.provider()).config.time_zone == zone


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Europe", "utc0"])
def test_a_time_zone_that_does_not_exist_is_told(zone: str) -> None:
    assert a.told(a.look(a.agent(timeZone=zone), a.provider())) == [
        ("InvalidSpec", f"spec.timeZone: there is no time zone {zone}")
    ]
