"""`gagarin status` and `gagarin token` against a real API server, as people with few rights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from gagarin.core.objects import Object
from gagarin.kube.resources import AGENT, DEPLOYMENT
from tests.integration.controller.world import World
from tests.unit.server.issuer import claims_of

GROUP = "gagarin.fyodorov.ai"


def gagarin(
    world: World, *arguments: str, kubeconfig: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "gagarin.cli", *arguments, "-n", world.namespace),
        *("--kubeconfig", str(kubeconfig or world.plane.kubeconfig)),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def kubeconfig_of(world: World, name: str, *rules: Object) -> Path:
    """A kubeconfig of a ServiceAccount with these rights in the namespace."""
    account = {"name": name, "namespace": world.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount"} | account
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": account}
    base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{world.namespace}"
    path = f"/api/v1/namespaces/{world.namespace}/serviceaccounts"
    world.plane.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}, path)
    world.plane.apply(role | {"kind": "Role", "rules": list(rules)}, f"{base}/roles")
    binding = {"kind": "RoleBinding", "roleRef": reference, "subjects": [subject]}
    world.plane.apply(role | binding, f"{base}/rolebindings")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = world.plane.call("POST", f"{path}/{name}/token", request)
    config = yaml.safe_load(world.plane.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": answer.body["status"]["token"]}
    file = world.folder / f"{name}.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def rule(group: str, *resources: str, verbs: tuple[str, ...] = ("get", "list")) -> Object:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def running(world: World, *items: Object) -> None:
    world.apply(*(items or world.quickstart()))
    world.start()


def test_one_that_is_ready_is_all_green(world: World) -> None:
    running(world)
    world.wait(lambda: world.get(DEPLOYMENT, "helper"), "the Deployment")
    world.make_ready("helper")
    done = gagarin(world, "status", "helper")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"✓ Instance {world.namespace}/helper  Ready" in done.stdout
    assert f"✓ Secret {world.namespace}/" in done.stdout
    assert "✓ Pod helper-" in done.stdout
    assert "✗" not in done.stdout
    listed = gagarin(world, "status", "-o", "json")
    assert [each["reason"] for each in json.loads(listed.stdout)] == ["Ready"]


def test_what_is_missing_is_found_at_the_end_of_the_chain(world: World) -> None:
    running(world, *[each for each in world.quickstart() if each["kind"] != "Secret"])
    world.wait(lambda: world.condition("helper")[0] == "False", "a verdict")
    done = gagarin(world, "status", "helper", "-o", "json")
    assert done.returncode == 1, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    states = {each["kind"]: each["state"] for each in found["objects"]}
    assert states == {"Instance": "wrong", "Agent": "wrong", "Provider": "wrong", "Secret": "missing"}
    assert found["reason"] == world.condition("helper")[1]
    assert "does not exist" in found["objects"][0]["reasons"][0]


def test_what_the_operator_has_not_looked_at_is_judged_all_the_same(world: World) -> None:
    world.apply(*world.quickstart(), world.agent(provider="absent"))
    done = gagarin(world, "status", "helper")
    assert done.returncode == 1, done.stderr
    assert "NotObserved: the operator has not looked at it yet" in done.stdout
    assert f"✗ Provider {world.namespace}/absent  does not exist" in done.stdout
    assert world.get(AGENT, "helper") is not None


def test_somebody_with_few_rights_sees_what_they_may(world: World) -> None:
    running(world)
    world.wait(lambda: world.get(DEPLOYMENT, "helper"), "the Deployment")
    world.make_ready("helper")
    reader = kubeconfig_of(world, "reader", rule(GROUP, "instances", "agents", "providers", "models"))
    done = gagarin(world, "status", "helper", kubeconfig=reader)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"? Secret {world.namespace}/" in done.stdout
    assert "you may not read it" in done.stdout
    assert "? Pods: you may not see them" in done.stdout
    assert "✗" not in done.stdout
    nobody = kubeconfig_of(world, "nobody")
    done = gagarin(world, "status", "helper", kubeconfig=nobody)
    assert done.returncode == 2
    assert f"error: Instance {world.namespace}/helper may not be read by you" in done.stderr


def test_a_token_is_made_with_the_user_s_own_rights(world: World) -> None:
    maker = kubeconfig_of(world, "maker", rule("", "serviceaccounts/token", verbs=("create",)))
    done = gagarin(world, "token", "helper", "--as", "maker", "--duration", "20m", kubeconfig=maker)
    assert done.returncode == 0, done.stderr
    claims = claims_of(done.stdout.strip())
    assert claims["aud"] == [f"helper.{world.namespace}.svc"]
    assert claims["sub"] == f"system:serviceaccount:{world.namespace}:maker"
    assert claims["exp"] - claims["iat"] == 1200
    absent = gagarin(world, "token", "helper", "--as", "absent", kubeconfig=maker)
    assert (absent.returncode, absent.stdout) == (1, "")
    assert (
        f"ServiceAccount {world.namespace}/absent does not exist: name another one with --as" in absent.stderr
    )
    refused = gagarin(world, "token", "helper", kubeconfig=kubeconfig_of(world, "powerless"))
    assert refused.returncode == 1
    assert "you may not make tokens of ServiceAccount" in refused.stderr
