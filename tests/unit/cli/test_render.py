"""What Instances become, without a cluster: as the golden tests have it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gagarin.cli.errors import CommandError
from gagarin.cli.manifests import read
from gagarin.cli.render import rendered
from gagarin.cli.settings import OperatorSettings, settings_of
from gagarin.conversion.yamltext import as_yaml
from gagarin.core.objects import Key, ObjectMap
from gagarin.core.render import render
from gagarin.core.resolve import resolve

ROOT = Path(__file__).resolve().parents[3]
QUICKSTART = ROOT / "examples" / "quickstart"
KEY = Key("Instance", "gagarin-quickstart", "hello")


def settings(**given: str) -> OperatorSettings:
    return settings_of({"instance-image": "chat:1"} | given)


def test_it_is_what_the_operator_makes_of_the_same_objects() -> None:
    (found,), missing = rendered(read([QUICKSTART]), settings())
    objects = read([QUICKSTART]).objects()
    resolved = resolve(objects[KEY], objects).resolved
    assert resolved is not None
    assert (found.instance, found.problems) == (KEY, ())
    assert found.children == render(resolved, settings().render)
    assert missing == frozenset()


def test_the_operators_settings_count() -> None:
    (found,), _ = rendered(read([QUICKSTART]), settings(**{"image-mirror": "docker.io=mirror/hub"}))
    assert "mirror/hub/library/chat:1" in as_yaml(list(found.children))


def test_an_instance_can_be_picked_and_one_that_is_not_there_is_said() -> None:
    (found,), _ = rendered(read([QUICKSTART]), settings(), "hello")
    assert found.instance == KEY
    with pytest.raises(CommandError, match="no Instance called other among the manifests"):
        rendered(read([QUICKSTART]), settings(), "other")


def test_missing_secrets_are_stood_in_for_and_named(tmp_path: Path) -> None:
    for file in QUICKSTART.glob("*.yaml"):
        documents = [
            each for each in yaml.safe_load_all(file.read_text()) if each and each["kind"] != "Secret"
        ]
        (tmp_path / file.name).write_text(yaml.safe_dump_all(documents))
    (found,), missing = rendered(read([tmp_path]), settings())
    assert found.problems == ()
    assert {key.kind for key in missing} == {"Secret"}


def test_what_cannot_be_rendered_says_why(tmp_path: Path) -> None:
    instance = yaml.safe_load((QUICKSTART / "5-instance.yaml").read_text())
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(instance))
    (found,), _ = rendered(read([tmp_path]), settings())
    assert [problem.reason for problem in found.problems] == ["RefNotFound"]
    assert found.children == ()


def test_text_of_several_lines_is_a_block() -> None:
    assert as_yaml({"a": "one\ntwo\n", "b": [1]}) == "a: |\n  one\n  two\nb:\n  - 1\n"
    assert ObjectMap() == {}
