"""Every shape that the original's configurations had becomes manifests that the API server takes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gagarin.conversion.convert import Conversion, convert
from gagarin.conversion.report import ConversionError
from tests.unit.conversion import configurations as given_


def converted(text: str, **environment: str) -> Conversion:
    return convert(yaml.safe_load(text), "team-a", environment)


def spec(conversion: Conversion, kind: str, name: str) -> dict[str, Any]:
    (found,) = [
        item["spec"]
        for item in conversion.manifests
        if (item["kind"], item["metadata"]["name"]) == (kind, name)
    ]
    return dict(found)


def names(conversion: Conversion, kind: str) -> list[str]:
    return [item["metadata"]["name"] for item in conversion.manifests if item["kind"] == kind]


def notes(conversion: Conversion, weight: str) -> dict[str, str]:
    return {note.where: note.text for note in conversion.notes if note.weight == weight}


def faults(text: str) -> list[str]:
    with pytest.raises(ConversionError) as caught:
        converted(text)
    return caught.value.faults


def test_the_quickstart_becomes_one_of_each_kind_and_a_secret() -> None:
    found = converted(given_.QUICKSTART)
    assert spec(found, "Provider", "openai") == {
        "type": "OpenAI",
        "apiKey": {"secretKeyRef": {"name": "openai-key", "key": "api-key"}},
    }
    assert spec(found, "Model", "chatgpt") == {
        "providerRef": {"name": "openai"},
        "model": "gpt-3.5-turbo",
        "mode": "Chat",
    }
    assert spec(found, "Agent", "my-agent") == {
        "displayName": "My Agent",
        "description": "Answers questions",
        "prompt": "You are a helpful assistant.",
        "modelRef": {"name": "chatgpt"},
    }
    assert spec(found, "Instance", "my-agent") == {"agentRef": {"name": "my-agent"}}
    assert [secret["stringData"] for secret in found.secrets] == [{"api-key": "sk-test"}]
    assert {item["metadata"]["namespace"] for item in [*found.manifests, *found.secrets]} == {"team-a"}
    assert notes(found, "dropped") == {"version": "manifests have versions of their own"}


def test_no_manifest_but_a_secret_holds_a_key() -> None:
    found = converted(given_.QUICKSTART)
    assert "sk-test" not in yaml.safe_dump(found.manifests)


def test_variables_come_from_the_environment() -> None:
    found = converted(given_.KEY_FROM_ENVIRONMENT, OPENAI_API_KEY="sk-env", COMPANY="Vostok")
    assert found.secrets[0]["stringData"] == {"api-key": "sk-env"}
    assert spec(found, "Agent", "my-agent")["prompt"] == "Costs $5, for Vostok."
    assert spec(found, "Model", "gpt-4o")["model"] == "gpt-4o"


def test_a_variable_that_is_not_set_is_something_to_do() -> None:
    found = converted(given_.KEY_FROM_ENVIRONMENT)
    assert found.secrets == []
    assert notes(found, "todo") == {
        "providers[0].api_key": "make the Secret: kubectl create secret generic openai-key "
        "--from-literal=api-key=...",
        "agents[0].prompt": "${COMPANY} is not set; it stays as it is written",
    }


def test_gemini_is_google_at_its_compatible_address() -> None:
    found = converted(given_.GEMINI, GOOGLE_API_KEY="k")
    assert spec(found, "Provider", "gemini")["type"] == "Google"
    assert "url" not in spec(found, "Provider", "gemini")
    assert spec(found, "Model", "gemini-chat") == {
        "providerRef": {"name": "gemini"},
        "model": "gemini-2.0-flash",
        "mode": "Chat",
        "contextWindow": 8192,
        "cost": {"inputPerToken": "0.0000001", "outputPerToken": "0.0000004"},
    }
    assert notes(found, "changed").keys() == {"providers[0].api_url", "models[0].max_tokens"}


def test_a_provider_that_is_only_named_is_made() -> None:
    found = converted(given_.MINIMAL)
    assert spec(found, "Provider", "ollama") == {"type": "Ollama"}
    assert spec(found, "Model", "llama")["providerRef"] == {"name": "ollama"}


def test_a_made_provider_that_needs_a_key_is_something_to_do() -> None:
    found = converted(given_.MINIMAL.replace("ollama", "mistral"))
    assert notes(found, "todo") == {"providers (mistral)": "give Provider mistral an apiKey"}


def test_several_providers_tools_and_agents() -> None:
    found = converted(given_.MULTI_PROVIDER, OPENAI_API_KEY="k", SEARCH_TOKEN="t")
    assert spec(found, "Provider", "ollama") == {"type": "Ollama"}
    assert "pod itself" in notes(found, "todo")["providers[1].api_url"]
    assert spec(found, "Model", "gpt")["params"] == {"temperature": 1.0, "extraParams": {"top_k": 5}}
    assert spec(found, "Tool", "get-weather")["functions"] == [
        {"name": "get-weather", "description": "The weather of a city.", "parameters": {"type": "object"}}
    ]
    assert spec(found, "Tool", "search")["auth"] == {
        "type": "Bearer",
        "bearer": {"secretKeyRef": {"name": "search-auth", "key": "token"}},
    }
    assert spec(found, "Agent", "librarian")["tools"] == [
        {"toolRef": {"name": "search"}},
        {"toolRef": {"name": "get-weather"}},
    ]
    assert names(found, "Instance") == ["forecaster", "librarian"]
    assert "tools[0].usage_notes" in notes(found, "dropped")


def test_what_was_called_mcp_is_an_http_tool_with_all_its_functions() -> None:
    found = converted(given_.MCP)
    tool = spec(found, "Tool", "stocks")
    assert tool["http"] == {"url": "https://stocks.example.com/query?market=oslo"}
    assert [function["name"] for function in tool["functions"]] == ["get_price", "list"]
    assert tool["auth"]["basic"]["username"] == {"secretKeyRef": {"name": "stocks-auth", "key": "username"}}
    assert found.secrets[0]["stringData"] == {"username": "reader", "password": "secret"}
    assert {"tools[0].public", "tools[0].launch_command"} <= notes(found, "dropped").keys()


@pytest.mark.parametrize(
    ("kind", "url", "member"),
    [("openapi", "https://a.example/openapi.json", "openAPI"), ("mcp", "https://a.example/mcp", "mcp")],
)
def test_an_api_type_that_says_more_is_taken_at_its_word(kind: str, url: str, member: str) -> None:
    capabilities = "capabilities: {functions: [{name: f}]}"
    found = converted(f"tools: [{{handle: a, api_type: {kind}, api_url: '{url}', {capabilities}}}]")
    assert spec(found, "Tool", "a")[member] == {"url": url}
    assert "tools[0].capabilities" in notes(found, "dropped")


def test_documents_are_kept_and_stores_of_vectors_are_told() -> None:
    found = converted(given_.RAG)
    agent = spec(found, "Agent", "reader")
    assert [source["url"] for source in agent["rag"]] == [
        "https://docs.example.com/guide.html",
        "https://docs.example.com/faq.md",
    ]
    assert agent["retrieval"] == {"topK": 3}
    assert {"agents[0].rag[0]", "agents[0].rag[3]"} <= notes(found, "dropped").keys()
    assert spec(found, "Model", "embedder")["mode"] == "Embedding"
    assert "images are not taken" in notes(found, "changed")["models[1].mode"]


def test_the_form_of_the_wiki_is_understood() -> None:
    found = converted(given_.WIKI_FORM)
    assert spec(found, "Provider", "mistral")["models"] == ["small"]
    agent = spec(found, "Agent", "support-bot")
    assert (agent["displayName"], agent["description"]) == ("Support Bot", "Helps.")
    assert agent["model"] == {"providerRef": {"name": "mistral"}, "name": "small"}
    assert agent["tools"] == [{"toolRef": {"name": "tickets"}}, {"toolRef": {"name": "n-9"}}]
    assert "make the Tool n-9" in notes(found, "todo")["agents[0].tools[1]"]


def test_instances_are_kept_and_agents_without_one_get_one() -> None:
    found = converted(given_.WITH_INSTANCES)
    assert names(found, "Instance") == ["front-desk", "back-desk", "two"]
    assert spec(found, "Instance", "front-desk") == {"agentRef": {"name": "one"}, "title": "Front desk"}
    assert notes(found, "dropped")["instances[0].chat_history"] == "conversations cannot be taken along"


def test_what_is_wrong_is_told_at_once_and_nothing_is_converted() -> None:
    assert faults(given_.INVALID) == ["agents[0].tools: must be a list, and is a text"]


def test_fields_that_are_not_known_are_told() -> None:
    found = converted(given_.INVALID.replace("tools: get_weather", "tools: []"))
    assert {"providers[0].colour", "surprise"} <= notes(found, "dropped").keys()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[]", "must be a mapping, and is a list"),
        ("{}", "there are no providers, models, tools, agents or instances in it"),
        ("providers: {}", "providers: must be a list, and is a mapping"),
        ("providers: [7]", "providers[0]: must be a mapping, and is a number"),
        ("providers: [{api_key: x}]", "providers[0].name: is missing"),
        ("providers: [{name: [x]}]", "providers[0].name: must be a text, and is a list"),
        (
            "providers: [{name: openai}, {name: OpenAI}]",
            "providers[1].name: there is another provider",
        ),
        (
            "providers: [{name: acme}]",
            "Provider acme: spec: url is required when type is",
        ),
        (
            "providers: [{name: acme, api_url: 'ftp://x'}]",
            "Provider acme: spec.url: string should match",
        ),
        ("models: [{name: a}]", "models[0].provider: is missing"),
        ("models: [{name: a, provider: acme}]", "models[0].provider: there is no provider called acme"),
        ("models: [{provider: ollama}]", "models[0].name: is missing"),
        (
            "models: [{name: a, provider: ollama}, {name: a, provider: ollama}]",
            "models[1].name: there is",
        ),
        ("models: [{name: a, provider: ollama, mode: video}]", "models[0].mode: is none of chat, embedding"),
        (
            "models: [{name: a, provider: ollama, max_tokens: -1}]",
            "models[0].max_tokens: must be a whole",
        ),
        (
            "models: [{name: a, provider: ollama, input_cost_per_token: free}]",
            "must be a number that is not",
        ),
        ("models: [{name: a, provider: ollama, params: 7}]", "models[0].params: must be a mapping"),
        ("tools: [{api_url: 'http://x'}]", "tools[0].handle: is missing"),
        ("tools: [{handle: a}]", "tools[0].api_url: is missing: there is nothing to call"),
        (
            "tools: [{handle: a, api_url: 'http://x'}, {handle: a, api_url: 'http://x'}]",
            "another tool",
        ),
        (
            "tools: [{handle: a, api_url: 'http://x', auth_method: magic}]",
            "tools[0].auth_method: is none of",
        ),
        (
            "tools: [{handle: a, api_url: 'http://x', auth_method: bearer}]",
            "auth_info.token: is missing",
        ),
        ("agents: [{prompt: x}]", "agents[0].name: is missing"),
        ("agents: [{name: a, prompt: x}]", "agents[0].model: is missing"),
        ("agents: [{name: a, prompt: x, model: gpt}]", "agents[0].model: there is no model called gpt"),
        (
            "agents: [{name: a, prompt: x, model: gpt, provider: acme}]",
            "there is no provider called",
        ),
        ("agents: [{name: a, model: gpt, provider: ollama}]", "agents[0].prompt: is missing"),
        (
            "agents: [{name: a, prompt: x, model: g, provider: ollama, tools: ['!']}]",
            "tools[0]: names no tool",
        ),
        ("instances: [{title: x}]", "instances[0].agent_id: is missing"),
        ("instances: [{title: x, agent_id: 9}]", "instances[0].agent_id: there is no agent with the id 9"),
    ],
)
def test_faults_name_their_place(text: str, fault: str) -> None:
    assert any(fault in found for found in faults(text))


def test_two_agents_of_one_name_are_refused() -> None:
    text = "agents: [{name: a, prompt: x, model: g, provider: ollama}, {name: a, prompt: x, model: g}]"
    assert "agents[1].name: there is another agent called a" in faults(text)


def test_a_model_of_an_agent_may_be_written_out_or_belong_to_the_only_provider() -> None:
    text = "{providers: [{name: ollama}], agents: [{name: a, prompt: x, model: {name: llama}}]}"
    assert spec(converted(text), "Agent", "a")["model"] == {
        "providerRef": {"name": "ollama"},
        "name": "llama",
    }


@pytest.mark.parametrize(
    ("vendor", "base", "model"),
    [("openrouter", "openrouter/openai/gpt-4o", "openai/gpt-4o"), ("mistral", "mistral/small", "small")],
)
def test_litellms_names_become_the_vendors_own(vendor: str, base: str, model: str) -> None:
    found = converted(f"models: [{{name: a, provider: {vendor}, base_model: {base}}}]")
    assert spec(found, "Model", "a")["model"] == model


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://ollama.ai.svc:11434", "http://ollama.ai.svc:11434/v1"),
        ("http://ollama.ai.svc:11434/v1/", "http://ollama.ai.svc:11434/v1"),
    ],
)
def test_an_ollama_of_another_place_keeps_its_address(url: str, wanted: str) -> None:
    found = converted(f"providers: [{{name: ollama, api_url: '{url}'}}]")
    assert spec(found, "Provider", "ollama")["url"] == wanted


def test_reserved_parameters_are_left_out() -> None:
    text = (
        "models: [{name: a, provider: ollama, params: {stream: true, stop: END, top_p: 1, seed: 3, x: null}}]"
    )
    found = converted(text)
    assert spec(found, "Model", "a")["params"] == {"stop": ["END"], "topP": 1.0, "seed": 3}
    assert "models[0].params.stream" in notes(found, "dropped")


def test_without_a_namespace_manifests_have_none() -> None:
    found = convert(yaml.safe_load(given_.MINIMAL))
    assert all("namespace" not in item["metadata"] for item in found.manifests)


FIELDS = st.sampled_from(["name", "provider", "model", "prompt", "tools", "rag", "api_url", "id"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "provider", "model", "prompt", "tools", "rag", "api_url", "id"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["providers", "models", "tools", "agents", "instances"]), JSON))
def test_whatever_it_is_it_is_converted_or_told(configuration: dict[str, Any]) -> None:
    with suppress(ConversionError):
        assert convert(configuration).manifests


OPEN: dict[str, Any] = {
    "models": [{"name": "m", "provider": "Corp One"}],
    "agents": [{"name": "a", "model": "Shared Model", "prompt": "x", "tools": ["their_tool"]}],
    "instances": [{"agent_id": "elsewhere", "title": "t"}],
}


def test_a_configuration_that_need_not_be_complete_names_resources_that_are_there() -> None:
    found = convert(OPEN, "team-a", complete=False)
    assert spec(found, "Model", "m")["providerRef"] == {"name": "corp-one"}
    assert spec(found, "Agent", "a")["modelRef"] == {"name": "shared-model"}
    assert spec(found, "Instance", "t")["agentRef"] == {"name": "elsewhere"}
    assert notes(found, "todo")["instances[0].agent_id"].startswith("Agent elsewhere has to exist")
    with pytest.raises(ConversionError):
        convert(OPEN, "team-a")


def test_no_name_is_made_up_where_it_could_be_somebody_elses() -> None:
    agents = {"agents": [{"name": "日本", "prompt": "x", "model": "m", "provider": "openai"}]}
    assert names(convert(agents), "Agent") == ["agent"]
    with pytest.raises(ConversionError, match="a name must begin with a letter"):
        convert(agents, complete=False)


def test_an_id_that_is_a_name_is_the_name() -> None:
    text = "providers: [{id: corp, name: Corp Models, type: OpenAICompatible, api_url: 'https://a.example.com/v1'}]"
    assert names(converted(text), "Provider") == ["corp"]
    assert names(converted("providers: [{id: 106, name: openai}]"), "Provider") == ["openai"]


def test_a_type_of_provider_that_there_is_not_is_a_fault() -> None:
    (fault,) = faults("providers: [{name: a, type: Wise}]")
    assert fault.startswith("providers[0].type: is none of OpenAI, ")


@pytest.mark.parametrize(
    ("method", "info", "auth"),
    [
        ("bearer", ["token"], "bearer"),
        ("basic", ["username", "password"], "basic"),
    ],
)
def test_a_reference_takes_the_place_of_a_key(method: str, info: list[str], auth: str) -> None:
    reference = {"secretKeyRef": {"name": "own", "key": "k"}}
    configuration = {
        "providers": [{"name": "openai", "api_key": reference}],
        "tools": [
            {
                "name": "t",
                "api_url": "https://a.example.com",
                "auth_method": method,
                "auth_info": dict.fromkeys(info, reference),
            }
        ],
    }
    found = convert(configuration)
    assert spec(found, "Provider", "openai")["apiKey"] == reference
    expected = reference if method == "bearer" else dict.fromkeys(info, reference)
    assert spec(found, "Tool", "t")["auth"][auth] == expected
    assert not found.secrets
