"""The subcommands as they are typed."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from gagarin.cli.dev.report import Served
from gagarin.cli.dev.state import Session, State
from gagarin.cli.main import app
from tests.unit.cli.kubectl import Kubectl
from tests.unit.client.instance import Instance, event, saying, writing

ANSWER = writing(event(1, "token", {"text": "Good day."}), event(2, "done", {"conversation": "c1"}))
READY = {"type": "Ready", "status": "True", "reason": "Ready", "message": ""}
HELPER: dict[str, Any] = {
    "metadata": {"name": "helper", "namespace": "team-a", "generation": 1},
    "spec": {"agentRef": {"name": "helper"}},
    "status": {"observedGeneration": 1, "conditions": [READY]},
}


def run(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(app, arguments, **options)


@pytest.fixture
def config(served: Instance, tmp_path: Path) -> str:
    """A kubeconfig of a cluster whose API server is `served`."""
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "team-a"}}],
        "clusters": [{"name": "c", "cluster": {"server": served.url}}],
        "users": [{"name": "u", "user": {"token": "mine"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(document))
    return str(tmp_path / "config")


def token() -> dict[str, Any]:
    until = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat()
    return {"status": {"token": "t0ken", "expirationTimestamp": until}}


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"gagarin {metadata.version('gagarin')}\n"


@pytest.mark.parametrize("command", ["status", "logs", "chat", "token"])
def test_without_a_cluster_it_is_told_what_runs_here(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", "/none")
    error = r"there is no kubeconfig at /none: name one with --kubeconfig or KUBECONFIG"
    hint = r"  no `gagarin dev` runs either"
    assert re.fullmatch(f"(error: )?{error}\n{hint}\n?", _said(run(command, "nope")))
    state = State.of(tmp_path / "agents")
    with state.held():
        served = [Served("helper", each, "http://127.0.0.1:1", "", "") for each in ("default", "team-a")]
        state.announce(Session("agents", "http://127.0.0.1:2", "", tuple(served)))
        hint = r"  `gagarin dev` runs, for `chat` and `token`: helper, helper -n team-a"
        assert re.fullmatch(f"(error: )?{error}\n{hint}\n?", _said(run(command, "nope")))


def _said(done: Result) -> str:
    return done.stderr or str(done.exception)


def test_init_says_what_it_wrote_and_what_comes_next(tmp_path: Path) -> None:
    done = run("init", str(tmp_path / "first"))
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == str(tmp_path / "first" / "provider.yaml")
    assert f"gagarin dev -f {tmp_path / 'first'}" in done.stderr
    assert f"gagarin dev -f '{tmp_path / 'my first'}'" in run("init", str(tmp_path / "my first")).stderr


def test_chat_by_a_url_takes_its_token_from_a_file_or_the_environment(
    served: Instance, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("of-a-file")
    served.behaviours = [ANSWER, ANSWER]
    done = run("chat", "--url", served.url, "--token-file", str(tmp_path / "token"), "-m", "Hello")
    assert done.stdout == "Good day.\n"
    assert run("chat", "--url", served.url, "-m", "Hello", env={"GAGARIN_TOKEN": "e"}).exit_code == 0
    assert served.headers("Authorization") == ["Bearer of-a-file", "Bearer e"]


def test_chat_needs_to_know_with_whom_and_as_whom() -> None:
    assert "name an Instance" in str(run("chat", "-m", "Hello").exception)
    assert "name an Instance" in str(run("chat", "helper", "--url", "http://x").exception)
    done = run("chat", "--url", "http://x", "-m", "Hello", env={"GAGARIN_TOKEN": ""})
    assert "--token-file, or GAGARIN_TOKEN" in str(done.exception)


def test_what_is_piped_into_chat_is_one_message_and_goes_through_the_cluster(
    served: Instance, kubectl: Kubectl, config: str
) -> None:
    kubectl.says(f"Forwarding from 127.0.0.1:{served.port} -> 8080\n", "signal.pause()")
    served.behaviours = [saying(HELPER), saying(token(), 201), ANSWER]
    done = run(
        *("chat", "helper", "--as", "caller", "--kubeconfig", config),
        input="Hello,\nsaid I.\n",
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "Good day.\n"
    assert served.requests[-1][3] == {"input": "Hello,\nsaid I.\n"}


@pytest.mark.parametrize(("piped", "problem"), [(b" \n", "is empty"), (b"\xff", "no text in UTF-8")])
def test_what_is_piped_into_chat_has_to_be_a_text(piped: bytes, problem: str) -> None:
    done = run("chat", "--url", "http://x", input=piped, env={"GAGARIN_TOKEN": "t"})
    assert problem in str(done.exception)


def test_token_prints_the_token_alone(served: Instance, config: str) -> None:
    served.behaviours = [saying(token(), 201)]
    done = run("token", "helper", "--as", "caller", "--duration", "30m", "--kubeconfig", config)
    assert done.stdout == "t0ken\n"
    assert done.stderr.startswith("until 2")
    assert served.requests[0][3]["spec"]["expirationSeconds"] == 1800


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_status_lists_instances(served: Instance, config: str, output: str) -> None:
    moving = HELPER | {"metadata": HELPER["metadata"] | {"name": "second", "generation": 2}}
    served.behaviours = [saying({"metadata": {}, "items": [HELPER, moving]})]
    done = run("status", "--kubeconfig", config, "-o", output)
    assert done.exit_code == 1
    assert "helper" in done.stdout
    assert "NotObserved" in done.stdout
    if output != "table":
        assert [each["ready"] for each in yaml.safe_load(done.stdout)] == ["True", "False"]


def test_status_of_nothing_says_how_to_begin(served: Instance, config: str) -> None:
    served.behaviours = [saying({"metadata": {}, "items": []})] * 2
    done = run("status", "--kubeconfig", config)
    assert (done.exit_code, done.stdout) == (
        0,
        "no Instance in namespace team-a; `gagarin init` writes first manifests\n",
    )
    assert "in the cluster" in run("status", "-A", "--kubeconfig", config).stdout
    assert [path.partition("?")[0] for _, path, _, _ in served.requests] == [
        "/apis/gagarin.fyodorov.ai/v1alpha1/namespaces/team-a/instances",
        "/apis/gagarin.fyodorov.ai/v1alpha1/instances",
    ]


@pytest.mark.parametrize("output", ["table", "json"])
def test_status_of_one_draws_it(served: Instance, config: str, output: str) -> None:
    nothing = saying({"message": "not found", "code": 404}, 404)
    served.behaviours = [saying(HELPER), nothing, nothing, saying({"metadata": {}, "items": []})]
    done = run("status", "helper", "--kubeconfig", config, "-o", output)
    assert done.exit_code == 0, done.stderr
    assert "Agent" in done.stdout
    if output == "json":
        assert {each["state"] for each in yaml.safe_load(done.stdout)["objects"]} == {"wrong", "missing"}


def test_status_that_cannot_look_ends_with_2(config: str) -> None:
    for wrong in (("-o", "xml"), ("--context", "none")):
        done = run("status", "--kubeconfig", config, *wrong)
        assert done.exit_code == 2
        assert done.stderr.startswith("error: ")


def test_logs_are_those_of_the_kubeconfig_s_namespace(kubectl: Kubectl, config: str) -> None:
    kubectl.says('[pod/p/chat] {"log":"audit","user":"ann"}\n[pod/p/chat] {"log":"event"}\n')
    done = run("logs", "helper", "--kind", "audit", "--kubeconfig", config)
    assert done.stdout == "p audit user=ann\n"
    assert kubectl.called[2:4] == ["--namespace", "team-a"]
    assert run("logs", "helper", "-o", "json", "-n", "b").stdout.count("\n") == 2
    assert kubectl.called[:2] == ["--namespace", "b"]
    assert "is not one of text, json" in str(run("logs", "helper", "-o", "yaml").exception)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_prints_what_the_shell_reads(shell: str) -> None:
    done = run("completion", shell)
    assert done.exit_code == 0
    assert "COMPLETE" in done.stdout


def test_a_shell_that_is_not_known_is_refused() -> None:
    assert run("completion", "tcsh").exit_code == 1
