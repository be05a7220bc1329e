"""`gagarin lint`, `render` and `schemas` as a person runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
QUICKSTART = ROOT / "examples" / "quickstart"


def gagarin(*arguments: str | Path, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gagarin.cli", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "GITHUB_ACTIONS"} | variables
    return subprocess.run(
        command, input=stdin, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_quickstart_has_nothing_to_complain_about() -> None:
    done = gagarin("lint", "-f", QUICKSTART)
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing to complain about\n", "")


BROKEN = (QUICKSTART / "4-agent.yaml").read_text().replace("prompt:", "promt:")


@pytest.mark.parametrize("output", ["table", "json", "github"])
def test_findings_have_a_file_and_a_line_in_every_format(tmp_path: Path, output: str) -> None:
    (tmp_path / "agent.yaml").write_text(BROKEN)
    done = gagarin("lint", "-f", tmp_path, "-o", output)
    line = 1 + [each.strip().startswith("promt") for each in BROKEN.splitlines()].index(True)
    file = tmp_path / "agent.yaml"
    told = {
        "table": f"{file}:{line}:3: error unknown-field",
        "json": f'"line": {line},',
        "github": f"::error file={file},line={line},col=3,title=unknown-field::",
    }
    assert done.returncode == 1
    assert told[output] in done.stdout
    assert output != "json" or json.loads(done.stdout)["errors"] >= 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("lint", "-f", "/no/such/place"), "no such file or folder"),
        (("lint", "-f", "-", "-o", "xml"), "'xml' is not one of table, json, github"),
        (("lint", "-f", "-"), "no manifests there"),
        (("lint", "-f", "-", "--image-mirror", "x"), "'x' is not of the form FROM=TO"),
        (("lint",), "Missing option"),
    ],
)
def test_when_it_cannot_look_the_exit_status_is_2(arguments: tuple[str, ...], says: str) -> None:
    done = gagarin(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_warning_is_no_failure() -> None:
    provider = yaml.safe_dump(
        {
            "apiVersion": "gagarin.fyodorov.ai/v1alpha1",
            "kind": "Provider",
            "metadata": {"name": "a"},
            "spec": {"type": "OpenAI", "apiKey": {"secretKeyRef": {"name": "s", "key": "k"}}},
        }
    )
    done = gagarin("lint", "-f", "-", stdin=provider)
    assert done.returncode == 0
    assert (
        "<stdin>:6:3: warning RefNotFound: Provider default/a: spec.apiKey: Secret default/s" in done.stdout
    )


def test_render_prints_manifests_that_kubectl_can_read() -> None:
    done = gagarin(
        "render", "-f", QUICKSTART, "--instance-image", "chat:1", GAGARIN_INSTANCE_HTTPS_PROXY="http://p:1"
    )
    kinds = [item["kind"] for item in yaml.safe_load_all(done.stdout)]
    assert done.returncode == 0, done.stderr
    assert {"ServiceAccount", "RoleBinding", "ConfigMap", "Deployment", "Service"} <= set(kinds)
    assert "http://p:1" in done.stdout


def test_render_says_what_is_missing_and_fails_when_nothing_comes_of_it() -> None:
    instance = (QUICKSTART / "5-instance.yaml").read_text()
    done = gagarin("render", "-f", "-", stdin=instance)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Instance gagarin-quickstart/hello: RefNotFound: spec.agentRef: " in done.stderr
    agent, provider = (QUICKSTART / "4-agent.yaml").read_text(), (QUICKSTART / "3-provider.yaml").read_text()
    documents = [each for each in yaml.safe_load_all(provider) if each["kind"] == "Provider"]
    done = gagarin(
        "render", "-f", "-", stdin="\n---\n".join([instance, agent, yaml.safe_dump_all(documents)])
    )
    assert done.returncode == 0
    assert "is not among the files: taken to be there" in done.stderr


def test_schemas_are_written_and_checked(tmp_path: Path) -> None:
    assert gagarin("schemas", tmp_path, "--check").returncode == 1
    assert f"{tmp_path}/gagarin.json" in gagarin("schemas", tmp_path).stdout
    assert gagarin("schemas", tmp_path, "--check").returncode == 0


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["render", "lint"])
def test_a_full_disk_is_told_in_one_line(command: str, unbuffered: str) -> None:
    arguments = [sys.executable, "-m", "gagarin.cli", command, "-f", str(QUICKSTART)]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            arguments,
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")


def test_without_a_standard_output_nothing_is_written_and_nothing_breaks() -> None:
    command = f"{sys.executable} -m gagarin.cli render -f {QUICKSTART} >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
