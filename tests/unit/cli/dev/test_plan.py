"""What is to run, for manifests as they stand in files."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from gagarin.cli.dev.offline import Machine
from gagarin.cli.dev.plan import Plan, Server, plan_of
from gagarin.cli.dev.variables import Variable, Variables
from gagarin.cli.manifests import read
from gagarin.cli.standins import CERTIFICATE
from gagarin.core.objects import Key
from tests.unit.cli.dev.manifests import AGENT, API

STUB = "http://127.0.0.1:9/v1"
EVERYTHING = Machine(STUB, lambda _: True, lambda name: f"/bin/{name}")
NOTHING = Machine(STUB, lambda _: False, lambda _: None)
HELLO = Key("Instance", "default", "hello")
INSTANCE = f"""\
{API}
kind: Instance
metadata: {{name: hello}}
spec:
  agentRef: {{name: greeter}}
"""
PROVIDER = f"""\
{API}
kind: Provider
metadata: {{name: models}}
spec: {{type: OpenAI, apiKey: {{secretKeyRef: {{name: openai, key: api-key}}}}}}
"""
KEY = {"OPENAI_API_KEY": Variable("k", "the environment")}


def planned(folder: Path, *texts: str, variables: Variables = KEY, machine: Machine = EVERYTHING) -> Plan:
    (folder / "all.yaml").write_text("---\n".join(texts), encoding="utf-8")
    reading = read([folder])
    assert not reading.faults
    return plan_of(reading, variables, machine)


def only(plan: Plan) -> Server:
    (server,) = plan.servers
    return server


def with_tool(folder: Path, tool: str, machine: Machine = EVERYTHING) -> Plan:
    """The plan for an agent that has a tool; `tool` is its spec."""
    agent = AGENT + "  tools: [{toolRef: {name: it}}]\n"
    manifest = f"{API}\nkind: Tool\nmetadata: {{name: it}}\nspec: {tool}\n"
    return planned(folder, PROVIDER, agent, INSTANCE, manifest, machine=machine)


def lacks(plan: Plan) -> list[str]:
    return list(map(str, plan.lacks))


def test_an_instance_becomes_a_server_with_its_secrets(tmp_path: Path) -> None:
    plan = planned(tmp_path, PROVIDER, AGENT, INSTANCE)
    server = only(plan)
    assert server.configuration.prompt == "Be brief."
    assert server.account == "hello-agent"
    assert server.secrets == {"default/openai/api-key": b"k"}
    assert not plan.lacks
    assert not plan.findings
    assert "b'k'" not in repr(server)


def test_a_value_of_a_secret_does_not_change_what_a_restart_depends_on(tmp_path: Path) -> None:
    one = only(planned(tmp_path, PROVIDER, AGENT, INSTANCE))
    other = only(
        planned(tmp_path, PROVIDER, AGENT, INSTANCE, variables={"OPENAI_API_KEY": Variable("x", "")})
    )
    assert one.configuration == other.configuration
    assert one.secrets != other.secrets


@pytest.mark.parametrize(
    ("old", "new"), [("Be brief.", "Be long."), ("{agentRef", "{pod: {env: [{name: A, value: b}]}, agentRef")]
)
def test_configuration_and_pod_template_make_another_revision(tmp_path: Path, old: str, new: str) -> None:
    instance = INSTANCE.replace("spec:\n  agentRef: {name: greeter}", "spec: {agentRef: {name: greeter}}")
    texts = [PROVIDER, AGENT, instance]
    before = only(planned(tmp_path, *texts)).configuration.revision
    after = only(planned(tmp_path, *(text.replace(old, new) for text in texts))).configuration.revision
    assert before != after


def test_what_changes_no_pod_changes_no_revision(tmp_path: Path) -> None:
    before = only(planned(tmp_path, PROVIDER, AGENT, INSTANCE))
    access = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: somebody}\n"
    after = only(planned(tmp_path, PROVIDER, AGENT, INSTANCE + "  service: {annotations: {a: b}}\n", access))
    assert before.configuration == after.configuration


def test_an_instance_that_cannot_be_resolved_is_kept_and_told_with_its_line(tmp_path: Path) -> None:
    plan = planned(tmp_path, AGENT, INSTANCE)
    assert not plan.servers
    assert plan.kept == {HELLO}
    (finding,) = plan.findings
    assert (finding.line, finding.rule) == (6, "RefNotFound")
    assert finding.file == str(tmp_path / "all.yaml")


def test_an_instance_that_may_no_longer_use_something_is_not_kept(tmp_path: Path) -> None:
    elsewhere = PROVIDER.replace("{name: models}", "{name: models, namespace: elsewhere}")
    agent = AGENT.replace("{name: models}", "{name: models, namespace: elsewhere}")
    plan = planned(tmp_path, elsewhere, agent, INSTANCE)
    assert (plan.servers, plan.kept) == ((), frozenset())


@pytest.mark.parametrize("line", ["suspend: true", "replicas: 0"])
def test_an_instance_without_pods_does_not_run(tmp_path: Path, line: str) -> None:
    plan = planned(tmp_path, PROVIDER, AGENT, INSTANCE + f"  {line}\n")
    assert not plan.servers
    assert "Instance default/hello is suspended, or has no replicas: it does not run" in plan.notes


def test_what_only_a_cluster_does_is_named(tmp_path: Path) -> None:
    more = "  replicas: 2\n  history: {type: None}\n  networkPolicy: {}\n  pod: {nodeSelector: {a: b}}\n"
    plan = planned(tmp_path, PROVIDER, AGENT, INSTANCE + more)
    assert plan.notes[-1] == (
        "Instance default/hello: without effect here: replicas, networkPolicy, pod.nodeSelector"
    )


def test_the_same_mistake_as_lint_finds_it_is_found(tmp_path: Path) -> None:
    plan = planned(tmp_path, PROVIDER, AGENT.replace("prompt", "promt"), INSTANCE)
    assert any(found.message == "spec.promt: there is no field promt here; did you mean prompt?"
               for found in plan.findings)  # fmt: skip


def test_variables_of_the_pod_are_the_process_s(tmp_path: Path) -> None:
    env = """\
  pod:
    env:
      - {name: PLAIN, value: a}
      - {name: SECRET, valueFrom: {secretKeyRef: {name: openai, key: api-key}}}
      - {name: CONFIG, valueFrom: {configMapKeyRef: {name: texts, key: a.md}}}
      - {name: NOWHERE, valueFrom: {secretKeyRef: {name: none, key: none}}}
