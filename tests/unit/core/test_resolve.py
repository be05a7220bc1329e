"""Resolving: everything missing is named, everything forbidden is refused, and nothing is ever raised."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.core import config
from gagarin.core.objects import Key, Object, ObjectMap
from gagarin.core.resolve import CONFIG_BYTES, Resolution, resolve
from tests.unit.core import builders as a

PLATFORM = "platform"
SHARED = {"name": "shared", "namespace": PLATFORM}


def settled(resolution: Resolution) -> config.Config:
    """The configuration of an Instance that has no problem."""
    assert resolution.problems == ()
    assert resolution.resolved is not None
    return resolution.resolved.config


def on(shared: Object, **overrides: Any) -> Resolution:
    """An Instance in `demo` that overrides its model with one of the given Provider in `platform`."""
    choice = {"model": {"providerRef": SHARED, "name": "gpt-5"}}
    return a.look(a.instance(overrides=choice | overrides), a.agent(), a.provider(), shared)


def test_an_instance_comes_to_a_configuration() -> None:
    resolution = a.look(a.instance(title="Hi"), a.agent(displayName="Support"), a.provider())
    found = settled(resolution)
    assert (found.name, found.namespace, found.agent) == ("support", "demo", "support")
    assert (found.title, found.display_name, found.prompt) == ("Hi", "Support", "Be kind.")
    assert found.auth.audiences == ("support.demo.svc",)
    assert found.model.provider.url == "https://api.openai.com/v1"
    assert resolution.model == "openai/gpt-5"


def test_the_configuration_is_what_the_chat_server_reads() -> None:
    found = settled(a.look(a.instance(), a.agent(), a.provider(apiKey=a.secret_ref()), a.secret()))
    assert config.decode(config.encode(found)) == found


def test_the_revision_is_a_digest_of_the_configuration() -> None:
    first = settled(a.look(a.instance(), a.agent(), a.provider()))
    same = settled(a.look(a.instance(), a.agent(), a.provider()))
    other = settled(a.look(a.instance(), a.agent(prompt="Be brief."), a.provider()))
    assert first.revision == same.revision != other.revision
    assert len(first.revision) == 10


def test_secrets_are_files_and_their_values_are_nowhere() -> None:
    keyed = a.provider(apiKey=a.secret_ref(), headers=[{"name": "X", "valueFrom": a.secret_ref("more", "t")}])
    resolution = a.look(
        a.instance(), a.agent(), keyed, a.secret(key="c2VjcmV0"), a.secret("more", t="c2VjcmV0")
    )
    found = settled(resolution)
    assert found.model.provider.api_key_file == "demo/openai/key"
    assert found.model.provider.headers == (config.Header(name="X", value_file="demo/more/t"),)
    assert resolution.mounted == {Key("Secret", "demo", "openai"), Key("Secret", "demo", "more")}
    assert "c2VjcmV0" not in config.encode(found)


MISSING: list[tuple[str, Resolution, tuple[str, str]]] = [
    (
        "an agent",
        a.look(a.instance()),
        ("RefNotFound", "spec.agentRef: Agent demo/support does not exist"),
    ),
    (
        "a provider of the agent",
        a.look(a.instance(), a.agent()),
        ("RefNotFound", "Agent demo/support, spec.model.providerRef: Provider demo/openai does not exist"),
    ),
    (
        "a model of the agent",
        a.look(a.instance(), a.agent(modelRef={"name": "fast"})),
        ("RefNotFound", "Agent demo/support, spec.modelRef: Model demo/fast does not exist"),
    ),
    (
        "a model in another namespace",
        a.look(a.agent(modelRef=SHARED)),
        ("RefNotFound", "spec.modelRef: Model platform/shared does not exist"),
    ),
    (
        "a provider of a model",
        a.look(a.model()),
        ("RefNotFound", "spec.providerRef: Provider demo/openai does not exist"),
    ),
    (
        "a fallback",
        a.look(a.model(fallbackRefs=[{"name": "slow"}]), a.provider()),
        ("RefNotFound", "spec.fallbackRefs[0]: Model demo/slow does not exist"),
    ),
    (
        "a Secret",
        a.look(a.provider(apiKey=a.secret_ref())),
        ("RefNotFound", "spec.apiKey: Secret demo/openai does not exist"),
    ),
    (
        "a key of a Secret",
        a.look(a.provider(apiKey=a.secret_ref(key="other")), a.secret()),
        ("SecretKeyNotFound", "spec.apiKey: Secret demo/openai has no key other"),
    ),
    (
        "the Secret of a header",
        a.look(a.provider(headers=[{"name": "X", "valueFrom": a.secret_ref()}])),
        ("RefNotFound", "spec.headers[X]: Secret demo/openai does not exist"),
    ),
    (
        "the Secret of a CA",
        a.look(a.provider(tls={"caBundle": a.secret_ref("ca")})),
        ("RefNotFound", "spec.tls.caBundle: Secret demo/ca does not exist"),
    ),
    (
        "the ConfigMap of a CA",
        a.look(a.provider(tls={"caBundle": {"configMapKeyRef": {"name": "ca", "key": "k"}}})),
        ("RefNotFound", "spec.tls.caBundle: ConfigMap demo/ca does not exist"),
    ),
    (
        "a ConfigMap",
        a.look(a.agent(promptFrom={"configMapKeyRef": {"name": "texts", "key": "p"}}), a.provider()),
        ("RefNotFound", "spec.promptFrom: ConfigMap demo/texts does not exist"),
    ),
    (
        "a key of a ConfigMap",
        a.look(
            a.agent(promptFrom={"configMapKeyRef": {"name": "texts", "key": "p"}}),
            a.provider(),
            a.config_map("texts", {"q": ""}),
        ),
        ("RefNotFound", "spec.promptFrom: ConfigMap demo/texts has no key p"),
    ),
    (
        "text in a ConfigMap",
        a.look(
            a.agent(promptFrom={"configMapKeyRef": {"name": "texts", "key": "p"}}),
            a.provider(),
            a.config_map("texts", {}) | {"binaryData": {"p": "AA=="}},
        ),
        ("RefNotFound", "spec.promptFrom: p of ConfigMap demo/texts is not text"),
    ),
    (
        "a tool",
        a.look(a.agent(tools=[{"toolRef": {"name": "search"}}]), a.provider()),
        ("RefNotFound", "spec.tools[0].toolRef: Tool demo/search does not exist"),
    ),
    (
        "the Secret of an agent's tool",
        a.look(
            a.agent(tools=[{"toolRef": {"name": "search"}}]),
            a.provider(),
            a.tool(auth={"type": "Bearer", "bearer": a.secret_ref("token")}),
        ),
        ("RefNotFound", "Tool demo/search, spec.auth.bearer: Secret demo/token does not exist"),
    ),
    (
        "the Instance of a tool",
        a.look(a.tool(type="Agent", agent={"instanceRef": {"name": "other"}})),
        ("RefNotFound", "spec.agent.instanceRef: Instance demo/other does not exist"),
    ),
    (
        "the document of a tool",
        a.look(a.tool(type="OpenAPI", openAPI={"configMapKeyRef": {"name": "doc", "key": "k"}})),
        ("RefNotFound", "spec.openAPI.configMapKeyRef: ConfigMap demo/doc does not exist"),
    ),
    (
        "the texts of an agent",
        a.look(
            a.agent(rag=[{"name": "faq", "type": "ConfigMap", "configMap": {"name": "faq"}}]), a.provider()
        ),
        ("RefNotFound", "spec.rag[faq].configMap: ConfigMap demo/faq does not exist"),
    ),
    (
        "one text of an agent",
        a.look(
            a.agent(
                rag=[{"name": "faq", "type": "ConfigMap", "configMap": {"name": "faq", "keys": ["a", "b"]}}]
            ),
            a.provider(),
            a.config_map("faq", {"a": ""}),
        ),
        ("RefNotFound", "spec.rag[faq].configMap: ConfigMap demo/faq has no key b"),
    ),
    (
        "an embedding model",
        a.look(a.agent(retrieval={"embeddingModelRef": {"name": "e"}}), a.provider()),
        ("RefNotFound", "spec.retrieval.embeddingModelRef: Model demo/e does not exist"),
    ),
]


@pytest.mark.parametrize(
    ("resolution", "expected"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING]
)
def test_what_is_missing_is_named(resolution: Resolution, expected: tuple[str, str]) -> None:
    assert a.told(resolution) == [expected]
    assert resolution.problems[0].condition == "ResolvedRefs"
    assert resolution.resolved is None
    assert not resolution.withdrawn  # the last good children go on serving


def test_everything_missing_is_named_at_once() -> None:
    keyed = a.provider(apiKey=a.secret_ref("one"), headers=[{"name": "X", "valueFrom": a.secret_ref("two")}])
    messages = [message for _, message in a.told(a.look(keyed))]
    assert messages == [
        "spec.apiKey: Secret demo/one does not exist",
        "spec.headers[X]: Secret demo/two does not exist",
    ]


def test_what_is_wrong_with_a_shared_object_is_told_once() -> None:
    agent = a.agent(modelRef={"name": "fast"})
    models = (a.model(fallbackRefs=[{"name": "slow"}]), a.model("slow"))
    resolution = a.look(a.instance(), agent, *models, a.provider(apiKey=a.secret_ref()))
    assert len(resolution.problems) == 1


INVALID: list[tuple[str, Resolution, str]] = [
    (
        "a field the server sets",
        a.look(a.model(params={"extraParams": {"stream": True}}), a.provider()),
        "spec: extraParams must not set stream: the chat server sets it",
    ),
    (
        "a chat with a model for embeddings",
        a.look(a.agent(modelRef={"name": "e"}), a.model("e", mode="Embedding"), a.provider()),
        "spec.modelRef: Model demo/e has mode Embedding, and Chat is needed here",
    ),
    (
        "embeddings from a model for chats",
        a.look(a.agent(retrieval={"embeddingModelRef": {"name": "fast"}}), a.model(), a.provider()),
        "spec.retrieval.embeddingModelRef: Model demo/fast has mode Chat, and Embedding is needed here",
    ),
    (
        "embeddings from a vendor without",
        a.look(a.model(mode="Embedding"), a.provider(type="Anthropic")),
        "spec.providerRef: Provider demo/openai of type Anthropic has no embeddings",
    ),
    (
        "a CA that is none",
        a.look(
            a.provider(tls={"caBundle": {"configMapKeyRef": {"name": "ca", "key": "k"}}}),
            a.config_map("ca", {"k": "hello"}),
        ),
        "spec.tls.caBundle: this is not a PEM certificate",
    ),
    (
        "a prompt with too many bytes",
        a.look(
            a.agent(promptFrom={"configMapKeyRef": {"name": "texts", "key": "p"}}),
            a.provider(),
            a.config_map("texts", {"p": "ä" * 131_073}),
        ),
        "spec.promptFrom: a prompt has at most 262144 bytes, this one has more",
    ),
]


@pytest.mark.parametrize(
    ("resolution", "expected"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID]
)
def test_what_makes_no_sense_is_refused(resolution: Resolution, expected: str) -> None:
    assert a.told(resolution) == [("InvalidSpec", expected)]
    assert resolution.problems[0].condition == "Accepted"


def test_what_makes_no_sense_elsewhere_is_told_as_not_ready() -> None:
    bad = a.agent(timeZone="Mars/Olympus")
    assert a.told(a.look(a.instance(), bad, a.provider())) == [
        ("RefNotReady", "Agent demo/support, spec.timeZone: there is no time zone Mars/Olympus")
    ]


def test_an_object_that_breaks_its_schema_is_told_with_every_fault() -> None:
    resolution = a.look(a.provider(type="Azure", retries=99))
    assert not resolution.followed
    assert [message for _, message in a.told(resolution)] == [
        "spec.retries: input should be less than or equal to 10",
    ]
    assert a.told(a.look(a.provider(type="Azure")))[0][1] == (
        "spec: url is required when type is Azure or OpenAICompatible"
    )


def test_a_reference_to_an_object_that_breaks_its_schema_is_not_ready() -> None:
    resolution = a.look(a.agent(), a.provider(type="Azure"))
    assert a.told(resolution) == [
        (
            "RefNotReady",
            "spec.model.providerRef: Provider demo/openai is not accepted: "
            "spec: url is required when type is Azure or OpenAICompatible",
        )
    ]


def test_a_configuration_over_900_kib_is_too_large() -> None:
    document = (
        '{"openapi": "3.1.0", "paths": {}, "info": {"description": "' + "x" * (CONFIG_BYTES // 4) + '"}}'
    )
    tools = [
        a.tool(f"t{n}", type="OpenAPI", openAPI={"configMapKeyRef": {"name": "d", "key": "k"}})
        for n in range(4)
    ]
    agent = a.agent(tools=[{"toolRef": {"name": f"t{n}"}} for n in range(4)])
    resolution = a.look(a.instance(), agent, a.provider(), a.config_map("d", {"k": document}), *tools)
    assert [problem.reason for problem in resolution.problems] == ["TooLarge"]
    assert str(CONFIG_BYTES) in resolution.problems[0].message


def test_a_prompt_of_a_mebibyte_is_told_in_bytes() -> None:
    texts = a.config_map("texts", {"p": "x" * 1_048_576})
    agent = a.agent(promptFrom={"configMapKeyRef": {"name": "texts", "key": "p"}})
    assert a.told(a.look(agent, a.provider(), texts)) == [
        ("InvalidSpec", "spec.promptFrom: a prompt has at most 262144 bytes, this one has more")
    ]


def test_a_resource_of_another_namespace_has_to_open_itself() -> None:
    closed = on(a.provider("shared", PLATFORM))
    assert a.told(closed) == [
        (
            "RefNotPermitted",
            "spec.overrides.model.providerRef: Provider platform/shared is not open to namespace demo: "
            "see its spec.allowedNamespaces",
        )
    ]
    assert closed.withdrawn
    opened = settled(on(a.provider("shared", PLATFORM, allowedNamespaces={"from": "All"})))
    assert opened.model.provider.namespace == PLATFORM


def test_pods_are_not_stopped_because_labels_are_not_known() -> None:
    by_label = {"from": "Selector", "selector": {"matchLabels": {"team": "red"}}}
    shared = a.provider("shared", PLATFORM, allowedNamespaces=by_label)
    unknown = on(shared)
    assert a.told(unknown) == [
        (
            "RefNotReady",
            "spec.overrides.model.providerRef: Provider platform/shared asks for labels of namespace demo, "
            "which are not known",
        )
    ]
    assert not unknown.withdrawn
    item = a.instance(overrides={"model": {"providerRef": SHARED, "name": "gpt-5"}})
    assert a.look(item, a.agent(), shared, a.namespace("demo", team="blue")).withdrawn
    assert a.look(item, a.agent(), shared, a.namespace("demo", team="red")).resolved


def test_a_key_is_not_lent_to_a_namespace_that_may_have_the_label_it_must_not_have() -> None:
    unless = {"matchExpressions": [{"key": "untrusted", "operator": "DoesNotExist"}]}
    lent = {"from": "Selector", "selector": unless, "credentials": "Copy"}
    shared = a.provider("shared", PLATFORM, apiKey=a.secret_ref(), allowedNamespaces=lent)
    objects = (a.agent(), shared, a.secret(namespace=PLATFORM))
    item = a.instance(overrides={"model": {"providerRef": SHARED, "name": "gpt-5"}})
    unknown = a.look(item, *objects)
    assert [reason for reason, _ in a.told(unknown)] == ["RefNotReady"]
    assert a.look(item, *objects, a.namespace("demo", untrusted="yes")).withdrawn
    assert a.look(item, *objects, a.namespace("demo")).resolved


def test_the_namespace_of_the_pods_is_what_counts_along_the_whole_path() -> None:
    open_agent = a.agent("support", PLATFORM, allowedNamespaces={"from": "All"})
    item = a.instance(agentRef={"name": "support", "namespace": PLATFORM})
    refused = a.look(item, open_agent, a.provider(namespace=PLATFORM))
    assert [reason for reason, _ in a.told(refused)] == ["RefNotPermitted"]
    opened = a.provider(namespace=PLATFORM, allowedNamespaces={"from": "All"})
    assert settled(a.look(item, open_agent, opened)).model.provider.namespace == PLATFORM


@pytest.mark.parametrize(
    "keeps",
    [
        {"apiKey": a.secret_ref()},
        {"headers": [{"name": "X", "valueFrom": a.secret_ref()}]},
        {"tls": {"caBundle": a.secret_ref()}},
    ],
    ids=["apiKey", "headers", "tls"],
)
def test_credentials_stay_in_their_namespace(keeps: dict[str, Any]) -> None:
    shared = a.provider("shared", PLATFORM, allowedNamespaces={"from": "All"}, **keeps)
    assert [reason for reason, _ in a.told(on(shared))] == ["RefNotPermitted"]


def test_credentials_are_copied_where_their_owner_lends_them() -> None:
    allowed = {"from": "All", "credentials": "Copy"}
    shared = a.provider("shared", PLATFORM, allowedNamespaces=allowed, apiKey=a.secret_ref())
    item = a.instance(overrides={"model": {"providerRef": SHARED, "name": "gpt-5"}})
    key = a.secret(namespace=PLATFORM, key=a.encoded("lent"), other=a.encoded("kept"))
    resolution = a.look(item, a.agent(), shared, key)
    assert settled(resolution).model.provider.api_key_file == "platform/openai/key"
    assert resolution.resolved is not None
    (copy,) = resolution.resolved.copies
    assert (copy.source, copy.data) == (Key("Secret", PLATFORM, "openai"), {"key": a.encoded("lent")})
    assert resolution.mounted == {
        copy.source,
        Key("Secret", "demo", resolution.resolved.local_name(copy.source)),
    }
    assert a.encoded("lent") not in repr(resolution)


def test_lending_again_is_taken_back_with_the_permission() -> None:
    shared = a.provider("shared", PLATFORM, allowedNamespaces={"from": "All"}, apiKey=a.secret_ref())
    resolution = on(shared)
    assert resolution.withdrawn
    assert resolution.resolved is None


def test_a_tool_keeps_its_credentials_too() -> None:
    keyed = a.tool(
        "shared",
        PLATFORM,
        allowedNamespaces={"from": "All"},
        auth={"type": "Bearer", "bearer": a.secret_ref()},
    )
    resolution = a.look(a.agent(tools=[{"toolRef": SHARED}]), a.provider(), keyed)
    assert [reason for reason, _ in a.told(resolution)] == ["RefNotPermitted"]


def test_a_provider_serves_only_the_models_it_lists() -> None:
    resolution = a.look(a.agent(), a.provider(models=["gpt-5-mini"]))
    assert a.told(resolution) == [
        (
            "RefNotPermitted",
            "spec.model.providerRef: Provider demo/openai does not allow gpt-5: see its spec.models",
        )
    ]


def test_fallbacks_come_in_order_each_with_its_own_and_each_once() -> None:
    models = [
        a.model(fallbackRefs=[{"name": "b"}, {"name": "c"}]),
        a.model("b", model="b", fallbackRefs=[{"name": "d"}]),
        a.model("c", model="c", fallbackRefs=[{"name": "d"}]),
        a.model("d", model="d"),
    ]
    found = settled(a.look(a.instance(), a.agent(modelRef={"name": "fast"}), *models, a.provider()))
    assert [target.model for target in found.fallbacks] == ["b", "d", "c"]


def test_an_agent_that_is_its_own_tool_is_a_circle() -> None:
    world = (
        a.agent(tools=[{"toolRef": {"name": "ask"}}]),
        a.tool("ask", type="Agent", agent={"instanceRef": {"name": "support"}}),
        a.instance(),
        a.provider(),
    )
    assert a.told(a.look(*world)) == [
        (
            "CycleDetected",
            "Agent demo/support -> Tool demo/ask -> Instance demo/support -> Agent demo/support"
            " refer to each other",
        )
    ]


def test_models_that_fall_back_on_each_other_are_a_circle() -> None:
    models = (a.model("a", fallbackRefs=[{"name": "b"}]), a.model("b", fallbackRefs=[{"name": "a"}]))
    assert a.told(a.look(*models, a.provider())) == [
        ("CycleDetected", "Model demo/a -> Model demo/b -> Model demo/a refer to each other")
    ]


def test_a_diamond_is_not_a_circle() -> None:
    models = (
        a.model("a", fallbackRefs=[{"name": "b"}, {"name": "c"}]),
        a.model("b", fallbackRefs=[{"name": "d"}]),
        a.model("c", fallbackRefs=[{"name": "d"}]),
        a.model("d"),
    )
    assert a.look(*models, a.provider()).problems == ()


def test_a_chain_of_five_thousand_fallbacks_is_followed() -> None:
    chain = [a.model(f"m{n}", fallbackRefs=[{"name": f"m{n + 1}"}]) for n in range(5_000)]
    assert a.look(chain[0], *chain, a.model("m5000"), a.provider()).problems == ()


def test_what_an_instance_overrides_is_not_looked_at_in_its_agent() -> None:
    broken = a.agent(modelRef={"name": "gone"}, promptFrom={"configMapKeyRef": {"name": "gone", "key": "k"}})
    overrides = {"prompt": "Hi.", "model": {"providerRef": {"name": "openai"}, "name": "gpt-5"}}
    assert settled(a.look(a.instance(overrides=overrides), broken, a.provider())).prompt == "Hi."


def test_overridden_params_apply_to_the_model_of_the_agent() -> None:
    patched = a.instance(overrides={"params": {"temperature": 0.5}})
    assert settled(a.look(patched, a.agent(), a.provider())).model.params == {"temperature": 0.5}


def test_everything_that_bounds_a_chat_reaches_the_configuration() -> None:
    agent = a.agent(
        limits={"maxToolRounds": 1, "maxHistoryMessages": 2, "maxInputChars": 3, "requestTimeout": "4s"}
    )
    item = a.instance(
        limits={"maxConcurrentChats": 5, "requestsPerMinute": 6, "tokensPerDay": 7},
        history={"type": "None"},
        auth={"staleAllow": "6s"},
    )
    found = settled(a.look(item, agent, a.provider()))
    assert found.limits == config.Limits(
        max_tool_rounds=1,
        max_history_messages=2,
        max_input_chars=3,
        request_timeout=4,
        max_concurrent_chats=5,
        requests_per_minute=6,
        tokens_per_day=7,
    )
    assert (found.history.type, found.auth.stale_allow) == ("None", 6)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "type", "spec", "agentRef", "model", "namespace"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "agentRef",
        "providerRef",
        "model",
        "modelRef",
        "prompt",
        "type",
        "url",
        "tools",
        "overrides",
        "fallbackRefs",
        "rag",
        "retrieval",
        "timeZone",
        "history",
        "tls",
        "networkPolicy",
        "pod",
        "stdio",
        "auth",
    ]
)


@given(
    kind=st.sampled_from(["Provider", "Model", "Tool", "Agent", "Instance"]),
    spec=st.dictionaries(FIELDS, ANYTHING, max_size=5) | ANYTHING,
)
def test_no_spec_whatever_raises(kind: str, spec: Any) -> None:
    item = a.resource(kind, "x", spec)
    resolution = resolve(item, ObjectMap([item]))
    assert resolution.problems or kind in ("Provider", "Tool")
