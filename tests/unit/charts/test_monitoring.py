"""Alerts and dashboard: every query parses, and asks only for what operator and chat servers expose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser as promql
import pytest
import yaml
from prometheus_client import CollectorRegistry

from gagarin.controller.metrics import Metrics as OperatorMetrics
from gagarin.core import names
from gagarin.server.metrics import Metrics as ServerMetrics
from tests.unit.charts.rendering import CHARTS, ROOT, of_kind, only, render
from tests.unit.controller.bench import Bench

RULES = yaml.safe_load((CHARTS / "gagarin" / "rules" / "gagarin.yaml").read_text())
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
DASHBOARD = json.loads((CHARTS / "gagarin" / "dashboards" / "gagarin.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
# The labels that a scrape adds.
SCRAPED = {"namespace", "pod", "job", "container", "gagarin_instance"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def exposed() -> dict[str, frozenset[str]]:
    """The name of every series, with its own labels."""
    registries = (operator_registry(), ServerMetrics()._registry)
    return {name: labels for registry in registries for name, labels in _series(registry)}


def operator_registry() -> CollectorRegistry:
    """The operator's metrics, with a resource to count."""
    bench = Bench()
    bench.store.put({"kind": "Agent", "metadata": {"name": "a", "namespace": "b", "resourceVersion": "1"}})
    return OperatorMetrics(bench.queue, bench.store, bench.rollouts).registry


def _series(registry: CollectorRegistry) -> Iterator[tuple[str, frozenset[str]]]:
    for collector in list(registry._collector_to_names):
        for family in collector.collect():
            labels = set(getattr(collector, "_labelnames", ()))
            labels |= {label for sample in family.samples for label in sample.labels} - {"le"}
            for suffix in SUFFIXES.get(family.type, ("",)):
                bucket = {"le"} if suffix == "_bucket" else set()
                yield family.name + suffix, frozenset(labels | bucket)


def parsed(query: str) -> promql.Expr:
    """The query as PromQL, with Grafana's variables replaced."""
    plain = query.replace("$__rate_interval", "5m").replace("$namespace", ".*").replace("$instance", ".*")
    return promql.parse(plain)


def parts(node: promql.Expr) -> Iterator[promql.Expr]:
    """A query and every part of it."""
    yield node
    inner = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector")]
    for each in [*inner, *getattr(node, "args", ())]:
        if each is not None:
            yield from parts(each)


def asked_of(query: str) -> Iterator[tuple[str, set[str]]]:
    """Each series that a query selects, with the labels that its matchers name."""
    for part in parts(parsed(query)):
        if isinstance(part, promql.VectorSelector):
            assert part.name is not None
            yield part.name, {matcher.name for matcher in part.matchers.matchers}


def grouped_by(query: str) -> set[str]:
    """The labels that the query's aggregations keep."""
    aggregations = [part for part in parts(parsed(query)) if isinstance(part, promql.AggregateExpr)]
    return {label for part in aggregations if part.modifier for label in part.modifier.labels}


def shown_labels(text: str) -> set[str]:
    """The labels that a legend or an annotation prints."""
    return set(re.findall(r"{{\s*(?:\$labels\.)?(\w+)\s*}}", text))


EVERY_QUERY = [(name, rule["expr"]) for name, rule in ALERTS.items()] + QUERIES


@pytest.mark.parametrize(("where", "query"), EVERY_QUERY)
def test_a_query_asks_for_series_and_labels_that_exist(where: str, query: str) -> None:
    known = exposed()
    for name, labels in asked_of(query):
        assert name in known, f"{where}: nothing exposes {name}"
        assert labels <= known[name] | SCRAPED, f"{where}: {name} has no such label"
    own = set().union(*(known[name] for name, _ in asked_of(query)))
    assert grouped_by(query) <= own | SCRAPED, where


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_prints_only_labels_that_its_query_keeps(name: str) -> None:
    rule = ALERTS[name]
    kept = grouped_by(rule["expr"])
    for text in rule["annotations"].values():
        printed = set(re.findall(r"\$labels\.(\w+)", text))
        assert printed <= kept, text


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_how_long_it_waits_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert re.fullmatch(r"[0-9]+[mh]", rule["for"])
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor == name.lower()
    assert f"### {name}\n" in (ROOT / page).read_text()


def test_the_page_explains_no_alert_that_does_not_exist() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    assert re.findall(r"^### (Gagarin\w+)$", page, re.MULTILINE) == list(ALERTS)


def test_the_page_lists_every_metric_with_its_labels() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    rows = re.findall(r"^\| `(gagarin_\w+)` \| ([^|]*) \|", page, re.MULTILINE)
    documented = {name: frozenset(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    assert documented == {
        re.sub(r"_count$", "", name): labels
        for name, labels in exposed().items()
        if name.startswith("gagarin_") and not name.endswith(("_bucket", "_sum"))
    }


def test_the_rule_of_the_chart_is_the_file_less_what_is_left_out() -> None:
    values = {"prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}}}
    whole = only(render(values=values), "PrometheusRule")
    assert whole["spec"] == RULES
    assert whole["metadata"]["labels"]["release"] == "prometheus"
    values["prometheusRule"]["disabled"] = ["GagarinChatErrors"]
    rules = only(render(values=values), "PrometheusRule")["spec"]["groups"]
    assert {rule["alert"] for group in rules for rule in group["rules"]} == ALERTS.keys() - {
        "GagarinChatErrors"
    }


def test_the_dashboard_is_a_config_map_for_the_sidecar() -> None:
    values = {"dashboard": {"enabled": True, "annotations": {"grafana_folder": "Agents"}}}
    dashboard = only(render(values=values), "ConfigMap")
    assert json.loads(dashboard["data"]["gagarin.json"]) == DASHBOARD
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["metadata"]["annotations"] == {"grafana_folder": "Agents"}


def test_every_panel_says_what_it_shows_and_none_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert panel["type"] == "row" or panel["description"], panel["title"]
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_a_legend_prints_labels_that_its_query_keeps(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        assert shown_labels(target["legendFormat"]) <= grouped_by(target["expr"]) | {"pod"}, panel["title"]


@pytest.mark.parametrize(
    ("namespaces", "selector"),
    [([], {"any": True}), (["a", "b"], {"matchNames": ["a", "b"]})],
)
def test_the_metrics_of_chat_servers_are_scraped_where_they_are_served(
    namespaces: list[str], selector: dict[str, Any]
) -> None:
    values = {"podMonitor": {"enabled": True, "interval": "15s"}, "watchNamespaces": namespaces}
    spec = only(render(values=values), "PodMonitor")["spec"]
    assert spec["namespaceSelector"] == selector
    assert spec["selector"]["matchLabels"].items() <= names.labels("any").items()
    (endpoint,) = spec["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"], endpoint["interval"]) == ("ops", "/metrics", "15s")
    (relabeling,) = endpoint["relabelings"]
    label = re.sub(r"[^a-z]", "_", names.INSTANCE)
    assert relabeling["sourceLabels"] == [f"__meta_kubernetes_pod_label_{label}"]
    assert relabeling["targetLabel"] in SCRAPED


def test_none_of_it_is_there_unless_asked_for() -> None:
    objects = render()
    for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule", "ConfigMap", "NetworkPolicy"):
        assert of_kind(objects, kind) == []
