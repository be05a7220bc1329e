"""`gagarin dev` as a person runs it: a process, its output, and the chat servers it starts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from gagarin.cli.dev.ports import any_free
from tests.integration.cli.dev import Dev, is_alive, running
from tests.unit.cli.dev.manifests import AGENT, API
from tests.unit.server.certificates import self_signed

ROOT = Path(__file__).resolve().parents[3]
QUICKSTART = ROOT / "examples/quickstart"
INSTANCE = f"""\
{API}
kind: Instance
metadata: {{name: hello}}
spec: {{agentRef: {{name: greeter}}}}
"""
PROVIDER = f"""\
{API}
kind: Provider
metadata: {{name: models}}
spec:
  type: OpenAI
  apiKey: {{secretKeyRef: {{name: openai, key: api-key}}}}
"""


def dev(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gagarin.cli", "dev", "--port", "0", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def gagarin(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gagarin.cli", *arguments]
    environment = os.environ | {"XDG_STATE_HOME": str(state), "KUBECONFIG": "/none"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Manifests of one Instance, one file a kind."""
    folder = tmp_path / "manifests"
    folder.mkdir()
    for name, text in (("agent", AGENT), ("instance", INSTANCE), ("provider", PROVIDER)):
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def stub() -> Iterator[str]:
    """The stub model server as somebody's own server of models: its base URL."""
    command = [sys.executable, "-m", "gagarin.stub", "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}/v1"
        process.terminate()


async def status_of(dev: Dev, headers: dict[str, str]) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.post(dev.url + "/chat", json={"input": "Hello"}, headers=headers) as response,
    ):
        return response.status


def test_the_quickstart_answers_without_a_cluster() -> None:
    done = dev("-f", QUICKSTART, "--say", "Hello!")
    assert done.returncode == 0, done.stderr
    chat, stream = [line for line in done.stdout.splitlines() if line.startswith("hello /")]
    for line in (chat, stream):
        assert "demo-small" in line
        assert "You are a friendly greeter." in line


async def test_the_chat_server_checks_tokens_as_in_a_cluster(folder: Path) -> None:
    with running(folder) as served:
        assert await status_of(served, {"Authorization": f"Bearer {served.token}"}) == 200
        assert await status_of(served, {}) == 401
        assert await status_of(served, {"Authorization": f"Bearer {served.token[:-4]}AAAA"}) == 401


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_however_it_is_asked_to_end_no_key_is_left(folder: Path, number: signal.Signals) -> None:
    variables = folder.parent / "variables"
    variables.write_text("OPENAI_API_KEY=secret\n", encoding="utf-8")
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup
    options = ("--port", "0", "--env-file", str(variables))
    with running(folder, *options, TMPDIR=str(temporary)) as served:
        signal.signal(signal.SIGHUP, inherited)
        assert "secret" in [file.read_text() for file in temporary.rglob("*") if file.is_file()]
        served.process.send_signal(number)
        assert served.process.wait(60) == 0
        assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_however_it_ends_no_process_is_left(folder: Path, number: signal.Signals) -> None:
    with running(folder) as served:
        children = served.children().values()
        assert len(children) == 2
        served.process.send_signal(number)
        assert served.process.wait(60) == (-9 if number == signal.SIGKILL else 0)
        async with asyncio.timeout(60):
            while any(map(is_alive, children)):
                await asyncio.sleep(0.01)


async def test_a_change_restarts_only_what_it_changes_and_conversations_go_on(folder: Path) -> None:
    other = INSTANCE.replace("hello", "other").replace("spec: {", "spec: {overrides: {prompt: Be long.}, ")
    (folder / "other.yaml").write_text(other, encoding="utf-8")
    with running(folder) as served:
        begun = await served.ask("One", name="hello")
        before = served.children()
        (folder / "agent.yaml").write_text(AGENT.replace("Be brief.", "Be kind."), encoding="utf-8")
        assert served.until("ready")["name"] == "hello"
        again = await served.ask("Two", begun["conversation"], name="hello")
        assert "Be kind." in again["answer"]
        assert "I was sent 2 earlier messages" in again["answer"]
        assert "Be long." in (await served.ask("One", name="other"))["answer"]
        after = served.children()
        assert before.keys() == after.keys()
        assert len(set(before.values()) & set(after.values())) == 2  # the other one, and the stub


