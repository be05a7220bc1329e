"""The command line at a real cluster, as `kubectl gagarin`: found by kubectl, with the rights of the user."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.e2e import resources
from tests.e2e.caller import ClientPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.conftest import ROOT, CallerOf, condition, run, run_bot, temporary_namespace

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(kubeconfig: Path) -> dict[str, str]:
    """kubectl and the installed programs on the PATH, and the cluster."""
    kubectl = run("python3", ROOT / "hack/cluster", "binaries", "kubectl")
    path = os.pathsep.join([kubectl, str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "KUBECONFIG": str(kubeconfig)}


@pytest.fixture(scope="module")
def cli(environment: dict[str, str]) -> Cli:
    """`kubectl gagarin ...`; the finished process."""

    def call(*arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
        command = ["kubectl", "gagarin", *map(str, arguments)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == status, f"{command}\n{done.stdout}{done.stderr}"
        return done

    return call


@pytest.fixture(scope="module")
def running(cluster: Cluster, client_pod: ClientPod) -> Iterator[str]:
    """A namespace with the Instance `bot`, which runs."""
    with temporary_namespace(cluster) as name:
        run_bot(cluster, name)
        yield name


@pytest.fixture(scope="module")
def broken(cluster: Cluster, client_pod: ClientPod) -> Iterator[str]:
    """A namespace with the Instance `bot`, whose Provider wants another key of the Secret."""
    with temporary_namespace(cluster) as name:
        key = {"secretKeyRef": {"name": "model-key", "key": "no-such-key"}}
        provider = resources.provider(name)
        provider["spec"]["apiKey"] = key
        cluster.apply(provider, resources.agent(name), resources.instance(name))
        eventually(
            "the operator has looked",
            lambda: cluster.get("Instance", name, "bot"),
            lambda item: condition(item, "Ready").get("reason") == "SecretKeyNotFound",
        )
        yield name


def test_kubectl_finds_it_and_completes_it(environment: dict[str, str]) -> None:
    listed = subprocess.run(
        ["kubectl", "plugin", "list", "--name-only"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "kubectl-gagarin" in listed.stdout
    completed = subprocess.run(
        ["kubectl", "__complete", "gagarin", "sta"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    choices = completed.stdout.splitlines()
    assert [each.partition("\t")[0] for each in choices] == ["status", ":4"]


def test_a_token_is_taken_by_the_instance(cli: Cli, running: str, caller_of: CallerOf) -> None:
    made = cli("token", "bot", "-n", running, "--as", "caller", "--duration", "10m")
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", made.stdout)
    assert made.stderr.startswith("until 20")
    caller = caller_of(running)
    assert replace(caller, token=made.stdout.strip()).chat("Hello").status == 200


def test_chat_goes_through_the_cluster_with_a_token_that_it_asks_for(cli: Cli, running: str) -> None:
    answer = cli("chat", "bot", "-n", running, "--as", "caller", "-m", "Hello", "--plain")
    assert 'You said: "Hello"' in answer.stdout
    (conversation,) = re.findall(r"[0-9a-f-]{36}", answer.stderr)
    again = cli(
        "chat", "bot", "-n", running, "--as", "caller", "-c", conversation, "-m", "And again", "--plain"
    )
    assert "2 earlier messages" in again.stdout
    assert "\x1b" not in answer.stdout + answer.stderr, "nothing is drawn where there is no terminal"


def test_who_may_not_chat_is_told_what_to_do(cli: Cli, running: str) -> None:
    refused = cli("chat", "bot", "-n", running, "--as", "stranger", "-m", "Hello", status=1)
    assert refused.stdout == ""
    assert "may not create instances/chat" in refused.stderr
    assert "bind a Role with the verb create on instances/chat" in refused.stderr
    absent = cli("chat", "bot", "-n", running, "--as", "nobody", "-m", "Hello", status=1)
    assert f"ServiceAccount {running}/nobody does not exist: name another one with --as" in absent.stderr
    nothing = cli("chat", "robot", "-n", running, "-m", "Hello", status=1)
    assert f"Instance {running}/robot does not exist; `gagarin status` lists those that do" in nothing.stderr


def test_status_draws_what_an_instance_needs(cli: Cli, running: str) -> None:
    picture = cli("status", "bot", "-n", running).stdout
    for line in (
        f"✓ Instance {running}/bot  Ready",
        f"✓ Agent {running}/agent",
        f"✓ Provider {running}/model",
        f"✓ Secret {running}/model-key",
        "✓ Pod bot-",
    ):
        assert line in picture
    assert "✗" not in picture
    for output, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        found = read(cli("status", "bot", "-n", running, "-o", output).stdout)
        assert (found["ready"], found["url"]) == (True, f"http://bot.{running}.svc")
    assert "bot" in cli("status", "-n", running).stdout


def test_status_of_a_broken_chain_is_one_picture(cli: Cli, broken: str) -> None:
    picture = cli("status", "bot", "-n", broken, status=1).stdout
    assert f"✗ Instance {broken}/bot  not Ready: SecretKeyNotFound" in picture
    assert re.search(f"✗ Provider {broken}/model +SecretKeyNotFound: .*no-such-key", picture)
    assert f"✓ Secret {broken}/model-key" in picture
    assert "no pods" in picture
    (row,) = json.loads(cli("status", "-n", broken, "-o", "json", status=1).stdout)
    assert (row["name"], row["ready"], row["reason"]) == ("bot", "False", "SecretKeyNotFound")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("status", "My Agent"), 2),
        (("token", "../secrets"), 1),
        (("chat", "日本", "-m", "Hi"), 1),
        (("logs", ""), 1),
    ],
    ids=["status", "token", "chat", "logs"],
)
def test_what_is_no_name_is_told_in_one_line(
    cli: Cli, running: str, arguments: tuple[str, ...], status: int
) -> None:
    refused = cli(*arguments, "-n", running, status=status)
    assert f"{arguments[1]!r} is no name of an Instance" in refused.stderr
    assert (refused.stdout, refused.stderr.count("\n")) == ("", 1)


def test_status_that_gets_no_answer_ends_with_2(cli: Cli, running: str) -> None:
    nothing = cli("status", "robot", "-n", running, status=2)
    assert f"Instance {running}/robot does not exist" in nothing.stderr
    assert "nowhere" in cli("status", "--context", "nowhere", status=2).stderr


def test_logs_are_those_of_the_pods(cli: Cli, running: str) -> None:
    cli("chat", "bot", "-n", running, "--as", "caller", "-m", "Hello")
    lines = cli("logs", "bot", "-n", running, "--kind", "access", "-o", "json").stdout.splitlines()
    entries = [json.loads(line) for line in lines]
    assert {entry["log"] for entry in entries} == {"access"}
    assert any(entry["path"].startswith("/stream") and entry["status"] == 200 for entry in entries)
    assert all(entry["pod"].startswith("bot-") for entry in entries)
    assert "ready to serve" in cli("logs", "bot", "-n", running, "--kind", "event").stdout


def test_diff_says_what_would_change_and_changes_nothing(
    cli: Cli, cluster: Cluster, running: str, tmp_path: Path
) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(yaml.safe_dump(resources.agent(running)))
    assert cli("diff", "-f", file).returncode == 0
    before = cluster.get("Agent", running, "agent")
    file.write_text(yaml.safe_dump(resources.agent(running, prompt="Be verbose.")))
    changed = cli("diff", "-f", file, status=1).stdout
    assert "Be verbose." in changed
    assert f"{running}/bot" in changed
    assert cluster.get("Agent", running, "agent") == before


def test_first_manifests_are_taken_as_they_stand(cli: Cli, cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "my-agent"
    cli("init", folder, "--name", "helper")
    assert cli("lint", "-f", folder).returncode == 0
    said = cluster.kubectl("default", "apply", "--dry-run=server", "--validate=strict", "-f", str(folder))
    assert "instance.gagarin.fyodorov.ai/helper created" in said
