"""The values: refused when they are wrong, every one described, every description in the README."""

import json
from typing import Any

import pytest
import yaml

from scripts.charts import TABLE_BEGINS, table_of, values_of
from tests.unit.charts.rendering import CHARTS, Object, refusal, render


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicaCount": 2}, "additional properties 'replicaCount' not allowed"),
        ({"image": {"name": "x"}}, "at '/image': additional properties 'name' not allowed"),
        ({"instances": {"images": {}}}, "at '/instances': additional properties 'images' not allowed"),
        ({"replicas": "two"}, "at '/replicas': got string, want integer"),
        ({"replicas": -1}, "at '/replicas': minimum: got -1, want 0"),
        ({"workers": 0}, "at '/workers': minimum: got 0, want 1"),
        ({"resyncSeconds": 0.5}, "at '/resyncSeconds': got number, want integer"),
        ({"maxConcurrentRollouts": 0}, "at '/maxConcurrentRollouts': minimum: got 0, want 1"),
        (
            {"log": {"level": "loud"}},
            "at '/log/level': value must be one of 'debug', 'info', 'warning', 'error'",
        ),
        ({"log": {"format": "xml"}}, "at '/log/format': value must be one of 'json', 'text'"),
        ({"image": {"pullPolicy": "Sometimes"}}, "at '/image/pullPolicy': value must be one of"),
        ({"image": {"repository": ""}}, "at '/image/repository': '' does not match pattern"),
        ({"image": {"repository": "a/b:tag:x"}}, "at '/image/repository'"),
        ({"image": {"tag": 1.2}}, "at '/image/tag': got number, want string"),
        ({"image": {"digest": "sha256:1"}}, "at '/image/digest': 'sha256:1' does not match pattern"),
        ({"watchNamespaces": "a"}, "at '/watchNamespaces': got string, want array"),
        ({"watchNamespaces": ["Team_A"]}, "at '/watchNamespaces/0': 'Team_A' does not match pattern"),
        ({"watchNamespaces": ["a", "a"]}, "at '/watchNamespaces': items at 0 and 1 are equal"),
        ({"serviceMonitor": {"enabled": "yes"}}, "at '/serviceMonitor/enabled': got string, want boolean"),
        ({"serviceMonitor": {"interval": "often"}}, "at '/serviceMonitor/interval'"),
        ({"podLabels": {"a": 1}}, "at '/podLabels/a': got number, want string"),
        ({"imagePullSecrets": ["registry"]}, "at '/imagePullSecrets/0': got string, want object"),
        ({"resources": {"request": {}}}, "at '/resources': additional properties 'request' not allowed"),
        ({"extraEnv": [{"value": "x"}]}, "at '/extraEnv/0': missing property 'name'"),
        (
            {"extraEnv": [{"name": "GAGARIN_WORKERS"}]},
            "GAGARIN_WORKERS is one of the operator's own settings",
        ),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name: name the account to use"),
        ({"instances": {"proxy": {"https": "proxy:3128"}}}, "at '/instances/proxy/https'"),
        ({"instances": {"proxy": {"noProxy": "a, b"}}}, "at '/instances/proxy/noProxy'"),
        ({"instances": {"caBundle": "not PEM"}}, "at '/instances/caBundle'"),
        ({"instances": {"caBundle": "\n"}}, "at '/instances/caBundle'"),
        ({"instances": {"imageMirrors": [{"from": "a/"}]}}, "missing property 'to'"),
        (
            {"instances": {"imageMirrors": [{"from": "a,b", "to": "c"}]}},
            "at '/instances/imageMirrors/0/from'",
        ),
        ({"instances": {"imagePullSecrets": [{"name": ""}]}}, "at '/instances/imagePullSecrets/0/name'"),
        ({"instances": {"fsGroup": 0}}, "at '/instances/fsGroup': minimum: got 0, want 1"),
        ({"instances": {"runAsUser": "root"}}, "at '/instances/runAsUser': got string, want"),
        ({"instances": {"apiServerCIDRs": ["10.0.0.1"]}}, "at '/instances/apiServerCIDRs/0'"),
        ({"policy": {"stdioImages": [""]}}, "at '/policy/stdioImages/0'"),
        ({"policy": {"annotationPrefixes": "a/"}}, "at '/policy/annotationPrefixes': got string, want array"),
        ({"policy": {"secretLabel": "a=b=c"}}, "at '/policy/secretLabel'"),
        ({"auth": {"tokenReview": "yes"}}, "at '/auth/tokenReview': got string, want boolean"),
        ({"networkPolicy": {"from": {}}}, "at '/networkPolicy/from': got object, want array"),
        ({"podMonitor": {"interval": "often"}}, "at '/podMonitor/interval'"),
        ({"dashboard": {"labels": {"a": 1}}}, "at '/dashboard/labels/a': got number, want string"),
        (
            {"prometheusRule": {"enabled": True, "disabled": ["Mine"]}},
            "prometheusRule.disabled: there is no alert Mine",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(values: Object, said: str) -> None:
    assert said in refusal(values)


def test_the_definitions_chart_refuses_wrong_values_too() -> None:
    assert "at '/keep': got string, want boolean" in refusal({"keep": "no"}, chart="gagarin-crds")
    assert "additional properties 'retain' not allowed" in refusal({"retain": True}, chart="gagarin-crds")


def test_helms_own_global_value_is_taken_so_that_the_charts_can_be_subcharts() -> None:
    assert render(values={"global": {"a": "b"}}) == render()


@pytest.mark.parametrize("chart", ["gagarin", "gagarin-crds"])
def test_the_schema_knows_every_value_and_no_other(chart: str) -> None:
    schema = json.loads((CHARTS / chart / "values.schema.json").read_text())
    values = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    assert list(known_to(schema)) == ["global", *values]
    for name, section in values.items():
        if schema["properties"][name].get("additionalProperties") is False and name != "resources":
            assert set(known_to(schema["properties"][name])) == set(section), name


def known_to(schema: Any) -> dict[str, Any]:
    """The properties of a section; a section that takes any others has none to speak of."""
    assert schema["additionalProperties"] is False
    properties: dict[str, Any] = schema["properties"]
    return properties


@pytest.mark.parametrize("chart", ["gagarin", "gagarin-crds"])
def test_the_readme_has_every_value_with_its_default(chart: str) -> None:
    readme = (CHARTS / chart / "README.md").read_text()
    values = (CHARTS / chart / "values.yaml").read_text()
    assert TABLE_BEGINS + table_of(values_of(values)) in readme


def test_a_value_that_nobody_described_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"nothing above image\.tag says what it is for"):
        values_of("image:\n  # Where it lies.\n  repository: a\n  tag: b\n")


def test_a_comment_describes_the_key_below_it_with_all_it_holds() -> None:
    text = "# Not about a key.\n\n# All of\n# it.\nlimits:\n  cpu: 1\n\nlog:\n  # How much.\n  level: info\n"
    assert values_of(text) == [
        ("limits", '{"cpu": 1}', "All of it."),
        ("log.level", '"info"', "How much."),
    ]
