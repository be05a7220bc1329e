"""The user's cluster and credentials, as kubectl finds them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gagarin.cli.errors import CommandError
from gagarin.cli.kubeconfig import NoKubeconfigError, endpoint_of


def kubeconfig(folder: Path, user: dict[str, Any], name: str = "config", context: str = "c") -> Path:
    document = {
        "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"https://{name}"}}],
        "users": [{"name": "u", "user": user}],
    }
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(yaml.safe_dump(document))
    return folder / name


def plugin(folder: Path, program: str, **options: Any) -> dict[str, Any]:
    (folder / "plugin.py").write_text(program)
    return {"exec": {"command": sys.executable, "args": [str(folder / "plugin.py")], **options}}


def test_the_option_comes_before_the_variable_and_that_before_the_home(tmp_path: Path) -> None:
    named, listed, at_home = (
        kubeconfig(tmp_path, {"token": "t"}, name) for name in ("named", "listed", ".kube/config")
    )
    environment = {"KUBECONFIG": f"{tmp_path / 'absent'}:{listed}", "HOME": str(tmp_path)}
    assert endpoint_of(named, None, environment).server == "https://named"
    assert endpoint_of(None, None, environment).server == "https://listed"
    assert endpoint_of(None, None, {"HOME": str(tmp_path)}).server == "https://.kube/config"
    assert at_home.exists()


def test_of_several_files_the_first_that_knows_the_context_counts(tmp_path: Path) -> None:
    files = [kubeconfig(tmp_path, {"token": "t"}, name, context=name) for name in ("one", "two")]
    environment = {"KUBECONFIG": ":".join(map(str, files))}
    assert endpoint_of(None, "two", environment).server == "https://two"
    with pytest.raises(CommandError, match="no entry named 'three'"):
        endpoint_of(None, "three", environment)


@pytest.mark.parametrize(
    ("environment", "where"),
    [({}, ""), ({"HOME": "/none"}, " at /none/.kube/config"), ({"KUBECONFIG": "/a:/b"}, " at /a, /b")],
)
def test_without_any_file_it_says_where_it_looked_and_what_to_set(
    environment: dict[str, str], where: str
) -> None:
    message = f"^there is no kubeconfig{where}: name one with --kubeconfig or KUBECONFIG$"
    with pytest.raises(NoKubeconfigError, match=message):
        endpoint_of(None, None, environment)


def test_a_file_that_cannot_be_read_is_said_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=f"^kubeconfig {tmp_path}: Is a directory$"):
        endpoint_of(tmp_path, None)


def test_a_plugin_gives_a_token_and_learns_what_is_asked(tmp_path: Path) -> None:
    program = (
        "import json, os\n"
        "asked = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "token = f\"{asked['apiVersion']} {asked['spec']['interactive']} {os.environ['REGION']}\"\n"
        "print(json.dumps({'status': {'token': token}}))\n"
    )
    user = plugin(
        tmp_path,
        program,
        apiVersion="client.authentication.k8s.io/v1beta1",
        env=[{"name": "REGION", "value": "x"}],
    )
    endpoint = endpoint_of(kubeconfig(tmp_path, user), None)
    assert endpoint.token == "client.authentication.k8s.io/v1beta1 False x"


def test_a_plugin_gives_a_certificate(tmp_path: Path) -> None:
    status = {"clientCertificateData": "CERT", "clientKeyData": "KEY"}
    user = plugin(tmp_path, f"print({json.dumps({'status': status})!r})")
    endpoint = endpoint_of(kubeconfig(tmp_path, user), None)
    assert (endpoint.client_certificate, endpoint.client_key, endpoint.token) == ("CERT", "KEY", None)


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("import sys; sys.exit('log in first')", "failed: log in first"),
        ("print('hello')", "gave no credentials"),
        ("print('{}')", "gave no credentials"),
        ("print('[]')", "gave no credentials"),
    ],
)
def test_a_plugin_that_gives_none_is_said(tmp_path: Path, program: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        endpoint_of(kubeconfig(tmp_path, plugin(tmp_path, program)), None)


def test_a_plugin_that_is_not_installed_is_said(tmp_path: Path) -> None:
    user = {"exec": {"command": "no-such-program-anywhere"}}
    with pytest.raises(CommandError, match="no-such-program-anywhere of the kubeconfig gave no credentials"):
        endpoint_of(kubeconfig(tmp_path, user), None)
