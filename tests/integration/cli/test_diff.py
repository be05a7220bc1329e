"""`gagarin diff` against a real API server, with an operator that has made the children."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gagarin.cli.standins import CERTIFICATE
from gagarin.core.objects import Object
from gagarin.kube.resources import DEPLOYMENT, NAMESPACE
from tests.integration.controller.world import IMAGE, World

ROLES = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
def running(world: World) -> World:
    """The quickstart of the world, applied and made."""
    world.apply(*world.quickstart())
    world.start()
    world.wait(lambda: world.get(DEPLOYMENT, "helper"), "the Deployment")
    world.quiet()
    return world


def diff(
    world: World,
    *files: Object,
    options: tuple[str, ...] = ("--instance-image", IMAGE),
    kubeconfig: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """The command, with the files as its standard input."""
    command = [
        *(sys.executable, "-m", "gagarin.cli", "diff", "-f", "-", "-n", world.namespace),
        *("--kubeconfig", str(kubeconfig or world.plane.kubeconfig), *options),
    ]
    text = yaml.safe_dump_all(files)
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def test_what_is_applied_already_changes_nothing(running: World) -> None:
    done = diff(running, *running.quickstart())
    assert done.stdout == f"Instance {running.namespace}/helper: no change\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_a_changed_prompt_is_a_changed_line_of_every_instance_that_uses_it(running: World) -> None:
    done = diff(running, running.agent(prompt="You help gladly."))
    assert done.returncode == 1, done.stderr
    assert f"Instance {running.namespace}/helper: new pods: revision " in done.stdout
    assert {"-    prompt: You help.", "+    prompt: You help gladly."} <= set(done.stdout.splitlines())
    assert "managedFields" not in done.stdout
    assert "gagarin.fyodorov.ai/applied" not in done.stdout


def test_it_changes_nothing_itself(running: World) -> None:
    with running.counting() as writes:
        diff(running, running.agent(prompt="Another."), running.instance("second"))
    assert writes == []
    assert running.names(DEPLOYMENT) == ["helper"]


def test_a_new_instance_is_all_new_also_in_a_namespace_that_is_yet_to_be_made(running: World) -> None:
    done = diff(running, running.instance("second"))
    assert done.returncode == 1
    assert f"Instance {running.namespace}/second: is new" in done.stdout
    elsewhere = [
        dict(item, metadata=item["metadata"] | {"namespace": "yet-to-be"}) for item in running.quickstart()
    ]
    done = diff(running, *elsewhere)
    assert done.returncode == 1, done.stderr
    assert "Instance yet-to-be/helper: is new" in done.stdout
    assert "+++ new/Deployment yet-to-be/helper" in done.stdout


def test_what_would_not_be_ready_is_said_with_its_reason(running: World) -> None:
    done = diff(running, running.agent(provider="absent"))
    assert done.returncode == 1
    assert "goes on as it is, and is not Ready\n  RefNotFound: " in done.stdout
    assert f"Provider {running.namespace}/absent does not exist" in done.stdout
    assert "does not start" in diff(running, running.instance("second", agentRef={"name": "none"})).stdout


def test_a_child_that_goes_is_shown_as_gone(running: World) -> None:
    running.apply(running.instance(replicas=2, history={"type": "None"}))
    running.wait(lambda: (running.get(DEPLOYMENT, "helper") or {})["spec"]["replicas"] == 2, "two replicas")
    running.quiet()
    done = diff(running, running.instance(replicas=1, history={"type": "None"}))
    assert done.returncode == 1
    assert f"--- live/PodDisruptionBudget {running.namespace}/helper\n+++ /dev/null" in done.stdout
    assert "the pods stay" in done.stdout


def test_replicas_that_an_autoscaler_set_stay_where_the_file_says_none(running: World) -> None:
    running.apply(running.instance(replicas=2, history={"type": "None"}))
    running.wait(lambda: (running.get(DEPLOYMENT, "helper") or {})["spec"]["replicas"] == 2, "two replicas")
    running.quiet()
    done = diff(running, running.instance(history={"type": "None"}))
    assert (done.returncode, done.stdout) == (0, f"Instance {running.namespace}/helper: no change\n")


def test_files_on_which_no_instance_depends_change_nothing(running: World) -> None:
    done = diff(running, running.provider("unused"))
    assert (done.returncode, done.stdout) == (0, "no Instance depends on these files\n")


def test_keys_are_never_shown(running: World) -> None:
    other = f"{running.namespace}-shared"
    running.plane.call("POST", NAMESPACE.path(), {"metadata": {"name": other}})
    secret = running.secret(value="sk-never-shown")
    provider = running.provider("shared")
    provider["spec"]["allowedNamespaces"] = {"from": "All", "credentials": "Copy"}
    there = [dict(item, metadata=item["metadata"] | {"namespace": other}) for item in (secret, provider)]
    agent = running.agent("foreign")
    agent["spec"]["model"]["providerRef"] = {"name": "shared", "namespace": other}
    done = diff(running, *there, agent, running.instance("foreign", agentRef={"name": "foreign"}))
    assert done.returncode == 1, done.stderr
    assert "+  token: '***'" in done.stdout
    assert "c2stbmV2ZXItc2hvd24=" not in done.stdout + done.stderr


def test_somebody_who_may_only_edit_is_told_what_was_not_seen(running: World, tmp_path: Path) -> None:
    rules = [
        {"apiGroups": ["gagarin.fyodorov.ai"], "resources": ["*"], "verbs": ["get", "list", "patch"]},
        {
            "apiGroups": [""],
            "resources": ["configmaps", "services"],
            "verbs": ["get", "list", "patch", "create"],
        },
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
    ]
    _grant(running, rules)
    done = diff(running, running.agent(prompt="Gladly."), kubeconfig=_kubeconfig(running, tmp_path))
    assert done.returncode == 1, done.stderr
    assert "+    prompt: Gladly." in done.stdout
    assert f"you may not read Secret {running.namespace}/key" in done.stderr
    assert "Deployment: only the fields that Gagarin sets are compared" in done.stderr
    assert f"children of kind ServiceAccount in {running.namespace} are left out" in done.stderr


def test_the_settings_are_those_of_the_operators_deployment(running: World) -> None:
    variables = {
        "GAGARIN_INSTANCE_IMAGE": IMAGE,
        "GAGARIN_INSTANCE_HTTPS_PROXY": "http://proxy:3128",
        "GAGARIN_INSTANCE_CA_BUNDLE": "/etc/gagarin/ca-bundle.pem",
    }
    bundle = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"ca-bundle.pem": CERTIFICATE}}
    metadata = {"name": "operator", "namespace": running.namespace}
    running.apply(_operator(running.namespace, variables), bundle | {"metadata": metadata})
    options = ("--operator", f"{running.namespace}/operator")
    done = diff(running, running.instance(), options=options)
    assert done.returncode == 1, done.stderr
    assert re.search(r"^\+ +value: http://proxy:3128$", done.stdout, re.MULTILINE)
    assert CERTIFICATE.splitlines()[1] in done.stdout
    done = diff(running, running.instance(), options=(*options, "--instance-https-proxy", "http://other:1"))
    assert re.search(r"^\+ +value: http://other:1$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "the operator's settings cannot be read"),
        (("--operator", "nobody"), "'nobody' is not of the form NAMESPACE/NAME"),
        (("--context", "nothing"), "contexts has no entry named 'nothing'"),
    ],
)
def test_without_an_answer_the_exit_status_is_2(world: World, options: tuple[str, ...], says: str) -> None:
    done = diff(world, world.instance(), options=options)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cluster_that_is_not_there_is_said_in_one_line(world: World, tmp_path: Path) -> None:
    document = yaml.safe_load(world.plane.kubeconfig.read_text())
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "config").write_text(yaml.safe_dump(document))
    done = diff(world, world.instance(), kubeconfig=tmp_path / "config")
    assert done.returncode == 2
    assert "error: the cluster cannot be read: " in done.stderr
    assert len(done.stderr.splitlines()) == 1


def _operator(namespace: str, variables: dict[str, str]) -> Object:
    """A Deployment like the chart's, with a mounted CA bundle."""
    env = [{"name": name, "value": value} for name, value in variables.items()]
    mount = {"name": "settings", "mountPath": "/etc/gagarin"}
    container = {"name": "operator", "image": "i", "env": env, "volumeMounts": [mount]}
    volume = {"name": "settings", "configMap": {"name": "operator"}}
    labels = {"app": "operator"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "volumes": [volume]}}
    metadata = {"name": "operator", "namespace": namespace}
    spec = {"selector": {"matchLabels": labels}, "template": template, "replicas": 0}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def _grant(world: World, rules: list[Any]) -> None:
    """A ServiceAccount `editor` with these rights in the world's namespace."""
    group, path = "rbac.authorization.k8s.io", f"{ROLES}/namespaces/{world.namespace}"
    role = {"metadata": {"name": "editor"}, "rules": rules}
    binding = {
        "metadata": {"name": "editor"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "editor"},
        "subjects": [{"kind": "ServiceAccount", "name": "editor", "namespace": world.namespace}],
    }
    accounts = f"/api/v1/namespaces/{world.namespace}/serviceaccounts"
    for collection, item in (
        (accounts, {"metadata": {"name": "editor"}}),
        (f"{path}/roles", role),
        (f"{path}/rolebindings", binding),
    ):
        assert world.plane.call("POST", collection, item).status == 201


def _kubeconfig(world: World, folder: Path) -> Path:
    """The editor's kubeconfig: its token comes from an exec plugin, as in managed clusters."""
    accounts = f"/api/v1/namespaces/{world.namespace}/serviceaccounts"
    token = world.plane.call("POST", f"{accounts}/editor/token", {"spec": {}}).body["status"]["token"]
    script = folder / "plugin.py"
    script.write_text(f"print({json.dumps({'status': {'token': token}})!r})\n")
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(script)],
    }
    document = yaml.safe_load(world.plane.kubeconfig.read_text())
    document["users"][0]["user"] = {"exec": plugin}
    (folder / "kubeconfig").write_text(yaml.safe_dump(document))
    return folder / "kubeconfig"
