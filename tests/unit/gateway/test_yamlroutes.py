"""Whole configurations: applied as one, told exactly when they are not, and written out so that they come
back.
"""

from __future__ import annotations

import io
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gagarin.conversion import yamltext
from gagarin.conversion.convert import convert
from gagarin.conversion.report import ConversionError
from gagarin.gateway import configuration
from gagarin.gateway.forms import RESOURCES, SECTIONS
from tests.unit.conversion import configurations
from tests.unit.gateway.apiserver import ApiServer
from tests.unit.gateway.conftest import Serving
from tests.unit.gateway.test_resourceroutes import AGENT, TOOL

CONFIGURATION = """
version: 0.0.1
providers:
- name: openai
  api_key: sk-secret
models:
- name: chatgpt
  provider: openai
  model_info: {base_model: gpt-4o}
tools:
- name: Weather
  handle: weather
  api_url: https://weather.example.com/now
  auth_method: bearer
  auth_info: {token: tool-secret}
agents:
- name: My Agent
  model: chatgpt
  prompt: Be kind.
  tools: [weather]
"""
ALL = ["Provider openai", "Model chatgpt", "Tool weather", "Agent my-agent", "Instance my-agent"]
SECRETS = ["Secret openai-key", "Secret weather-auth"]


@pytest.mark.parametrize("path", ["/yaml", "/yaml/", "/ns/team-a/yaml/"])
async def test_a_configuration_is_applied_and_answered_with_rows(
    gateway: Serving, api: ApiServer, path: str
) -> None:
    status, answer = await gateway.call("POST", path, CONFIGURATION)
    assert status == 200, answer
    assert {section: [row["id"] for row in rows] for section, rows in answer.items()} == {
        "providers": ["openai"],
        "models": ["chatgpt"],
        "tools": ["weather"],
        "agents": ["my-agent"],
        "instances": ["my-agent"],
    }
    secret = api.get("Secret", "weather-auth")
    assert secret is not None
    assert secret["metadata"]["ownerReferences"][0]["name"] == "weather"


async def test_applying_it_again_makes_nothing_new(gateway: Serving, api: ApiServer) -> None:
    for _ in range(2):
        assert (await gateway.call("POST", "/yaml", CONFIGURATION))[0] == 200
    assert len(api.objects) == len(ALL) + len(SECRETS)


async def test_what_is_refused_is_found_before_anything_is_written(gateway: Serving, api: ApiServer) -> None:
    api.denied |= {("alice", "patch", "tools"), ("alice", "patch", "secrets")}
    status, problem = await gateway.call("POST", "/yaml", CONFIGURATION)
    assert status == 403
    assert [error["pointer"] for error in problem["errors"]] == ["Tool weather", *SECRETS]
    assert (problem["done"], problem["not_done"]) == ([], [*ALL, *SECRETS])
    assert not api.objects


async def test_what_fails_in_the_middle_says_what_was_done(gateway: Serving, api: ApiServer) -> None:
    api.failing = lambda _, plural: plural == "agents"
    status, problem = await gateway.call("POST", "/yaml", CONFIGURATION)
    assert status == 503
    assert problem["done"] == ALL[:3]
    assert problem["failed"] == "Agent my-agent"
    assert problem["not_done"] == ["Instance my-agent", *SECRETS]
    assert problem["detail"].startswith("Agent my-agent: ")
    assert api.names("Model") == ["chatgpt"]


async def test_names_may_be_those_of_resources_that_are_there_already(
    gateway: Serving, api: ApiServer
) -> None:
    text = "agents:\n- {name: a, model: elsewhere, prompt: x, tools: [theirs]}\n"
    async with gateway.request("POST", "/yaml", text) as response:
        assert response.status == 200, await response.text()
        notes = response.headers.getall("Gagarin-Note")
    assert "agents[0].model: Model elsewhere has to exist: there is none in here" in notes


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("a: &x [1]\nb: *x\n", 400, "the alias *x is not taken"),
        ("- " * 200 + "x", 400, "nested more than 100 times"),
        ("a: 1\na: 2\n", 400, "the key 'a' is there twice"),
        ("providers: [", 400, "not valid YAML"),
        ("a: 1\n---\nb: 2\n", 400, "one YAML document, and this has 2"),
        ("", 400, "one YAML document, and this has 0"),
        (b"\xff\xfe\x00", 400, "UTF-8"),
        ("a: !!python/object:os.system x\n", 400, "not valid YAML"),
        ("just text", 422, "must be a mapping"),
        ("[]", 422, "must be a mapping"),
        ("{}", 422, "there are no providers"),
        (
            "providers:\n- name: 日本\n  api_url: https://a.example.com\n",
            422,
            "a name must begin with a letter",
        ),
    ],
)
async def test_what_is_no_configuration_is_refused_with_the_reason(
    gateway: Serving, api: ApiServer, text: str | bytes, status: int, said: str
) -> None:
    found, problem = await gateway.call("POST", "/yaml", text)
    assert (found, said in problem["detail"]) == (status, True), problem
    assert not api.objects