"""
    texts = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: texts}\ndata: {a.md: A}\n"
    server = only(planned(tmp_path, PROVIDER, AGENT, INSTANCE + env, texts))
    assert server.environment == {"PLAIN": "a", "SECRET": "k", "CONFIG": "A"}


def test_documents_of_a_config_map_are_files(tmp_path: Path) -> None:
    agent = (
        AGENT + "  rag: [{name: manual, type: ConfigMap, configMap: {name: texts, keys: [a.md, b.pdf]}}]\n"
    )
    binary = base64.b64encode(b"\0pdf").decode()
    texts = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: texts}\n"
        f"data: {{a.md: A, c.md: C}}\nbinaryData: {{b.pdf: {binary}, d.pdf: '?'}}\n"
    )
    server = only(planned(tmp_path, PROVIDER, agent, INSTANCE, texts))
    assert server.documents == {"manual/a.md": b"A", "manual/b.pdf": b"\0pdf"}
    everything = agent.replace(", keys: [a.md, b.pdf]", "")
    whole = only(planned(tmp_path, PROVIDER, everything, INSTANCE, texts))
    assert set(whole.documents) == {f"manual/{name}" for name in ("a.md", "b.pdf", "c.md", "d.pdf")}


def test_knowledge_needs_the_packages_that_read_it(tmp_path: Path) -> None:
    agent = AGENT + "  rag: [{name: site, type: URL, url: 'https://docs.example'}]\n"
    plan = planned(tmp_path, PROVIDER, agent, INSTANCE, machine=NOTHING)
    assert only(plan).configuration.knowledge is None
    assert "pip install '.[cli,knowledge]'" in lacks(plan)[0]
    assert only(planned(tmp_path, PROVIDER, agent, INSTANCE)).configuration.knowledge is not None


def test_documents_inside_a_cluster_are_left_out(tmp_path: Path) -> None:
    inside = "{name: wiki, type: URL, url: 'http://wiki.docs.svc/'}"
    plan = planned(tmp_path, PROVIDER, AGENT + f"  rag: [{inside}]\n", INSTANCE)
    assert only(plan).configuration.knowledge is None
    both = AGENT + f"  rag: [{inside}, {{name: site, type: URL, url: 'https://docs.example'}}]\n"
    plan = planned(tmp_path, PROVIDER, both, INSTANCE)
    knowledge = only(plan).configuration.knowledge
    assert knowledge is not None
    assert [source.name for source in knowledge.sources] == ["site"]
    assert lacks(plan) == [f"{HELLO}: runs without its knowledge: wiki.docs.svc is inside a cluster"]


POSTGRES = "  history: {type: Postgres, postgres: {secretKeyRef: {name: db, key: url}}}\n"


@pytest.mark.parametrize(
    ("value", "machine", "reason"),
    [
        ("", EVERYTHING, "no variable DB_URL"),
        ("postgres://u:p@db.team.svc/x", EVERYTHING, "db.team.svc is inside a cluster"),
        ("postgres://u:p@localhost/x", NOTHING, "pip install '.[cli,postgres]'"),
    ],
)
def test_without_its_database_an_instance_keeps_conversations_in_sqlite(
    tmp_path: Path, value: str, machine: Machine, reason: str
) -> None:
    variables = KEY | ({"DB_URL": Variable(value, "")} if value else {})
    plan = planned(tmp_path, PROVIDER, AGENT, INSTANCE + POSTGRES, variables=variables, machine=machine)
    assert only(plan).configuration.history.type == "Ephemeral"
    assert reason in lacks(plan)[0]


def test_with_its_database_an_instance_uses_it(tmp_path: Path) -> None:
    variables = KEY | {"DB_URL": Variable("postgres://u:p@localhost/x", "")}
    plan = planned(tmp_path, PROVIDER, AGENT, INSTANCE + POSTGRES, variables=variables)
    assert only(plan).configuration.history.type == "Postgres"
    assert not plan.lacks


def test_a_certificate_that_is_not_there_means_plain_http(tmp_path: Path) -> None:
    plan = planned(tmp_path, PROVIDER, AGENT, INSTANCE + "  tls: {secretName: cert}\n")
    assert only(plan).configuration.tls is None
    assert "serves plain HTTP: there is no Secret default/cert with the key tls.crt" in lacks(plan)[0]


def test_a_tool_over_http_is_served(tmp_path: Path) -> None:
    plan = with_tool(tmp_path, "{type: MCP, mcp: {url: 'http://localhost:3000/mcp'}}")
    assert len(only(plan).configuration.tools) == 1
    assert not plan.lacks


@pytest.mark.parametrize(
    ("tool", "machine", "reason"),
    [
        ("{type: MCP, mcp: {url: 'http://mcp.tools.svc/'}}", EVERYTHING, "mcp.tools.svc is inside a cluster"),
        (
            "{type: MCP, mcp: {url: 'https://x.example'}, "
            "auth: {type: Bearer, bearer: {secretKeyRef: {name: mcp, key: token}}}}",
            EVERYTHING,
            "no variable MCP_TOKEN",
        ),
        (
            "{type: Stdio, stdio: {image: tool:1, command: [tool, serve]}}",
            NOTHING,
            "its program tool is not on this machine",
        ),
    ],
)
def test_a_tool_that_cannot_be_had_is_left_out_and_named(
    tmp_path: Path, tool: str, machine: Machine, reason: str
) -> None:
    plan = with_tool(tmp_path, tool, machine=replace(EVERYTHING, program_at=machine.program_at))
    assert only(plan).configuration.tools == ()
    assert only(plan).programs == ()
    (lack,) = lacks(plan)
    assert lack.startswith("Tool default/it: not served: ")
    assert reason in lack


def test_a_stdio_tool_is_a_program_with_its_variables(tmp_path: Path) -> None:
    tool = """
  type: Stdio
  stdio:
    image: tool:1
    command: [tool]
    args: [serve]
    env:
      - {name: KEY, valueFrom: {secretKeyRef: {name: openai, key: api-key}}}
