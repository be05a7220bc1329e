"""The files of a chat server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gagarin.cli.dev.authority import Authority
from gagarin.cli.dev.inputs import Inputs, Written
from gagarin.cli.dev.plan import Server
from gagarin.cli.dev.servers import environment_of
from gagarin.core import config
from gagarin.core.objects import Key, ObjectMap

PROVIDER = config.Provider(name="models", namespace="default", type="OpenAI", url="http://127.0.0.1:9/v1")
PEER = config.AgentPeer(
    name="peer",
    namespace="team",
    url="http://peer.team.svc",
    token_file="team/peer",
)
CONFIG = config.Config(
    schema_version=1,
    name="hello",
    namespace="default",
    revision="1",
    prompt="Be brief.",
    model=config.ModelTarget(provider=PROVIDER, model="small"),
    auth=config.Auth(audiences=("hello.default.svc",)),
    tools=(config.Tool(name="it", namespace="default", type="Agent", agent=PEER),),
)
SERVER = Server(
    key=Key("Instance", "default", "hello"),
    configuration=CONFIG,
    account="hello-agent",
    secrets={"default/openai/api-key": b"k"},
    documents={"manual/a.md": b"A"},
    environment={},
)


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path / "1")


@pytest.fixture
def authority() -> Authority:
    return Authority(ObjectMap())


def test_they_are_what_a_pod_has(inputs: Inputs, authority: Authority) -> None:
    inputs.write(SERVER, authority)
    assert config.decode((inputs.folder / config.FILE_NAME).read_bytes()) == CONFIG
    assert (inputs.folder / "secrets/default/openai/api-key").read_bytes() == b"k"
    assert (inputs.folder / "knowledge/manual/a.md").read_bytes() == b"A"
    assert (inputs.folder / "tokens/team/peer").read_text(encoding="utf-8").count(".") == 2
    for file in (entry for entry in inputs.folder.rglob("*") if entry.is_file()):
        assert file.stat().st_mode & 0o077 == 0


def test_what_changed_is_told_and_what_is_not_wanted_is_gone(inputs: Inputs, authority: Authority) -> None:
    inputs.write(SERVER, authority)
    assert inputs.write(SERVER, authority) == Written(secrets=False, documents=False)
    assert inputs.write(replace(SERVER, documents={"manual/b.md": b"B"}), authority).documents
    assert [file.name for file in (inputs.folder / "knowledge/manual").iterdir()] == ["b.md"]
    assert inputs.write(replace(SERVER, secrets={"default/openai/api-key": b"2"}), authority).secrets


def test_options_of_other_programs_do_not_reach_a_chat_server() -> None:
    server = replace(SERVER, environment={"A": "theirs"})
    assert environment_of(server, {"A": "ours", "B": "ours", "GAGARIN_PORT": "1"}) == {
        "A": "theirs",
        "B": "ours",
    }


def test_a_proxy_is_not_for_what_is_on_this_machine() -> None:
    found = environment_of(SERVER, {"HTTPS_PROXY": "http://proxy", "NO_PROXY": "example.com"})
    assert found["no_proxy"] == found["NO_PROXY"] == "example.com,localhost,127.0.0.1"
