"""The pods: what a namespace that restricts them, and a platform that assigns users, wants of them."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.core.objects import Object
from gagarin.core.podtemplate import pod_template
from gagarin.core.settings import Proxy, RenderSettings
from tests.unit.core import builders as a

SETTINGS = RenderSettings(image="img:1")
STDIO = {"image": "tool:1", "command": ["run"]}
PROGRAM = a.tool("files", type="Stdio", stdio=STDIO | {"env": [{"name": "A", "value": "b"}]})


def pod(
    settings: RenderSettings = SETTINGS, *tools: Object, others: tuple[Object, ...] = (), **spec: Any
) -> Object:
    """The pod of an Instance whose Agent uses these tools."""
    agent = a.agent(tools=[{"toolRef": {"name": tool["metadata"]["name"]}} for tool in tools])
    resolved = a.resolved(a.instance(**spec), agent, a.provider(), *tools, *others)
    template: Object = pod_template(resolved, settings, "0123456789")
    found: Object = template["spec"]
    return found


def containers(spec: Object) -> dict[str, Object]:
    return {each["name"]: each for each in (*spec.get("initContainers", ()), *spec["containers"])}


def variables(container: Object) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in container.get("env", ())}


FULL = pod(SETTINGS, PROGRAM, history={"type": "Persistent"})


def test_every_container_is_restricted() -> None:
    assert FULL["securityContext"]["runAsNonRoot"] is True
    assert FULL["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(FULL).values():
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert set(container["resources"]) == {"requests", "limits"}


def test_no_user_and_no_group_is_fixed_where_the_platform_assigns_them() -> None:
    assert not {"runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"} & FULL["securityContext"].keys()
    for container in containers(FULL).values():
        assert not {"runAsUser", "runAsGroup"} & container["securityContext"].keys()


def test_a_volume_is_writable_by_way_of_a_group_where_one_is_set() -> None:
    settings = RenderSettings(image="img:1", fs_group=65532)
    context = pod(settings, history={"type": "Persistent"})["securityContext"]
    assert (context["fsGroup"], context["fsGroupChangePolicy"]) == (65532, "OnRootMismatch")
    assert "fsGroup" not in pod(settings)["securityContext"]


def test_a_program_whose_image_would_run_as_root_gets_a_user_where_one_is_set() -> None:
    found = containers(pod(RenderSettings(image="img:1", run_as_user=65532), PROGRAM))
    (program,) = (each for name, each in found.items() if name.startswith("files-"))
    assert program["securityContext"]["runAsUser"] == 65532
    assert "runAsUser" not in found["chat"]["securityContext"]
    assert "runAsUser" not in found["bridge"]["securityContext"]


def test_a_program_runs_under_the_bridge_that_comes_before_it() -> None:
    bridge, program = FULL["initContainers"]
    assert bridge["command"] == ["/opt/gagarin/bin/bridge", "install", "/var/run/gagarin/bridge"]
    assert program["restartPolicy"] == "Always"  # a native sidecar
    assert program["command"] == [
        "/var/run/gagarin/bridge/bridge",
        "--socket",
        "/var/run/gagarin/sockets/demo.files",
        "--",
        "run",
    ]
    assert variables(program) == {"HOME": "/tmp", "A": "b"}


def test_a_program_may_have_its_own_home() -> None:
    env = [{"name": "HOME", "value": "/tmp/home"}]
    (program,) = pod(SETTINGS, a.tool("t", type="Stdio", stdio=STDIO | {"env": env}))["initContainers"][1:]
    assert program["env"] == env


def test_a_program_sees_neither_keys_nor_tokens_nor_texts() -> None:
    keyed = a.tool("other", auth={"type": "Bearer", "bearer": a.secret_ref()})
    spec = pod(SETTINGS, PROGRAM, keyed, others=(a.secret(),))
    found = containers(spec)
    (program,) = (each for name, each in found.items() if name.startswith("files-"))
    seen = {mount["name"] for mount in program["volumeMounts"]}
    assert {mount["name"] for mount in found["chat"]["volumeMounts"]} >= {"secrets", "api-token", "config"}
    assert not seen & {"secrets", "api-token", "tokens", "config", "data"}
    assert len(seen) == 3
    assert spec["automountServiceAccountToken"] is False


def test_programs_do_not_share_what_they_write() -> None:
    spec = pod(SETTINGS, *(a.tool(name, type="Stdio", stdio=STDIO) for name in ("one", "two")))
    scratch = [
        mount["name"]
        for container in spec["initContainers"][1:]
        for mount in container["volumeMounts"]
        if mount["mountPath"] == "/tmp"
    ]
    assert len(set(scratch)) == 2


def test_every_volume_is_mounted_and_every_mount_is_a_volume() -> None:
    peer = a.tool("peer", type="Agent", agent={"instanceRef": {"name": "other"}})
    spec = pod(SETTINGS, PROGRAM, peer, others=(a.instance("other", agentRef={"name": "gone"}),))
    mounted = {mount["name"] for each in containers(spec).values() for mount in each["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["volumes"]}


def test_without_programs_there_are_no_init_containers() -> None:
    assert "initContainers" not in pod()


def test_each_called_instance_gets_a_token_of_its_own_once() -> None:
    tools = [
        a.tool("one", type="Agent", agent={"instanceRef": {"name": "other"}}),
        a.tool("two", type="Agent", agent={"instanceRef": {"name": "other"}}),
    ]
    spec = pod(SETTINGS, *tools, others=(a.instance("other", agentRef={"name": "gone"}),))
    (tokens,) = (volume for volume in spec["volumes"] if volume["name"] == "tokens")
    (source,) = tokens["projected"]["sources"]
    assert source["serviceAccountToken"] == {
        "audience": "other.demo.svc",
        "expirationSeconds": 3607,
        "path": "demo/other",
    }


def test_a_persistent_history_is_on_its_volume() -> None:
    (data,) = (volume for volume in FULL["volumes"] if volume["name"] == "data")
    assert data["persistentVolumeClaim"] == {"claimName": "support-data"}


def test_the_proxy_of_the_installation_reaches_every_program_that_connects() -> None:
    settings = RenderSettings(image="img:1", proxy=Proxy(https="http://p:3128", no_proxy=".internal"))
    found = containers(pod(settings, PROGRAM))
    (program,) = (each for name, each in found.items() if name.startswith("files-"))
    for container in (found["chat"], program):
        assert (
            variables(container).items()
            >= {
                "HTTPS_PROXY": "http://p:3128",
                "NO_PROXY": "localhost,127.0.0.1,.svc,.cluster.local,.internal",
            }.items()
        )
        assert "HTTP_PROXY" not in variables(container)


def test_without_a_proxy_there_is_nothing_to_except_from_it() -> None:
    settings = RenderSettings(image="img:1", proxy=Proxy(no_proxy=".internal"))
    assert "NO_PROXY" not in variables(containers(pod(settings))["chat"])


def test_every_image_comes_from_its_mirror() -> None:
    settings = RenderSettings(image="img:1", image_mirrors=(("docker.io/library", "mirror"),))
    images = {each["image"] for each in containers(pod(settings, PROGRAM)).values()}
    assert images == {"mirror/img:1", "mirror/tool:1"}


@pytest.mark.parametrize(
    ("settings", "own", "expected"),
    [
        ((), [], []),
        (("a", "b"), [], ["a", "b"]),
        ((), ["c"], ["c"]),
        (("a", "b"), ["b", "c"], ["a", "b", "c"]),
    ],
)
def test_pull_secrets_are_those_of_the_installation_and_of_the_user(
    settings: tuple[str, ...], own: list[str], expected: list[str]
) -> None:
    spec = pod(
        RenderSettings(image="img:1", image_pull_secrets=settings),
        pod={"imagePullSecrets": [{"name": name} for name in own]},
    )
    assert [secret["name"] for secret in spec.get("imagePullSecrets", [])] == expected