async def test_a_bomb_and_a_flood_are_refused_at_once(gateway: Serving, api: ApiServer) -> None:
    bomb = "a: &a [x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)},*{chr(97 + n)}]\n" for n in range(20)
    )
    assert (await gateway.call("POST", "/yaml", bomb))[0] == 400
    assert (await gateway.call("POST", "/yaml", io.BytesIO(b"a: b\n" * 2_000_000)))[0] == 413


async def test_an_export_can_be_imported_again_and_changes_nothing(gateway: Serving, api: ApiServer) -> None:
    await gateway.call("POST", "/yaml", CONFIGURATION)
    specs = {key: item.get("spec") for key, item in api.objects.items()}
    status, text = await gateway.call("GET", "/yaml")
    assert status == 200
    assert "sk-secret" not in text
    assert "tool-secret" not in text
    status, answer = await gateway.call("POST", "/yaml", text)
    assert status == 200, answer
    assert {key: item.get("spec") for key, item in api.objects.items()} == specs


async def test_what_has_no_counterpart_is_told_in_the_export(gateway: Serving, api: ApiServer) -> None:
    api.put("Tool", "files", {"type": "Stdio", "stdio": {"image": "files"}})
    api.put("Tool", "odd", {**TOOL, "auth": {"type": "Header", "header": {"name": "X"}}})
    api.put("Agent", "long", {"promptFrom": {"configMapKeyRef": {}}, "modelRef": {"name": "gpt"}})
    api.put("Agent", "far", {"prompt": "x", "modelRef": {"name": "gpt", "namespace": "team-b"}})
    api.put("Instance", "big", {"agentRef": {"name": "long"}, "history": {"type": "None"}})
    _, text = await gateway.call("GET", "/yaml/")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments == [
        "# Tool files is left out: type Stdio",
        "# Tool odd is left out: its credential goes into a header of its own",
        "# Agent far is left out: it refers to another namespace",
        "# Agent long is left out: its prompt is in a ConfigMap",
        "# Instance big without history",
    ]


async def test_one_section_is_exported(gateway: Serving, api: ApiServer) -> None:
    api.put("Agent", "helper", AGENT)
    status, text = await gateway.call("GET", "/yaml/agents")
    assert (status, list(yaml.safe_load(text))) == (200, ["agents"])
    assert (await gateway.call("GET", "/yaml/secrets"))[0] == 404
    api.denied.add(("alice", "list", "agents"))
    assert (await gateway.call("GET", "/yaml"))[0] == 403


def manifests(text: str) -> list[dict[str, Any]]:
    """What a configuration becomes; nothing, if it is refused."""
    try:
        return convert(yaml.safe_load(text), "team-a").manifests
    except ConversionError:
        return []


SHAPES = [
    text
    for name, text in sorted(vars(configurations).items())
    if name.isupper() and isinstance(text, str) and manifests(text)
]


def read(text: str) -> Any:
    (document,) = yamltext.documents("export", text)
    return document.value


def exported(made: list[dict[str, Any]]) -> str:
    objects: dict[str, list[dict[str, Any]]] = {section: [] for section in RESOURCES}
    for item in made:
        objects[SECTIONS[item["kind"]]].append(item)
    return configuration.text(objects)


@pytest.mark.parametrize("text", SHAPES)
def test_every_shape_of_the_original_comes_back_from_its_export(text: str) -> None:
    made = manifests(text)
    again = convert(read(exported(made)), "team-a", complete=False)
    assert again.manifests == made
    assert not again.secrets


names = st.text(min_size=1, max_size=60)
texts = st.text(min_size=1, max_size=200).filter(str.strip)


@given(agents=st.lists(st.tuples(names, texts), min_size=1, max_size=4, unique_by=lambda each: each[0]))
def test_agents_of_any_name_and_prompt_come_back_from_their_export(agents: list[tuple[str, str]]) -> None:
    given_ = {
        "agents": [
            {"name": name, "prompt": prompt, "model": "gpt", "provider": "openai"} for name, prompt in agents
        ]
    }
    try:
        made = convert(given_, "team-a").manifests
    except ConversionError:
        return  # names with control characters are refused
    again = convert(read(exported(made)), "team-a", complete=False)
    assert again.manifests == made
