"""PUT: whole rows or single fields, and what stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateway.apiserver import ApiServer
from tests.unit.gateway.conftest import Serving
from tests.unit.gateway.test_resourceroutes import AGENT, TOOL

LIMITS = {"maxToolRounds": 3}
PROVIDER = {
    "type": "OpenAICompatible",
    "url": "https://models.example.com/v1",
    "apiKey": {"secretKeyRef": {"name": "own", "key": "key"}},
    "retries": 5,
}
MODEL = {
    "providerRef": {"name": "openai"},
    "model": "gpt-4o",
    "mode": "Chat",
    "params": {"temperature": 0.5, "topP": 0.9, "extraParams": {"logprobs": True}},
    "cost": {"inputPerToken": "0.1", "outputPerToken": "0.2"},
}
FULL_AGENT = {
    **AGENT,
    "displayName": "Helper",
    "tools": [{"toolRef": {"name": "weather"}, "allowedFunctions": ["now"]}],
    "rag": [
        {"name": "notes", "type": "ConfigMap", "configMap": {"name": "notes"}},
        {"name": "faq", "type": "URL", "url": "https://example.com/faq", "refreshInterval": "2h"},
    ],
    "limits": LIMITS,
}
SPECS: dict[str, tuple[str, Any]] = {
    "providers": ("Provider", PROVIDER),
    "models": ("Model", MODEL),
    "agents": ("Agent", FULL_AGENT),
    "tools": ("Tool", {**TOOL, "auth": {"type": "Bearer", "bearer": PROVIDER["apiKey"]}}),
    "instances": ("Instance", {"agentRef": {"name": "helper"}, "title": "Support", "replicas": 2}),
}


@pytest.mark.parametrize("section", SPECS)
async def test_a_row_that_is_sent_back_changes_nothing(
    gateway: Serving, api: ApiServer, section: str
) -> None:
    kind, spec = SPECS[section]
    before = api.put(kind, "helper", spec)
    _, row = await gateway.call("GET", f"/{section}/helper")
    assert await gateway.call("PUT", f"/{section}/helper", row) == (200, row)
    assert api.get(kind, "helper") == before
    assert not any(method == "PATCH" for _, method, _ in api.calls)


@pytest.mark.parametrize(
    ("section", "body", "changed"),
    [
        ("providers", {"api_url": "https://other.example.com/v1"}, {"url": "https://other.example.com/v1"}),
        ("providers", {"models": ["a", "b"]}, {"models": ["a", "b"]}),
        ("providers", {"api_key": ""}, {"apiKey": None}),
        ("models", {"model_info": {"base_model": "gpt-5"}}, {"model": "gpt-5"}),
        ("models", {"base_model": "gpt-5"}, {"model": "gpt-5"}),
        ("models", {"params": {"temperature": 0.1}}, {"params": {"temperature": 0.1}}),
        (
            "models",
            {"input_cost_per_token": 0.3},
            {"cost": {"inputPerToken": "0.3", "outputPerToken": "0.2"}},
        ),
        ("models", {"max_tokens": 8000}, {"contextWindow": 8000}),
        ("models", {"provider": "mistral"}, {"providerRef": {"name": "mistral"}}),
        ("agents", {"name": "Other"}, {"displayName": "Other"}),
        ("agents", {"prompt": "Be brief."}, {"prompt": "Be brief."}),
        ("agents", {"model": "small"}, {"modelRef": {"name": "small"}}),
        (
            "agents",
            {"model": "gpt-4o", "provider": "openai"},
            {"modelRef": None, "model": {"providerRef": {"name": "openai"}, "name": "gpt-4o"}},
        ),
        (
            "agents",
            {"tools": ["weather", "news"]},
            {"tools": [*FULL_AGENT["tools"], {"toolRef": {"name": "news"}}]},
        ),
        ("agents", {"tools": []}, {"tools": []}),
        (
            "agents",
            {"rag": [{"type": "url", "url": "https://example.com/faq"}, {"url": "https://example.com/b"}]},
            {
                "rag": [
                    *FULL_AGENT["rag"],
                    {"name": "source-2", "type": "URL", "url": "https://example.com/b"},
                ]
            },
        ),
        ("tools", {"description": "Rain or sun"}, {"description": "Rain or sun"}),
        (
            "tools",
            {"api_url": "https://b.example.com"},
            {"http": {"url": "https://b.example.com", "method": "PUT"}},
        ),
        (
            "tools",
            {"api_type": "mcp", "api_url": "https://b.example.com/mcp"},
            {"type": "MCP", "mcp": {"url": "https://b.example.com/mcp"}, "http": None, "functions": None},
        ),
        ("tools", {"auth_method": "none"}, {"auth": None}),
        (
            "tools",
            {"auth_info": {"token": "new"}},
            {"auth": {"type": "Bearer", "bearer": {"secretKeyRef": {"name": "helper-auth", "key": "token"}}}},
        ),
        (
            "agents",
            {"rag": [{"url": "https://example.com/faq", "top_k": 7}]},
            {"retrieval": {"topK": 7}},
        ),
        (
            "tools",
            {"capabilities": {"functions": [{"name": "rain"}]}},
            {"functions": [{"name": "rain"}]},
        ),
        ("instances", {"title": "Sales"}, {"title": "Sales"}),
        ("instances", {"agent_id": "other"}, {"agentRef": {"name": "other"}}),
    ],
)
async def test_only_what_is_new_is_changed(
    gateway: Serving, api: ApiServer, section: str, body: dict[str, Any], changed: dict[str, Any]
) -> None:
    kind, spec = SPECS[section]
    api.put(kind, "helper", spec)
    status, answer = await gateway.call("PUT", f"/{section}/helper", body)
    assert status == 200, answer
    item = api.get(kind, "helper")
    assert item is not None
    expected = {name: value for name, value in {**spec, **changed}.items() if value is not None}
    assert item["spec"] == expected


@pytest.mark.parametrize(
    ("section", "body", "where"),
    [
        ("agents", {"user_id": 7}, "user_id"),
        ("agents", {"id": "other"}, "id"),
        ("providers", {"name": "other"}, "name"),
        ("tools", {"handle": "other"}, "handle"),
        ("tools", {"auth_method": "basic"}, "auth_info"),
        ("models", {"mode": "loud"}, "mode"),
        ("instances", {"chat_history": []}, "chat_history"),
        ("agents", {"prompt": ""}, "prompt"),
    ],
)
async def test_what_cannot_be_changed_is_a_422_and_nothing_is(
    gateway: Serving, api: ApiServer, section: str, body: dict[str, Any], where: str
) -> None:
    kind, spec = SPECS[section]
    before = api.put(kind, "helper", spec)
    status, problem = await gateway.call("PUT", f"/{section}/helper", body)
    assert status == 422
    assert any(error["pointer"].startswith(where) for error in problem["errors"]), problem
    assert api.get(kind, "helper") == before


async def test_a_name_may_be_spelt_as_the_original_spelt_it(gateway: Serving, api: ApiServer) -> None:
    api.put("Model", "gpt-4", MODEL)
    assert (await gateway.call("PUT", "/models/gpt-4", {"name": "GPT 4"}))[0] == 200


async def test_a_new_key_goes_into_a_secret_of_our_own(gateway: Serving, api: ApiServer) -> None:
    api.put("Provider", "helper", PROVIDER)
    api.put("Secret", "own", {"key": "b2xk"}, owner="kubectl")
    assert (await gateway.call("PUT", "/providers/helper", {"api_key": "new"}))[0] == 200
    provider = api.get("Provider", "helper")
    assert provider is not None
    reference = {"name": "helper-key", "key": "api-key"}
    assert provider["spec"] == {**PROVIDER, "apiKey": {"secretKeyRef": reference}}
    assert api.names("Secret") == ["helper-key", "own"]


async def test_a_key_that_cannot_be_kept_changes_nothing(gateway: Serving, api: ApiServer) -> None:
    api.put("Provider", "helper", PROVIDER)
    api.denied.add(("alice", "patch", "secrets"))
    status, problem = await gateway.call("PUT", "/providers/helper", {"api_key": "new", "models": ["a"]})
    assert (status, problem["detail"].endswith("nothing was changed")) == (403, True)
    provider = api.get("Provider", "helper")
    assert provider is not None
    assert provider["spec"] == PROVIDER


async def test_a_change_that_could_not_be_taken_back_is_told(gateway: Serving, api: ApiServer) -> None:
    api.put("Provider", "helper", PROVIDER)
    api.denied.add(("alice", "patch", "secrets"))

    def once(_: Any) -> None:
        api.denied.add(("alice", "patch", "providers"))

    api.before_patch = once
    _, problem = await gateway.call("PUT", "/providers/helper", {"api_key": "new"})
    assert problem["detail"].endswith("was changed, its Secret was not, and it could not be changed back")


async def test_somebody_who_was_faster_is_not_overwritten(gateway: Serving, api: ApiServer) -> None:
    api.put("Agent", "helper", AGENT)
    api.before_patch = lambda item: item["metadata"].update(resourceVersion="newer")
    assert (await gateway.call("PUT", "/agents/helper", {"prompt": "x"}))[0] == 409


async def test_the_provider_of_a_model_named_in_place_is_changed_alone(
    gateway: Serving, api: ApiServer
) -> None:
    choice = {"providerRef": {"name": "openai"}, "name": "gpt-4o"}
    api.put("Agent", "helper", {"prompt": "x", "model": choice})
    assert (await gateway.call("PUT", "/agents/helper", {"provider": "azure"}))[0] == 200
    agent = api.get("Agent", "helper")
    assert agent is not None
    assert agent["spec"] == {"prompt": "x", "model": {**choice, "providerRef": {"name": "azure"}}}
    status, row = await gateway.call("PUT", "/agents/helper", {"model": "shared"})
    assert (status, row["model_id"], row["provider"]) == (200, "shared", None)
