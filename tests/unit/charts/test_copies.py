"""What is written more than once: it is the same everywhere, and the scripts that say so can say no."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from scripts.charts import CHARTS as CHART_NAMES
from scripts.charts import crd_template, generated, out_of_step
from tests.unit.charts.rendering import CHARTS, ROOT, Object, notes, of_kind, render

CRDS = sorted((ROOT / "crds").glob("*.yaml"))


@pytest.mark.parametrize("script", ["charts.py", "manifests.py"])
def test_generated_files_are_in_step(script: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_copy_that_was_edited_is_out_of_step(tmp_path: Path) -> None:
    for folder in ("crds", "charts"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert out_of_step(generated(tmp_path)) == []
    edited = tmp_path / "charts" / "gagarin-crds" / "templates" / CRDS[0].name
    edited.write_text(edited.read_text() + "# edited\n")
    assert out_of_step(generated(tmp_path)) == [edited]


def test_there_is_a_template_for_every_definition_and_no_other() -> None:
    templates = sorted((CHARTS / "gagarin-crds" / "templates").glob("*.yaml"))
    assert [path.name for path in templates] == [path.name for path in CRDS]
    assert len(CRDS) == 5


def test_the_charts_have_the_projects_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name in CHART_NAMES:
        chart = yaml.safe_load((CHARTS / name / "Chart.yaml").read_text())
        assert (chart["version"], chart["appVersion"]) == (version, version)


def test_the_definitions_are_rendered_as_they_are_and_kept_on_uninstall() -> None:
    rendered = {item["metadata"]["name"]: item for item in render("gagarin-crds")}
    for source in CRDS:
        definition = yaml.load(source.read_text(), yaml.CSafeLoader)
        copy = rendered.pop(definition["metadata"]["name"])
        assert copy["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        assert copy == definition
    assert rendered == {}


def test_the_definitions_go_with_the_release_when_that_was_asked_for() -> None:
    for item in render("gagarin-crds", values={"keep": False}):
        assert "annotations" not in item["metadata"]


def test_text_that_looks_like_a_template_stays_text(tmp_path: Path) -> None:
    source = tmp_path / "x.yaml"
    spec = {"description": "Write {{ .Values.name }} or '{{'"}
    source.write_text(yaml.safe_dump({"kind": "X", "metadata": {"name": "x"}, "spec": spec}))
    chart = tmp_path / "gagarin-crds"
    shutil.copytree(CHARTS / "gagarin-crds", chart, ignore=shutil.ignore_patterns("templates"))
    (chart / "templates").mkdir()
    (chart / "templates" / "x.yaml").write_text(crd_template(source))
    assert render_one(chart)["spec"] == spec


def render_one(chart: Path) -> Object:
    (item,) = render(str(chart))
    return item


def test_the_notes_of_the_definitions_say_what_an_uninstall_leaves() -> None:
    assert "Uninstalling this release keeps the definitions" in notes(chart="gagarin-crds")
    told = notes(chart="gagarin-crds", values={"keep": False})
    assert "WARNING: keep is false. Uninstalling this release deletes every Provider" in told


def test_every_definition_is_removed_by_the_label_that_the_notes_name() -> None:
    definitions = of_kind(render("gagarin-crds"), "CustomResourceDefinition")
    assert len(definitions) == len(CRDS)
    for item in definitions:
        assert item["metadata"]["labels"]["app.kubernetes.io/part-of"] == "gagarin"
