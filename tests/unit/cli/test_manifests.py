"""Reading manifests from files."""

from __future__ import annotations

import base64
import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.cli.errors import CommandError, ManifestError
from gagarin.cli.manifests import read, read_manifests

AGENT = "apiVersion: gagarin.fyodorov.ai/v1alpha1\nkind: Agent\nmetadata:\n  name: {name}\n"


def written(folder: Path, text: str, name: str = "a.yaml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_a_folder_is_read_whole_and_in_order_of_file_names(tmp_path: Path) -> None:
    written(tmp_path, AGENT.format(name="second"), "b.yaml")
    written(tmp_path, AGENT.format(name="first") + "---\n" + AGENT.format(name="first-too"), "a.yml")
    written(tmp_path, AGENT.format(name="third"), "c/deep.yaml")
    names = [item["metadata"]["name"] for item in read_manifests(tmp_path)]
    assert names == ["first", "first-too", "second", "third"]


def test_what_is_no_manifest_is_left_alone(tmp_path: Path) -> None:
    written(tmp_path, "resources: [a.yaml]", "kustomization.yaml")
    written(tmp_path, "hello", "README.md")
    written(tmp_path, AGENT.format(name="only"))
    assert len(read_manifests(tmp_path)) == 1


def test_the_namespace_is_default_when_none_is_given(tmp_path: Path) -> None:
    namespaced = AGENT.format(name="b") + "  namespace: team\n"
    file = written(tmp_path, AGENT.format(name="a") + "---\n" + namespaced)
    assert [item["metadata"]["namespace"] for item in read_manifests(file)] == ["default", "team"]


def test_a_cluster_scoped_object_gets_no_namespace(tmp_path: Path) -> None:
    file = written(tmp_path, "apiVersion: v1\nkind: Namespace\nmetadata: {name: team}\n")
    assert "namespace" not in read_manifests(file)[0]["metadata"]


def test_the_items_of_a_list_are_objects(tmp_path: Path) -> None:
    file = written(tmp_path, "kind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n")
    assert [item["kind"] for item in read_manifests(file)] == ["Secret"]


def test_string_data_of_a_secret_is_shown_as_data(tmp_path: Path) -> None:
    text = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {old: b2xk}\nstringData: {api-key: sk-1}\n"
    )
    secret = read_manifests(written(tmp_path, text))[0]
    assert secret["data"] == {"old": "b2xk", "api-key": base64.b64encode(b"sk-1").decode()}
    assert "stringData" not in secret


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: ]", 1, "not valid YAML"),
        ("a:\n\tb: 1\n", 2, "not valid YAML: there is a tab here; YAML is indented with spaces"),
        ("a:\n  b: 1\n\tc: 1\n", 3, "not valid YAML: there is a tab here"),
        ("a: 2001-99-99", 1, "apiVersion is missing"),
        ("? [a]\n: b", 1, "a key is a string"),
        ("[" * 100_000, 1, "nested more than 100 times"),
        ("a: &x [1]\nb: *x", 2, "the alias *x is not taken"),
        ("kind: A\nkind: B", 2, "the key 'kind' is there twice"),
        (AGENT.format(name="ok") + "---\n- just\n- a list\n", 6, "a manifest is a mapping"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: 3}\n", 3, "namespace is not a string"),
        ("apiVersion: v1\nmetadata: {name: a}\n", 1, "kind is missing"),
        ("kind: Agent\nmetadata: {name: a}\n", 1, "apiVersion is missing"),
        ("apiVersion: v1\nkind: Secret\n", 1, "this Secret has no metadata.name"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: 7}\n", 3, "this Secret has no metadata.name"),
        (
            AGENT.format(name="a").replace("Agent", "agent"),
            2,
            "no kind agent in gagarin.fyodorov.ai; did you",
        ),
        (
            AGENT.format(name="a").replace("Agent", "Bot"),
            2,
            "known are Provider, Model, Tool, Agent, Instance",
        ),
        ("a: !!python/object:os.system {}\n", 1, "not valid YAML"),
    ],
)
def test_a_mistake_names_the_file_and_the_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ManifestError) as raised:
        read_manifests(file)
    assert str(raised.value).startswith(f"{file}:{line}:")
    assert says in str(raised.value)


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"kind: \xff")
    with pytest.raises(ManifestError, match="not UTF-8"):
        read_manifests(file)


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no manifests there"):
        read_manifests(tmp_path)
    with pytest.raises(CommandError, match="no such file"):
        read_manifests(tmp_path / "absent")