"""
    (program,) = only(with_tool(tmp_path, tool)).programs
    assert program.command == ("tool", "serve")
    assert program.environment == {"KEY": "k"}
    assert "'k'" not in repr(program)


def test_variables_of_a_tool_of_another_namespace_come_from_there(tmp_path: Path) -> None:
    agent = AGENT + "  tools: [{toolRef: {name: it, namespace: tools}}]\n"
    tool = f"""\
{API}
kind: Tool
metadata: {{name: it, namespace: tools}}
spec:
  type: Stdio
  allowedNamespaces: {{from: All, credentials: Copy}}
  stdio:
    image: tool:1
    command: [tool]
    env: [{{name: KEY, valueFrom: {{secretKeyRef: {{name: theirs, key: token}}}}}}]
"""
    variables = KEY | {"THEIRS_TOKEN": Variable("t", "")}
    (program,) = only(planned(tmp_path, PROVIDER, agent, INSTANCE, tool, variables=variables)).programs
    assert program.environment == {"KEY": "t"}


CALLER = AGENT.replace("greeter", "asker") + "  tools: [{toolRef: {name: colleague}}]\n"
CALLING = INSTANCE.replace("hello", "desk").replace("greeter", "asker")
COLLEAGUE = f"""\
{API}
kind: Tool
metadata: {{name: colleague}}
spec: {{type: Agent, agent: {{instanceRef: {{name: hello}}}}}}
"""
ALLOWED = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: chat}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: gagarin-chat}
subjects: [{kind: ServiceAccount, name: desk-agent}]
"""


