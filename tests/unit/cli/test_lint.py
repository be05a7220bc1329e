"""What is found in a folder of manifests, and where."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from gagarin.api.kinds import API_VERSION
from gagarin.cli.findings import Finding
from gagarin.cli.lint import lint, path_of
from gagarin.cli.manifests import read
from gagarin.core.policy import Policy

PROVIDER = f"""\
apiVersion: {API_VERSION}
kind: Provider
metadata: {{name: models, namespace: team}}
spec:
  type: OpenAI
  apiKey:
    secretKeyRef:
      name: openai
      key: api-key
"""
SECRET = (
    "apiVersion: v1\nkind: Secret\nmetadata: {name: openai, namespace: team}\nstringData: {api-key: sk-1}\n"
)
AGENT = f"""\
apiVersion: {API_VERSION}
kind: Agent
metadata: {{name: helper, namespace: team}}
spec:
  prompt: You help.
  model:
    providerRef:
      name: models
    name: small
"""
INSTANCE = f"""\
apiVersion: {API_VERSION}
kind: Instance
metadata: {{name: helper, namespace: team}}
spec:
  agentRef:
    name: helper
"""
GOOD = (PROVIDER, SECRET, AGENT, INSTANCE)


def linted(*documents: str, policy: Policy | None = None) -> list[Finding]:
    text = "---\n".join(documents)
    return lint(read([Path("-")], stdin=io.StringIO(text)), policy or Policy())


def only(*documents: str, policy: Policy | None = None) -> Finding:
    found = linted(*documents, policy=policy)
    assert len(found) == 1, found
    return found[0]


def line_of(text: str, documents: tuple[str, ...]) -> int:
    """Where a line begins with this text, in all documents."""
    lines = "---\n".join(documents).splitlines()
    (number,) = [number for number, line in enumerate(lines, start=1) if line.strip().startswith(text)]
    return number


def test_what_is_good_is_not_complained_about() -> None:
    assert linted(*GOOD) == []


def test_a_reference_to_nothing_is_found_at_the_field_once() -> None:
    documents = (PROVIDER, SECRET, AGENT.replace("name: models", "name: model"), INSTANCE)
    found = only(*documents)
    assert (found.rule, found.severity, found.object) == ("RefNotFound", "error", "Agent team/helper")
    assert found.line == line_of("providerRef:", documents)
    assert found.message == "spec.model.providerRef: Provider team/model does not exist"


def test_a_secret_that_is_not_among_the_files_is_a_warning_once() -> None:
    found = only(PROVIDER, AGENT, INSTANCE)
    assert (found.severity, found.rule, found.object) == ("warning", "RefNotFound", "Provider team/models")
    assert found.line == line_of("apiKey:", (PROVIDER, AGENT, INSTANCE))


def test_a_secret_without_the_key_is_an_error() -> None:
    found = only(PROVIDER, SECRET.replace("api-key", "key"), AGENT, INSTANCE)
    assert (found.severity, found.rule) == ("error", "SecretKeyNotFound")


def test_a_namespace_of_which_there_is_nothing_is_a_warning() -> None:
    foreign = AGENT.replace("name: models", "name: models\n      namespace: platform")
    found = only(PROVIDER, SECRET, foreign, INSTANCE)
    assert (found.severity, found.rule) == ("warning", "RefNotFound")
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: platform}\n"
    assert only(PROVIDER, SECRET, foreign, INSTANCE, namespace).severity == "error"


def test_a_use_that_is_not_permitted_is_found_at_the_field_that_refers() -> None:
    elsewhere = INSTANCE.replace("namespace: team", "namespace: other").replace(
        "name: helper\n", "name: helper\n    namespace: team\n"
    )
    found = only(PROVIDER, SECRET, AGENT, elsewhere)
    assert (found.rule, found.object) == ("RefNotPermitted", "Instance other/helper")
    assert "Agent team/helper is not open to namespace other" in found.message


def test_labels_of_a_namespace_that_is_not_there_are_a_warning() -> None:
    open_to = "  allowedNamespaces: {from: Selector, selector: {matchLabels: {a: b}}}\n"
    elsewhere = INSTANCE.replace("namespace: team", "namespace: other").replace(
        "name: helper\n", "name: helper\n    namespace: team\n"
    )
    found = linted(PROVIDER, SECRET, AGENT + open_to, elsewhere)
    assert ("warning", "RefNotReady") in {(each.severity, each.rule) for each in found}


def test_an_unknown_field_names_the_nearest_that_is_known() -> None:
    found = only(PROVIDER, SECRET, AGENT.replace("prompt:", "promt:") + "  prompt: x\n", INSTANCE)
    assert found.rule == "unknown-field"
    assert found.line == line_of("promt:", (PROVIDER, SECRET, AGENT.replace("prompt:", "promt:"), INSTANCE))
    assert found.message.endswith("did you mean prompt?")


def test_what_is_wrong_with_an_object_is_not_said_again_of_those_that_use_it() -> None:
    documents = (PROVIDER.replace("type: OpenAI", "type: OpenAi"), SECRET, AGENT, INSTANCE)
    found = only(*documents)
    assert (found.rule, found.object, found.line) == ("schema", "Provider team/models", 5)


def test_a_circle_is_told_of_each_in_it() -> None:
    model = (
        f"apiVersion: {API_VERSION}\nkind: Model\nmetadata: {{name: NAME, namespace: team}}\n"
        "spec: {providerRef: {name: models}, model: m, fallbackRefs: [{name: OTHER}]}\n"
    )
    there, back = (model.replace("NAME", a).replace("OTHER", b) for a, b in (("a", "b"), ("b", "a")))
    found = linted(PROVIDER, SECRET, there, back)
    assert {(each.rule, each.object) for each in found} == {
        ("CycleDetected", "Model team/a"),
        ("CycleDetected", "Model team/b"),
    }


def test_an_object_that_is_there_twice_names_the_other_place() -> None:
    found = only(*GOOD, INSTANCE)
    assert found.rule == "duplicate"
    assert found.message == f"it is already in <stdin>:{line_of('kind: Instance', GOOD) - 1}"
    assert found.line > line_of("kind: Instance", GOOD)


def test_of_an_object_that_is_there_twice_both_are_judged() -> None:
    wrong = INSTANCE + "  replica: 1\n"
    found = linted(PROVIDER, SECRET, AGENT, wrong, wrong)
    assert [each.rule for each in found] == ["unknown-field", "duplicate", "unknown-field"]


def test_what_cannot_be_read_is_a_finding_too() -> None:
    found = only(*GOOD, "a: *b\n")
    assert (found.rule, found.severity, found.object) == ("syntax", "error", "")


@pytest.mark.parametrize(
    ("policy", "rule", "field"),
    [
        (Policy(secret_label="agents=yes"), None, "spec.apiKey"),
        (Policy(annotation_prefixes=("example.com/",)), "ForbiddenByPolicy", "spec.service.annotations"),
    ],
)
def test_what_the_policy_forbids_is_found(policy: Policy, rule: str | None, field: str) -> None:
    annotated = INSTANCE + '  service: {annotations: {foreign.io/a: "b"}}\n'
    found = [
        each for each in linted(PROVIDER, SECRET, AGENT, annotated, policy=policy) if field in each.message
    ]
    assert found
    assert rule is None or {each.rule for each in found} == {rule}


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("spec", ("spec",)),
        ("spec.tools[0].toolRef", ("spec", "tools", 0, "toolRef")),
        ("spec.headers[X-Api.Key].valueFrom", ("spec", "headers", "X-Api.Key", "valueFrom")),
    ],
)
def test_a_field_is_written_as_messages_write_it(field: str, path: tuple[str | int, ...]) -> None:
    assert path_of(field) == path