async def test_an_instance_that_comes_is_served_and_one_that_goes_is_stopped(folder: Path) -> None:
    with running(folder) as served:
        (folder / "second.yaml").write_text(INSTANCE.replace("hello", "second"), encoding="utf-8")
        assert served.until("ready")["name"] == "second"
        assert "Be brief." in (await served.ask("Hello", name="second"))["answer"]
        (folder / "instance.yaml").unlink()
        served.until("stopped", object="Instance default/hello")
        with pytest.raises(aiohttp.ClientConnectorError):
            await status_of(served, {})


async def test_a_mistake_is_told_with_its_line_and_what_ran_goes_on(folder: Path) -> None:
    with running(folder) as served:
        (folder / "agent.yaml").write_text(AGENT + "  - nonsense", encoding="utf-8")
        finding = served.until("finding")
        assert (finding["file"], finding["line"]) == (str(folder / "agent.yaml"), 7)
        served.until("unchanged")
        (folder / "agent.yaml").write_text(AGENT.replace("models", "none"), encoding="utf-8")
        finding = served.until("finding")
        assert (finding["rule"], finding["line"]) == ("RefNotFound", 6)
        served.until("kept", object="Instance default/hello")
        assert served.until("taken-over")["message"] == "what else has changed is taken over"
        assert "Be brief." in (await served.ask("Hello"))["answer"]
        (folder / "agent.yaml").write_text(AGENT.replace("Be brief.", "Be right."), encoding="utf-8")
        served.until("ready")
        assert "Be right." in (await served.ask("Hello"))["answer"]


async def test_a_configuration_that_does_not_start_is_told_and_the_former_one_serves(folder: Path) -> None:
    broken = INSTANCE.replace(
        "spec: {", "spec: {history: {type: Postgres, postgres: {secretKeyRef: {name: db, key: url}}}, "
    )
    variables = folder / "dev.env"
    variables.write_text("DB_URL=mysql://nonsense\n", encoding="utf-8")
    with running(folder, "--port", "0", "--env-file", str(variables)) as served:
        (folder / "instance.yaml").write_text(broken, encoding="utf-8")
        assert "it goes on as it was before" in served.until("failed")["message"]
        assert served.until("taken-over")["message"] == "what else has changed is taken over"
        assert "Be brief." in (await served.ask("Hello"))["answer"]


async def test_a_key_that_changes_is_used_without_a_restart(folder: Path, stub: str) -> None:
    provider = PROVIDER.replace("type: OpenAI", f"type: OpenAICompatible\n  url: {stub}")
    (folder / "provider.yaml").write_text(provider, encoding="utf-8")
    (folder / ".env").write_text("OPENAI_API_KEY=one\n", encoding="utf-8")
    with running(folder, OPENAI_API_KEY="") as served:
        before, children = (await served.ask("Hello"))["answer"], served.children()
        (folder / ".env").write_text("OPENAI_API_KEY=two\n", encoding="utf-8")
        served.until("refreshed")
        assert (await served.ask("Hello"))["answer"] != before
        assert served.children() == children
    assert "OPENAI_API_KEY from" in json.dumps(served.events)
    assert '"two"' not in json.dumps(served.events)


async def test_a_chat_server_that_crashes_is_started_again(folder: Path) -> None:
    with running(folder) as served:
        (pid,) = [pid for name, pid in served.children().items() if name.startswith("gagarin.server")]
        os.kill(pid, signal.SIGKILL)
        assert "hello was ended by signal 9" in served.until("crashed")["message"]
        served.until("recovered", name="hello")
        assert "Be brief." in (await served.ask("Hello"))["answer"]


async def test_ports_and_conversations_outlive_it(folder: Path) -> None:
    port = ("--port", str(any_free()))
    with running(folder, *port) as served:
        url, begun = served.url, await served.ask("One")
    with running(folder, "--file", str(folder)) as served:
        assert served.url == url
        assert "2 earlier messages" in (await served.ask("Two", begun["conversation"]))["answer"]


def test_chat_and_token_find_it_by_the_name_of_an_instance(folder: Path) -> None:
    access = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: chat}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: gagarin-chat}