def test_json_and_the_standard_input_are_read_too(tmp_path: Path) -> None:
    text = '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}'
    written(tmp_path, text, "a.json")
    found = read([tmp_path, Path("-")], stdin=io.StringIO(text.replace('"a"', '"b"')))
    assert [(each.item["metadata"]["name"], Path(each.file).name) for each in found.manifests] == [
        ("a", "a.json"),
        ("b", "<stdin>"),
    ]


def test_the_namespace_for_those_that_name_none_can_be_chosen(tmp_path: Path) -> None:
    named = AGENT.format(name="b") + "  namespace: team\n"
    written(tmp_path, AGENT.format(name="a") + "---\n" + named)
    found = read([tmp_path], namespace="mine").manifests
    assert [each.item["metadata"]["namespace"] for each in found] == ["mine", "team"]


def test_one_bad_document_does_not_hide_the_others(tmp_path: Path) -> None:
    written(tmp_path, "a: ]", "a.yaml")
    written(tmp_path, "kind: Agent\n---\n" + AGENT.format(name="good"), "b.yaml")
    found = read([tmp_path])
    assert [each.item["metadata"]["name"] for each in found.manifests] == ["good"]
    assert [(Path(fault.file).name, fault.line) for fault in found.faults] == [("a.yaml", 1), ("b.yaml", 1)]


def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(CommandError, match="Permission denied"):
        read([written_file(tmp_path)])


def written_file(folder: Path) -> Path:
    file = folder / "a.yaml"
    file.touch()
    return file


def test_a_kind_of_another_group_is_not_taken_for_ours(tmp_path: Path) -> None:
    foreign = AGENT.replace("gagarin.fyodorov.ai/v1alpha1", "pkg.crossplane.io/v1").replace(
        "Agent", "Provider"
    )
    written(tmp_path, foreign.format(name="a") + "---\n" + AGENT.format(name="b"))
    assert [each["kind"] for each in read([tmp_path]).objects().values()] == ["Agent"]


def test_a_place_is_that_of_the_key_or_of_the_nearest_thing_around(tmp_path: Path) -> None:
    text = AGENT.format(name="a") + "spec:\n  tools:\n  - name: one\n    x: 1\n  - {name: two}\n"
    (manifest,) = read([written(tmp_path, text)]).manifests
    places = {
        ("metadata", "name"): (4, 3),
        ("spec",): (5, 1),
        ("spec", "tools", 0, "x"): (8, 5),
        ("spec", "tools", 1): (9, 5),
        ("spec", "tools", "two", "name"): (9, 6),
        ("spec", "tools", 7): (6, 3),
        ("spec", "tools", "none"): (6, 3),
        ("spec", "tools", 0, "x", "deeper"): (8, 5),
        ("absent",): (1, 1),
    }
    assert {path: manifest.place(path)[1:] for path in places} == places


@given(st.text(max_size=200))
def test_any_text_gives_objects_or_an_error_for_the_user(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.mktemp("any") / "a.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    with contextlib.suppress(CommandError):
        read_manifests(file)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("data: [a]\n", ":5:1: data is not a mapping"),
        ("stringData:\n  port: 5432\n", ":6:3: stringData.port is not a string; put it in quotes"),
    ],
)
def test_what_a_secret_holds_is_text(tmp_path: Path, text: str, problem: str) -> None:
    written(tmp_path, f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n{text}")
    with pytest.raises(ManifestError) as caught:
        read_manifests(tmp_path)
    assert str(caught.value).endswith(problem)
