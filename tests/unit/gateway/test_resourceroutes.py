"""The calls of the original for its five kinds of things, over the API server of a test."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.unit.gateway.apiserver import ApiServer
from tests.unit.gateway.conftest import Serving

AGENT = {"prompt": "You are helpful.", "modelRef": {"name": "gpt"}}
SECTIONS = ("providers", "models", "agents", "tools", "instances")
TOOL = {
    "type": "HTTP",
    "http": {"url": "https://weather.example.com/now", "method": "PUT"},
    "functions": [{"name": "weather", "parameters": {"type": "object"}}],
}


async def test_a_provider_is_created_with_its_key_in_a_secret_that_goes_with_it(
    gateway: Serving, api: ApiServer
) -> None:
    status, row = await gateway.call("POST", "/providers", {"name": "OpenAI", "api_key": "sk-secret"})
    assert status == 200
    assert row == {
        "id": "openai",
        "namespace": "team-a",
        "created_at": "2026-01-01T00:00:00Z",
        "ready": None,
        "reason": None,
        "message": None,
        "name": "openai",
        "type": "OpenAI",
        "api_url": "https://api.openai.com/v1",
        "api_key": None,
        "has_api_key": True,
        "models": [],
    }
    provider, secret = api.get("Provider", "openai"), api.get("Secret", "openai-key")
    assert provider is not None
    assert secret is not None
    assert provider["spec"]["apiKey"] == {"secretKeyRef": {"name": "openai-key", "key": "api-key"}}
    assert base64.b64decode(secret["data"]["api-key"]) == b"sk-secret"
    (owner,) = secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Provider", "openai", provider["metadata"]["uid"])


async def test_a_provider_that_is_there_is_merged_and_keeps_its_key(gateway: Serving, api: ApiServer) -> None:
    await gateway.call("POST", "/providers", {"name": "openai", "api_key": "sk-secret"})
    status, row = await gateway.call(
        "POST", "/providers", {"name": "openai", "api_url": "https://proxy.example.com/v1"}
    )
    assert (status, row["api_url"], row["has_api_key"]) == (200, "https://proxy.example.com/v1", True)
    assert api.names("Provider") == ["openai"]


async def test_a_model_an_agent_a_tool_and_an_instance_are_created(gateway: Serving, api: ApiServer) -> None:
    model = {"name": "GPT 4", "provider": "openai", "model_info": {"base_model": "gpt-4o"}}
    status, row = await gateway.call("POST", "/models", model)
    assert (status, row["id"], row["provider"], row["base_model"], row["mode"]) == (
        200,
        "gpt-4",
        "openai",
        "gpt-4o",
        "chat",
    )
    tool = {"name": "Weather", "handle": "weather", "api_url": "https://weather.example.com/now"}
    status, row = await gateway.call("POST", "/tools", tool)
    assert (status, row["id"], row["api_type"], row["api_url"]) == (200, "weather", "http", tool["api_url"])
    agent = {"name": "My Agent", "prompt": "Be kind.", "model": "GPT 4", "tools": ["weather"]}
    assert await gateway.call("POST", "/agents", agent) == (200, "my-agent")
    made = api.get("Agent", "my-agent")
    assert made is not None
    assert made["spec"]["modelRef"] == {"name": "gpt-4"}
    status, row = await gateway.call("POST", "/instances", {"agent_id": "my-agent", "title": "Support"})
    assert (status, row["id"], row["agent_id"], row["title"]) == (200, "support", "my-agent", "Support")
    assert api.names("Instance") == ["support"], "creating an agent makes no instance by itself"


async def test_every_post_makes_another_instance(gateway: Serving, api: ApiServer) -> None:
    api.put("Agent", "helper", AGENT)
    body = {"agent_id": "helper", "title": "Support"}
    first = (await gateway.call("POST", "/instances", body))[1]["id"]
    second = (await gateway.call("POST", "/instances", body))[1]["id"]
    assert first == "support"
    assert second.startswith("support-")
    assert api.names("Instance") == sorted([first, second])


async def test_a_title_in_another_script_gives_the_instance_the_name_of_its_agent(
    gateway: Serving, api: ApiServer
) -> None:
    api.put("Agent", "helper", AGENT)
    status, row = await gateway.call("POST", "/instances", {"agent_id": "helper", "title": "日本"})
    assert (status, row["id"], row["title"]) == (200, "helper", "日本")


async def test_an_instance_of_an_agent_that_is_not_there_is_a_404(gateway: Serving, api: ApiServer) -> None:
    status, problem = await gateway.call("POST", "/instances", {"agent_id": "nobody", "title": "x"})
    assert (status, problem["detail"].partition(":")[0]) == (404, "Agent not found")
    assert api.names("Instance") == []


async def test_a_name_that_is_taken_is_a_409(gateway: Serving, api: ApiServer) -> None:
    api.put("Agent", "helper", AGENT)
    status, problem = await gateway.call("POST", "/agents", {"name": "helper", "prompt": "x", "model": "gpt"})
    assert (status, problem["type"].rpartition("/")[2]) == (409, "already-exists")


@pytest.mark.parametrize(
    ("section", "body", "where"),
    [
        ("agents", {"name": "日本", "prompt": "x", "model": "gpt"}, "Agent "),
        ("agents", {"prompt": "x", "model": "gpt"}, "name"),
        ("agents", {"name": "a", "model": "gpt"}, "prompt"),
        ("agents", {"name": ["a"], "prompt": "x", "model": "gpt"}, "name"),
        ("providers", {"name": "corp"}, "Provider corp"),
        ("providers", {"name": "openai", "api_url": "localhost:8000"}, "Provider openai"),
        ("models", {"name": "gpt"}, "provider"),
        ("tools", {"name": "x"}, "api_url"),
        (
            "tools",
            {"name": "x", "api_url": "https://a.example.com", "auth_method": "bearer"},
            "auth_info.token",
        ),
        ("instances", {"title": "x"}, "agent_id"),
    ],
)
async def test_a_wrong_field_is_a_422_that_names_it_and_nothing_is_written(
    gateway: Serving, api: ApiServer, section: str, body: dict[str, Any], where: str
) -> None:
    status, problem = await gateway.call("POST", f"/{section}", body)
    assert status == 422, problem
    assert any(error["pointer"].startswith(where) for error in problem["errors"]), problem
    assert not api.objects


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("name", ["nobody", "106", "My%20Agent", "%E6%97%A5", "a" * 80, "..%2Fsecrets"])
async def test_a_wrong_id_is_a_404_however_it_is_written(gateway: Serving, section: str, name: str) -> None:
    for method, body in (("GET", None), ("PUT", {}), ("DELETE", None)):
        status, problem = await gateway.call(method, f"/{section}/{name}", body)
        assert (status, problem["status"]) == (404, 404)
        assert " not found: " in problem["detail"]


async def test_deleting_says_so_and_only_once(gateway: Serving, api: ApiServer) -> None:
    api.put("Agent", "helper", AGENT)
    assert await gateway.call("DELETE", "/agents/helper") == (200, {"detail": "Agent deleted successfully"})
    assert (await gateway.call("DELETE", "/agents/helper"))[0] == 404


async def test_lists_are_pages_newest_first(gateway: Serving, api: ApiServer) -> None:
    for number in range(12):
        api.put("Agent", f"agent-{number}", AGENT)
    _, first = await gateway.call("GET", "/agents")
    assert [row["id"] for row in first] == [f"agent-{number}" for number in range(11, 1, -1)]
    _, second = await gateway.call("GET", f"/agents/?limit=5&created_at_lt={first[-1]['created_at']}")
    assert [row["id"] for row in second] == ["agent-1", "agent-0"]


async def test_a_model_is_found_by_its_name(gateway: Serving, api: ApiServer) -> None:
    api.put("Model", "gpt-4", {"providerRef": {"name": "openai"}, "model": "gpt-4o"})
    assert (await gateway.call("GET", "/models/?name=GPT%204"))[1]["id"] == "gpt-4"
    assert (await gateway.call("GET", "/models?name=other"))[0] == 404
    assert (await gateway.call("GET", "/models?name=%E6%97%A5"))[0] == 404


async def test_the_namespace_of_a_path_is_another_one(gateway: Serving, api: ApiServer) -> None:
    api.put("Agent", "theirs", AGENT, namespace="team-b")
    assert (await gateway.call("GET", "/agents"))[1] == []
    assert [row["id"] for row in (await gateway.call("GET", "/ns/team-b/agents"))[1]] == ["theirs"]
    assert (await gateway.call("GET", "/ns/team-b/agents/theirs"))[1]["namespace"] == "team-b"
    assert (await gateway.call("GET", "/ns/Team%20B/agents"))[0] == 404


async def test_the_callers_own_token_is_what_the_api_server_judges(gateway: Serving, api: ApiServer) -> None:
    api.users["bob"] = {"username": "bob"}
    api.denied.add(("bob", "list", "agents"))
    assert (await gateway.call("GET", "/agents"))[0] == 200
    status, problem = await gateway.call("GET", "/agents", token="bob")
    assert (status, problem["detail"]) == (403, 'agents is forbidden: User "bob" cannot list agents')
    assert (await gateway.call("GET", "/agents", token="stranger"))[0] == 401
    assert (await gateway.call("GET", "/agents", token=None))[0] == 401
    assert {token for token, _, _ in api.calls} == {"alice", "bob", "stranger"}


async def test_an_api_server_that_is_gone_is_a_503(gateway: Serving, api: ApiServer) -> None:
    api.broken = True
    status, problem = await gateway.call("GET", "/agents")
    assert (status, problem["type"].rpartition("/")[2]) == (503, "cluster-unavailable")
    assert "etcd" not in problem["detail"]


async def test_an_agent_comes_from_yaml(gateway: Serving, api: ApiServer) -> None:
    text = "name: My Agent\nprompt: Be kind.\nmodel: gpt\n"
    assert await gateway.call("POST", "/agents/from-yaml", text) == (200, "my-agent")
    one, two = (f"{{name: {name}, prompt: x, model: gpt}}" for name in ("One", "Two"))
    several = f"version: 0.0.1\nagents:\n- {one}\n- {two}\n"
    assert await gateway.call("POST", "/agents/yaml", several) == (200, ["one", "two"])
    assert api.names("Agent") == ["my-agent", "one", "two"]
    assert api.names("Instance") == []
    status, problem = await gateway.call("POST", "/agents/yaml", "agents: []\nproviders: []\n")
    assert (status, problem["errors"][0]["pointer"]) == (422, "providers")


async def test_a_tool_comes_from_yaml(gateway: Serving, api: ApiServer) -> None:
    text = "name: Weather\nhandle: weather\napi_url: https://weather.example.com\n"
    assert (await gateway.call("POST", "/tools/yaml", text))[1]["id"] == "weather"


async def test_a_tool_cannot_be_called_and_the_answer_says_why(gateway: Serving, api: ApiServer) -> None:
    api.put("Tool", "weather", TOOL)
    status, problem = await gateway.call("POST", "/tools/weather/call", {"args": {}})
    assert (status, problem["type"].rpartition("/")[2]) == (501, "no-tool-call")
    assert (await gateway.call("POST", "/tools/other/call", {"args": {}}))[0] == 404


async def test_what_has_no_counterpart_is_told_in_a_header(gateway: Serving) -> None:
    body = {"name": "a", "prompt": "x", "model": "gpt", "public": True}
    async with gateway.request("POST", "/agents", body) as response:
        notes = response.headers.getall("Gagarin-Note")
    assert "public: who may chat is a Role and a RoleBinding" in notes


async def test_a_provider_without_its_secret_is_taken_back(gateway: Serving, api: ApiServer) -> None:
    api.denied.add(("alice", "patch", "secrets"))
    status, problem = await gateway.call("POST", "/providers", {"name": "openai", "api_key": "sk"})
    assert status == 403
    assert problem["detail"].endswith("nothing was created")
    assert not api.objects


async def test_what_could_not_be_taken_back_is_told(gateway: Serving, api: ApiServer) -> None:
    api.denied |= {("alice", "patch", "secrets"), ("alice", "delete", "providers")}
    _, problem = await gateway.call("POST", "/providers", {"name": "openai", "api_key": "sk"})
    told = "Provider openai was created, its Secret was not, and it could not be removed"
    assert problem["detail"].endswith(told)
    assert api.names("Provider") == ["openai"]


async def test_somebody_elses_secret_is_not_taken_over(gateway: Serving, api: ApiServer) -> None:
    api.put("Secret", "openai-key", {"api-key": "b2xk"}, owner="kubectl")
    status, problem = await gateway.call("POST", "/providers", {"name": "openai", "api_key": "new"})
    assert (status, "kubectl" in problem["detail"]) == (409, True)
    secret = api.get("Secret", "openai-key")
    assert secret is not None
    assert secret["data"] == {"api-key": "b2xk"}
    assert api.names("Provider") == []


async def test_no_answer_ever_holds_a_key(gateway: Serving, api: ApiServer) -> None:
    await gateway.call("POST", "/providers", {"name": "openai", "api_key": "sk-secret"})
    await gateway.call(
        "POST",
        "/tools",
        {
            "name": "w",
            "api_url": "https://w.example.com",
            "auth_method": "basic",
            "auth_info": {"username": "me", "password": "pw-secret"},
        },
    )
    assert len(api.names("Secret")) == 2
    for path in ("/providers", "/providers/openai", "/tools", "/tools/w", "/yaml"):
        text = str((await gateway.call("GET", path))[1])
        assert "secret" not in text.replace("secretKeyRef", "")
    assert "sk-secret" not in str(gateway.lines)


async def test_a_row_tells_the_condition_ready(gateway: Serving, api: ApiServer) -> None:
    conditions = [
        {"type": "Accepted", "status": "True"},
        {"type": "Ready", "status": "False", "reason": "Why", "message": "Therefore."},
    ]
    api.put("Agent", "helper", AGENT)["status"] = {"conditions": conditions}
    _, row = await gateway.call("GET", "/agents/helper")
    assert (row["ready"], row["reason"], row["message"]) == (False, "Why", "Therefore.")


@pytest.mark.parametrize(("section", "plural"), [("providers", "providers"), ("instances", "instances")])
async def test_what_the_api_server_refuses_to_create_is_told(
    gateway: Serving, api: ApiServer, section: str, plural: str
) -> None:
    api.put("Agent", "helper", AGENT)
    api.denied.add(("alice", "create", plural))
    body = {"name": "openai"} if section == "providers" else {"agent_id": "helper", "title": "x"}
    assert (await gateway.call("POST", f"/{section}", body))[0] == 403


async def test_a_right_that_is_lost_between_two_calls_is_told(gateway: Serving, api: ApiServer) -> None:
    api.put("Agent", "helper", AGENT)
    api.denied.add(("alice", "delete", "agents"))
    assert (await gateway.call("DELETE", "/agents/helper"))[0] == 403
