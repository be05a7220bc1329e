"""Tools: what the chat server is told of each kind, and what a program beside it is given."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.core import config
from gagarin.core.objects import Object
from gagarin.core.policy import Policy
from gagarin.core.resolved import Resolved
from tests.unit.core import builders as a

PLATFORM = "platform"
OPEN = {"allowedNamespaces": {"from": "All"}}
LENT = {"allowedNamespaces": {"from": "All", "credentials": "Copy"}}
STDIO = {"image": "img:1", "command": ["run"]}


def using(*tools: Object, others: tuple[Object, ...] = (), **use: Any) -> Resolved:
    """An Instance whose Agent uses these tools."""
    return a.resolved(a.instance(), _agent(tools, **use), a.provider(), *tools, *others)


def one(tool: Object, *others: Object, **use: Any) -> config.Tool:
    (found,) = using(tool, others=others, **use).config.tools
    return found


def told(*tools: Object, others: tuple[Object, ...] = (), policy: Policy = a.ANYTHING_GOES) -> list[str]:
    """The reasons why an Instance cannot have these tools."""
    resolution = a.look(a.instance(), _agent(tools), a.provider(), *tools, *others, policy=policy)
    return [problem.reason for problem in resolution.problems]


def _agent(tools: tuple[Object, ...], **use: Any) -> Object:
    refs = [{"name": tool["metadata"]["name"], "namespace": tool["metadata"]["namespace"]} for tool in tools]
    return a.agent(tools=[{"toolRef": ref} | use for ref in refs])


@pytest.mark.parametrize(
    ("own", "wanted", "expected"),
    [
        ([], [], None),
        (["a", "b"], [], ("a", "b")),
        ([], ["a"], ("a",)),
        (["a", "b"], ["b", "c"], ("b",)),
        (["a"], ["b"], ()),
    ],
)
def test_a_function_is_allowed_by_both_or_not_at_all(
    own: list[str], wanted: list[str], expected: tuple[str, ...] | None
) -> None:
    assert one(a.tool(allowedFunctions=own), allowedFunctions=wanted).allowed_functions == expected


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (
            {"type": "Bearer", "bearer": a.secret_ref()},
            config.ToolAuth(type="Bearer", value_file="demo/openai/key"),
        ),
        (
            {"type": "Basic", "basic": {"username": a.secret_ref(), "password": a.secret_ref()}},
            config.ToolAuth(type="Basic", username_file="demo/openai/key", password_file="demo/openai/key"),
        ),
        (
            {"type": "Header", "header": {"name": "X-Key"} | a.secret_ref()},
            config.ToolAuth(type="Header", header="X-Key", value_file="demo/openai/key"),
        ),
    ],
    ids=["Bearer", "Basic", "Header"],
)
def test_a_credential_is_the_name_of_a_file(auth: dict[str, Any], expected: config.ToolAuth) -> None:
    assert one(a.tool(auth=auth), a.secret()).auth == expected


def test_another_agent_is_asked_with_a_token_of_this_pod() -> None:
    peer = a.instance("billing", "finance", agentRef={"name": "billing"})
    tool = a.tool(type="Agent", agent={"instanceRef": {"name": "billing", "namespace": "finance"}})
    described = a.agent("billing", "finance", description="Explains invoices.")
    assert one(tool, peer, described).agent == config.AgentPeer(
        name="billing",
        namespace="finance",
        url="http://billing.finance.svc",
        token_file="finance/billing",
        description="Explains invoices.",
    )


def test_another_agent_need_not_be_in_order() -> None:
    peer = a.instance("billing", tls={"secretName": "gone"}, agentRef={"name": "gone"})
    tool = a.tool(type="Agent", agent={"instanceRef": {"name": "billing"}})
    found = one(tool, peer).agent
    assert found is not None
    assert (found.url, found.description) == ("https://billing.demo.svc", "")


def test_what_another_agent_says_of_itself_is_not_our_fault() -> None:
    peer, broken = a.instance("billing", agentRef={"name": "billing"}), a.agent("billing", prompt="")
    tool = a.tool(type="Agent", agent={"instanceRef": {"name": "billing"}})
    found = one(tool, peer, broken).agent
    assert found is not None
    assert found.description == ""


@pytest.mark.parametrize(("source", "expected"), [("Same", ""), ("All", "Plans the merger.")])
def test_an_agent_that_is_not_open_says_nothing_by_way_of_somebodys_instance(
    source: str, expected: str
) -> None:
    peer = a.instance("spy", agentRef={"name": "board", "namespace": "finance"})
    allowed = {"from": source}
    board = a.agent("board", "finance", description="Plans the merger.", allowedNamespaces=allowed)
    found = one(a.tool(type="Agent", agent={"instanceRef": {"name": "spy"}}), peer, board).agent
    assert found is not None
    assert found.description == expected


def test_a_program_is_a_sidecar_and_a_socket() -> None:
    env = [
        {"name": "A", "value": "b"},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ]
    stdio = STDIO | {"args": ["--fast"], "env": env, "resources": {"limits": {"cpu": 1}}}
    found = using(a.tool("files", type="Stdio", stdio=stdio))
    (tool,), (sidecar,) = found.config.tools, found.sidecars
    assert tool.stdio == config.StdioServer(socket="demo.files")
    assert sidecar.socket == "demo.files"
    assert (sidecar.image, sidecar.command) == ("img:1", ("run", "--fast"))
    assert list(sidecar.environment) == env
    assert sidecar.resources == {"limits": {"cpu": 1}}


def test_a_program_of_another_namespace_reads_copies() -> None:
    env = [
        {"name": "KEY", "valueFrom": a.secret_ref("keys", "k")},
        {"name": "TEXT", "valueFrom": {"configMapKeyRef": {"name": "texts", "key": "t"}}},
    ]
    tool = a.tool("files", PLATFORM, type="Stdio", stdio=STDIO | {"env": env}, **LENT)
    others = (
        a.secret("keys", PLATFORM, k="eA==", other="eQ=="),
        a.config_map("texts", {"t": "x", "other": "y"}, PLATFORM),
    )
    found = using(tool, others=others)
    (sidecar,) = found.sidecars
    copies = {copy.source.kind: copy for copy in found.copies}
    assert (copies["Secret"].data, copies["ConfigMap"].data) == ({"k": "eA=="}, {"t": "x"})
    assert [variable["valueFrom"] for variable in sidecar.environment] == [
        {"secretKeyRef": {"name": found.local_name(copies["Secret"].source), "key": "k"}},
        {"configMapKeyRef": {"name": found.local_name(copies["ConfigMap"].source), "key": "t"}},
    ]


SECRETIVE: list[tuple[str, dict[str, Any]]] = [
    ("auth", {"auth": {"type": "Bearer", "bearer": a.secret_ref()}}),
    ("tls", {"tls": {"caBundle": a.secret_ref()}}),
    (
        "a header",
        {
            "type": "HTTP",
            "http": {"url": "http://x", "headers": [{"name": "X", "valueFrom": a.secret_ref()}]},
            "functions": [{"name": "f"}],
        },
    ),
    ("a variable", {"type": "Stdio", "stdio": STDIO | {"env": [{"name": "A", "valueFrom": a.secret_ref()}]}}),
]


@pytest.mark.parametrize("spec", [row[1] for row in SECRETIVE], ids=[row[0] for row in SECRETIVE])
def test_what_a_tool_keeps_in_secrets_is_used_elsewhere_only_when_lent(spec: dict[str, Any]) -> None:
    key = a.secret(namespace=PLATFORM, key=a.encoded(a.CERTIFICATE if "tls" in spec else "x"))
    assert told(a.tool("t", PLATFORM, **spec, **OPEN), others=(key,)) == ["RefNotPermitted"]
    assert told(a.tool("t", PLATFORM, **spec, **LENT), others=(key,)) == []


def test_a_tool_without_secrets_need_only_be_open() -> None:
    assert told(a.tool("t", PLATFORM, **OPEN)) == []
    assert told(a.tool("t", PLATFORM)) == ["RefNotPermitted"]


def test_a_tool_that_is_asked_over_tls_can_have_its_own_authorities() -> None:
    bundle: dict[str, Any] = {"tls": {"caBundle": {"configMapKeyRef": {"name": "ca", "key": "k"}}}}
    tool = one(a.tool(**bundle), a.config_map("ca", {"k": f"# ours\n{a.CERTIFICATE}"}))
    assert tool.ca_bundle == a.CERTIFICATE
    filed = one(a.tool(tls={"caBundle": a.secret_ref()}), a.secret(key=a.encoded(a.CERTIFICATE)))
    assert filed.ca_bundle_file == "demo/openai/key"


def test_arguments_are_an_object() -> None:
    functions = [{"name": "f", "parameters": {"type": "array"}}]
    tool = a.tool(type="HTTP", http={"url": "http://x"}, functions=functions)
    assert a.told(a.look(tool)) == [
        ("InvalidSpec", "spec.functions[f].parameters: arguments are an object: type must be object")
    ]


def test_a_document_in_a_config_map_goes_along() -> None:
    text = "openapi: 3.1.0\npaths: {}\n"
    ref = {"name": "doc", "key": "k"}
    tool = a.tool(type="OpenAPI", openAPI={"configMapKeyRef": ref, "operations": ["now"]})
    assert one(tool, a.config_map("doc", {"k": text})).open_api == config.OpenApi(
        document=text, operations=("now",)
    )


def test_a_tool_is_in_the_list_once() -> None:
    tool = a.tool("t")
    assert told(tool, tool) == ["RefNotReady"]


def test_an_image_that_the_policy_forbids_is_told_of_the_tool() -> None:
    policy = Policy(stdio_images=("ghcr.io/team",))
    tool = a.tool("t", type="Stdio", stdio=STDIO)
    message = "spec.stdio.image: the policy here does not allow the image img:1"
    assert a.told(a.look(tool, policy=policy)) == [("ForbiddenByPolicy", message)]
    assert told(tool, policy=policy) == ["RefNotReady"]