def test_an_agent_that_is_called_is_called_here(tmp_path: Path) -> None:
    plan = planned(tmp_path, PROVIDER, AGENT, INSTANCE, CALLER, CALLING, COLLEAGUE, ALLOWED)
    desk = next(server for server in plan.servers if server.key.name == "desk")
    assert set(desk.peers) == {HELLO}
    (tool,) = desk.addressed({HELLO: "http://127.0.0.1:8080"}).configuration.tools
    assert tool.agent is not None
    assert tool.agent.url == "http://127.0.0.1:8080"
    assert desk.addressed({}).configuration == desk.configuration
    assert not plan.notes[1:]


def test_a_call_that_no_role_allows_is_foretold(tmp_path: Path) -> None:
    plan = planned(tmp_path, PROVIDER, AGENT, INSTANCE + "  suspend: true\n", CALLER, CALLING, COLLEAGUE)
    assert plan.notes[-2:] == (
        f"Instance default/desk calls {HELLO}, which does not run",
        f"Instance default/desk calls {HELLO}, "
        "and no Role lets its ServiceAccount default/desk-agent do that",
    )


def test_an_agent_that_is_called_serves_plain_http(tmp_path: Path) -> None:
    variables = KEY | {"CERT_TLS_CRT": Variable(CERTIFICATE, ""), "CERT_TLS_KEY": Variable("k", "")}
    secure = INSTANCE + "  tls: {secretName: cert}\n"
    plan = planned(
        tmp_path, PROVIDER, AGENT, secure, CALLER, CALLING, COLLEAGUE, ALLOWED, variables=variables
    )
    assert [server.configuration.tls for server in plan.servers] == [None, None]
    assert "others call it as a tool" in lacks(plan)[0]
    alone = planned(tmp_path, PROVIDER, AGENT, secure, variables=variables)
    assert only(alone).configuration.tls is not None