subjects: [{kind: ServiceAccount, name: default}]
"""
    state = folder.parent / "state"
    with running(folder) as served:
        done = gagarin(state, "chat", "hello", "-m", "Hello")
        assert 'You said: "Hello"' in done.stdout, done.stderr
        assert f"chatting with default/hello of `gagarin dev -f {folder}`" in done.stderr
        refused = gagarin(state, "chat", "hello", "-m", "Hello", "--as", "default")
        assert "may not create instances/chat" in refused.stderr
        (folder / "access.yaml").write_text(access, encoding="utf-8")
        assert served.until("taken-over")["message"] == "the change is taken over"
        token = gagarin(state, "token", "hello", "--dev").stdout.strip()
        chat = ("chat", "--url", served.url, "-m", "Hello", "--token-file", str(folder.parent / "token"))
        (folder.parent / "token").write_text(token, encoding="utf-8")
        assert gagarin(state, *chat).returncode == 0
        assert gagarin(state, "chat", "hello", "--no-dev", "-m", "Hello").returncode == 1
    assert "no `gagarin dev` runs" in gagarin(state, "chat", "hello", "--dev", "-m", "Hello").stderr


def test_a_certificate_is_served_and_tokens_are_reviewed(folder: Path) -> None:
    certificate, key = self_signed("hello.default.svc")
    pair = {"tls.crt": certificate, "tls.key": key}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cert"}, "stringData": pair}
    (folder / "cert.json").write_text(json.dumps(secret), encoding="utf-8")
    secure = "spec: {tls: {secretName: cert}, auth: {verification: TokenReview}, "
    (folder / "instance.yaml").write_text(INSTANCE.replace("spec: {", secure), encoding="utf-8")
    with running(folder) as served:
        assert served.url.startswith("https://")
        done = gagarin(folder.parent / "state", "chat", "hello", "-m", "Hello")
        assert 'You said: "Hello"' in done.stdout, done.stderr
    done = dev("-f", folder, "--say", "Hello!")
    assert "Be brief." in done.stdout, done.stderr


async def test_programs_and_other_agents_are_tools(folder: Path) -> None:
    (folder / "tools.yaml").write_text(
        f"""\
{API}
kind: Tool
metadata: {{name: adder}}
spec: {{type: Stdio, stdio: {{image: "adder:1", command: [{sys.executable}, ./adder.py]}}}}
---
{API}
kind: Tool
metadata: {{name: colleague}}
spec: {{type: Agent, agent: {{instanceRef: {{name: hello}}}}}}
---
{API}
kind: Agent
metadata: {{name: asker}}
spec:
  prompt: Ask others.
  model: {{providerRef: {{name: models}}, name: small}}
  tools: [{{toolRef: {{name: adder}}}}, {{toolRef: {{name: colleague}}}}]
---
{API}
kind: Instance
metadata: {{name: desk}}
spec: {{agentRef: {{name: asker}}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: chat}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: gagarin-chat}}
subjects: [{{kind: ServiceAccount, name: desk-agent}}]
""",
        encoding="utf-8",
    )
    (folder / "adder.py").write_text((ROOT / "tests/e2e/adder.py").read_text(), encoding="utf-8")
    with running(folder) as served:
        calls = [{"name": "add", "arguments": {"a": 2, "b": 3}}]
        added = await served.ask(f"[stub tool_calls='{json.dumps(calls)}']", name="desk")
        assert "the sum is 5; secrets=[]" in added["answer"]
        calls = [{"name": "hello", "arguments": {"input": "Are you there?"}}]
        asked = await served.ask(f"[stub tool_calls='{json.dumps(calls)}']", name="desk")
        assert 'The tool said: "You said: "Are you there?"' in asked["answer"]
        assert "Be brief." in asked["answer"]


def test_a_provider_without_its_key_is_answered_by_the_stub_and_that_is_said(folder: Path) -> None:
    done = dev("-f", folder, "--say", "Hello!")
    assert "there is no Secret default/openai with the key api-key" in done.stdout
    assert "Be brief." in done.stdout


def test_strictly_nothing_stands_in(folder: Path) -> None:
    done = dev("-f", folder, "--strict", "--say", "Hello!")
    assert done.returncode == 1
    assert "--strict: nothing may stand in\n  Provider default/models: answered by the stub" in done.stderr


def test_what_the_operator_would_write_as_a_condition_is_said_here(folder: Path) -> None:
    (folder / "provider.yaml").unlink()
    done = dev("-f", folder)
    assert done.returncode == 1
    assert "agent.yaml:6:11: error RefNotFound" in done.stdout
    assert "Provider default/models does not exist" in done.stdout
    assert "error: there is no Instance to run" in done.stderr


def test_a_file_that_is_no_manifest_ends_it_with_the_line(folder: Path) -> None:
    (folder / "agent.yaml").write_text(AGENT + "---\n[]\n", encoding="utf-8")
    done = dev("-f", folder)
    assert done.returncode == 1
    assert "agent.yaml:8:1: a manifest is a mapping" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_format_is_refused(folder: Path) -> None:
    assert "'xml' is not one of text, json" in dev("-f", folder, "-o", "xml").stderr
