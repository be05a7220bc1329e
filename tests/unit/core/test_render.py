"""Rendering: what the golden files cannot show, namely what changes the revision and what never does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.api.fields import NAME
from gagarin.core import config, names
from gagarin.core.objects import Object
from gagarin.core.render import RenderSettings, render, revision_of
from gagarin.core.settings import Proxy
from tests.unit.core import builders as a

SETTINGS = RenderSettings(image="img:1")
NARROWED = RenderSettings(image="img:1", api_server_cidrs=("10.0.0.1/32",))


def children(
    item: Object | None = None, *others: Object, settings: RenderSettings = SETTINGS
) -> dict[str, Object]:
    """The children of an Instance by their kind."""
    resolution = a.look(item or a.instance(), *(others or (a.agent(), a.provider())))
    assert resolution.resolved is not None, resolution.problems
    return {child["kind"]: child for child in render(resolution.resolved, settings)}


def revision(item: Object | None = None, *others: Object, settings: RenderSettings = SETTINGS) -> str:
    return revision_of(list(children(item, *others, settings=settings).values()))


def pod_spec(**pod: Any) -> Object:
    spec: Object = children(a.instance(pod=pod))["Deployment"]["spec"]["template"]["spec"]
    return spec


def test_children_come_in_the_order_to_apply() -> None:
    assert list(children()) == [
        "ServiceAccount",
        "RoleBinding",
        "ConfigMap",
        "NetworkPolicy",
        "Deployment",
        "Service",
    ]
    everything = a.instance(history={"type": "Postgres", "postgres": a.secret_ref()}, autoscaling={"max": 2})
    assert list(children(everything, a.agent(), a.provider(), a.secret()))[-4:] == [
        "Deployment",
        "Service",
        "PodDisruptionBudget",
        "HorizontalPodAutoscaler",
    ]


def test_copies_and_volumes_come_before_the_pods_that_mount_them() -> None:
    lent = {"from": "All", "credentials": "Copy"}
    shared = a.provider("shared", "platform", allowedNamespaces=lent, apiKey=a.secret_ref())
    chosen = {"model": {"providerRef": {"name": "shared", "namespace": "platform"}, "name": "x"}}
    item = a.instance(overrides=chosen, history={"type": "Persistent"})
    found = list(children(item, a.agent(), shared, a.secret(namespace="platform")))
    order = ["ServiceAccount", "RoleBinding", "Secret", "ConfigMap", "PersistentVolumeClaim", "NetworkPolicy"]
    assert found == [*order, "Deployment", "Service"]


def test_every_child_is_owned_labelled_and_in_the_namespace() -> None:
    for child in children().values():
        metadata = child["metadata"]
        (owner,) = metadata["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("Instance", "support", "uid-of-support")
        assert owner["controller"] is True
        assert metadata["labels"].items() >= {names.MANAGED_BY: "gagarin", names.INSTANCE: "support"}.items()
        assert metadata["namespace"] == "demo"


def test_a_file_has_no_owner_yet() -> None:
    item = a.instance()
    del item["metadata"]["uid"]
    assert all("ownerReferences" not in child["metadata"] for child in children(item).values())


def test_one_revision_names_everything_a_pod_is_made_from() -> None:
    found = children()
    template = found["Deployment"]["spec"]["template"]
    assert template["metadata"]["labels"][names.REVISION] == revision()
    assert found["ConfigMap"]["metadata"]["name"] == f"support-{revision()}"
    assert template["spec"]["volumes"][0]["configMap"]["name"] == f"support-{revision()}"
    assert config.decode(found["ConfigMap"]["data"]["agent.json"]).revision == revision()
    assert found["ConfigMap"]["immutable"] is True


ROLLS: list[tuple[str, str]] = [
    ("the prompt", revision(None, a.agent(prompt="Be brief."), a.provider())),
    ("the provider", revision(None, a.agent(), a.provider(retries=0))),
    ("a variable", revision(a.instance(pod={"env": [{"name": "A", "value": "b"}]}))),
    ("a pod label", revision(a.instance(pod={"labels": {"a": "b"}}))),
    ("the image", revision(settings=RenderSettings(image="img:2"))),
    ("the authorities", revision(settings=RenderSettings(image="img:1", ca_bundle=a.CERTIFICATE))),
    ("the proxy", revision(settings=RenderSettings(image="img:1", proxy=Proxy(http="http://p")))),
]
STAYS: list[tuple[str, str]] = [
    (
        "the value of a Secret",
        revision(None, a.agent(), a.provider(apiKey=a.secret_ref()), a.secret(key="YQ==")),
    ),
    ("the replicas", revision(a.instance(replicas=0))),
    ("being suspended", revision(a.instance(suspend=True))),
    ("who may connect", revision(a.instance(networkPolicy={"egress": "Restricted"}))),
    ("the addresses of the API server", revision(settings=NARROWED)),
    ("the Service", revision(a.instance(service={"type": "NodePort", "annotations": {"a": "b"}}))),
]


@pytest.mark.parametrize("other", [row[1] for row in ROLLS], ids=[row[0] for row in ROLLS])
def test_what_a_pod_is_made_from_changes_the_revision(other: str) -> None:
    assert other != revision()


@pytest.mark.parametrize("other", [row[1] for row in STAYS], ids=[row[0] for row in STAYS])
def test_anything_else_does_not(other: str) -> None:
    keyed = revision(None, a.agent(), a.provider(apiKey=a.secret_ref()), a.secret(key="Yg=="))
    assert other in (revision(), keyed)


def test_equal_input_gives_equal_bytes() -> None:
    assert msgspec.json.encode(children()) == msgspec.json.encode(children())


@pytest.mark.parametrize(("spec", "replicas"), [({}, 1), ({"replicas": 0}, 0), ({"suspend": True}, 0)])
def test_replicas_are_copied_and_suspend_means_none(spec: dict[str, Any], replicas: int) -> None:
    assert children(a.instance(**spec))["Deployment"]["spec"]["replicas"] == replicas


def test_pods_outlive_the_longest_answer() -> None:
    agent = a.agent(limits={"requestTimeout": "1500ms"})
    template = children(None, agent, a.provider())["Deployment"]["spec"]["template"]
    assert template["spec"]["terminationGracePeriodSeconds"] == 2 + 15


def test_only_the_keys_referred_to_are_mounted() -> None:
    keyed = a.provider(apiKey=a.secret_ref(), headers=[{"name": "X", "valueFrom": a.secret_ref(key="b")}])
    found = children(None, a.agent(), keyed, a.secret(key="eA==", b="eQ==", c="eg=="))
    volumes = {
        volume["name"]: volume for volume in found["Deployment"]["spec"]["template"]["spec"]["volumes"]
    }
    (source,) = volumes["secrets"]["projected"]["sources"]
    assert source["secret"] == {
        "name": "openai",
        "items": [{"key": "b", "path": "demo/openai/b"}, {"key": "key", "path": "demo/openai/key"}],
    }


def test_without_secrets_there_is_no_volume_for_them() -> None:
    spec = pod_spec()
    assert "secrets" not in {volume["name"] for volume in spec["volumes"]}
    assert "secrets" not in {mount["name"] for mount in spec["containers"][0]["volumeMounts"]}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (
            {},
            {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        ),
        (
            {"requests": {"memory": "2Gi"}},
            {"requests": {"cpu": "50m", "memory": "2Gi"}, "limits": {"cpu": "1"}},
        ),
        (
            {"limits": {"memory": "64Mi", "cpu": 2}},
            {"requests": {}, "limits": {"memory": "64Mi", "cpu": 2}},
        ),
        (
            {"limits": {"nvidia.com/gpu": 1}},
            {
                "requests": {"cpu": "50m", "memory": "96Mi"},
                "limits": {"cpu": "1", "memory": "512Mi", "nvidia.com/gpu": 1},
            },
        ),
    ],
    ids=["nothing", "a request", "limits", "another resource"],
)
def test_a_resource_that_is_mentioned_has_no_default(
    wanted: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert pod_spec(resources=wanted)["containers"][0]["resources"] == expected


def test_pods_are_spread_by_the_labels_of_their_instance_unless_said_otherwise() -> None:
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    own = {"labelSelector": {"matchLabels": {"app": "x"}}}
    spread = pod_spec(topologySpreadConstraints=[constraint, constraint | own])["topologySpreadConstraints"]
    assert [each["labelSelector"]["matchLabels"] for each in spread] == [
        {names.INSTANCE: "support"},
        {"app": "x"},
    ]


def test_labels_of_the_product_win_over_those_of_the_user() -> None:
    found = children(a.instance(pod={"labels": {"team": "red"}}))
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert labels.items() >= {"team": "red", names.INSTANCE: "support"}.items()


def test_a_named_service_account_is_used_and_none_is_made() -> None:
    found = children(a.instance(pod={"serviceAccountName": "mine"}))
    assert "ServiceAccount" not in found
    assert found["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] == "mine"
    assert found["RoleBinding"]["subjects"][0]["name"] == "mine"


def test_the_pull_policy_is_left_to_kubernetes_unless_it_is_set() -> None:
    assert "imagePullPolicy" not in pod_spec()["containers"][0]
    found = children(settings=RenderSettings(image="img:1", image_pull_policy="Never"))
    container = found["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert container["imagePullPolicy"] == "Never"


def test_pods_that_follow_each_other_never_leave_a_gap() -> None:
    strategy = children()["Deployment"]["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}


def test_a_volume_has_one_writer_at_a_time() -> None:
    found = children(a.instance(history={"type": "Persistent"}))
    assert found["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}


def test_a_cloud_identity_is_an_annotation_of_the_account() -> None:
    found = children(a.instance(pod={"serviceAccountAnnotations": {"example.com/role": "chat"}}))
    assert found["ServiceAccount"]["metadata"]["annotations"] == {"example.com/role": "chat"}


def test_there_is_no_revision_where_there_is_no_deployment_of_ours() -> None:
    assert revision_of([]) == ""
    assert revision_of([{"kind": "Deployment", "spec": {"template": {"metadata": {}}}}]) == ""


@given(st.from_regex(NAME, fullmatch=True))
def test_every_name_that_is_allowed_fits_everywhere(name: str) -> None:
    for child in children(a.instance(name)).values():
        assert len(child["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in child["metadata"]["labels"].values())
