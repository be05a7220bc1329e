"""The quickstart: complete in itself, its parts fit each other, and all of it runs restricted."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.unit.charts.kustomization import build, build_with_image
from tests.unit.charts.rendering import ROOT, Object, meets_restricted, of_kind, only, pods_of

QUICKSTART = ROOT / "examples" / "quickstart"
CALLER = QUICKSTART / "caller"
NAMESPACE = "gagarin-quickstart"
LOCAL = "gagarin.local/gagarin:dev"


def quickstart() -> list[Object]:
    return build(QUICKSTART)


def everything() -> list[Object]:
    return [*quickstart(), *build(CALLER)]


def test_all_of_it_lives_in_one_namespace_that_enforces_the_restricted_standard() -> None:
    namespace = only(quickstart(), "Namespace")
    assert namespace["metadata"] == {
        "name": NAMESPACE,
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
    }
    others = [item for item in everything() if item["kind"] != "Namespace"]
    assert {item["metadata"]["namespace"] for item in others} == {NAMESPACE}


def test_the_folder_has_the_files_that_the_kustomization_names() -> None:
    listed = yaml.safe_load((QUICKSTART / "kustomization.yaml").read_text())["resources"]
    assert listed == sorted(path.name for path in QUICKSTART.glob("[0-9]*.yaml"))


def test_its_pods_meet_the_restricted_standard_and_hold_no_token_of_the_api_server() -> None:
    pods = list(pods_of(everything()))
    assert len(pods) == 2
    for pod in pods:
        assert meets_restricted(pod)
        assert pod["automountServiceAccountToken"] is False


@pytest.mark.parametrize("folder", [QUICKSTART, CALLER])
def test_images_can_be_set_in_each_kustomization(folder: Path, tmp_path: Path) -> None:
    def images(objects: list[Object]) -> list[str]:
        return [item["image"] for pod in pods_of(objects) for item in pod["containers"]]

    assert images(build(folder)) == [LOCAL]
    assert images(build_with_image(folder, "r.example.com/g", "9", tmp_path)) == ["r.example.com/g:9"]


def test_the_chain_from_the_instance_to_the_key_is_whole() -> None:
    objects = quickstart()
    agent = only(objects, "Agent", only(objects, "Instance")["spec"]["agentRef"]["name"])
    provider = only(objects, "Provider", agent["spec"]["model"]["providerRef"]["name"])
    reference = provider["spec"]["apiKey"]["secretKeyRef"]
    secret = only(objects, "Secret", reference["name"])
    assert secret["stringData"][reference["key"]]


def test_the_provider_is_the_model_server_of_the_example() -> None:
    objects = quickstart()
    service = only(objects, "Service")
    assert (
        only(objects, "Provider")["spec"]["url"] == f"http://{service['metadata']['name']}.{NAMESPACE}.svc/v1"
    )
    labels = only(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()


def test_the_caller_may_chat_with_this_instance_and_do_nothing_else() -> None:
    objects = everything()
    role, binding, instance = only(objects, "Role"), only(objects, "RoleBinding"), only(objects, "Instance")
    assert role["rules"] == [
        {
            "apiGroups": ["gagarin.fyodorov.ai"],
            "resources": ["instances/chat"],
            "resourceNames": [instance["metadata"]["name"]],
            "verbs": ["create", "get", "delete"],
        }
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    (pod,) = pods_of(of_kind(objects, "Job"))
    account = {"kind": "ServiceAccount", "name": pod["serviceAccountName"], "namespace": NAMESPACE}
    assert binding["subjects"] == [account]
    assert only(objects, "ServiceAccount")["metadata"]["name"] == account["name"]


def test_the_callers_token_is_for_this_instance() -> None:
    (pod,) = pods_of(build(CALLER))
    (token,) = [
        source["serviceAccountToken"]
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    ]
    assert token["audience"] == f"{only(quickstart(), 'Instance')['metadata']['name']}.{NAMESPACE}.svc"


def test_the_callers_program_is_mounted_where_the_job_runs_it() -> None:
    objects = build(CALLER)
    (pod,) = pods_of(objects)
    (caller,) = pod["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in caller["volumeMounts"]}
    config_map = only(objects, "ConfigMap")
    assert pod["volumes"][0]["configMap"]["name"] == config_map["metadata"]["name"]
    assert caller["command"][1] == f"{mounts['script']}/ask.py"
    program = config_map["data"]["ask.py"]
    assert program == (CALLER / "ask.py").read_text()
    assert f'"{mounts["token"]}/token"' in program
    assert f'HOST = "hello.{NAMESPACE}.svc"' in program


def test_the_key_is_nobodys() -> None:
    assert only(quickstart(), "Secret")["stringData"] == {"api-key": "not-a-real-key"}


@pytest.mark.parametrize("kind", ["Provider", "Agent", "Instance"])
def test_its_resources_fit_their_definitions(kind: str) -> None:
    (definition,) = [
        crd
        for crd in (yaml.load(path.read_text(), yaml.CSafeLoader) for path in (ROOT / "crds").glob("*.yaml"))
        if crd["spec"]["names"]["kind"] == kind
    ]
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    item = only(quickstart(), kind)
    jsonschema.validate(item, schema)
    assert set(item["spec"]) <= set(schema["properties"]["spec"]["properties"])
