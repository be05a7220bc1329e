"""The cluster that the user means, and the user's own credentials for it: as kubectl finds them.

`--kubeconfig` and `--context`, else $KUBECONFIG, else ~/.kube/config. Exec plugins are run as kubectl runs
them (client.authentication.k8s.io/v1), because managed clusters need them; nothing is asked of the keyboard.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gagarin.cli.errors import CommandError
from gagarin.kube.endpoint import Endpoint, from_kubeconfig
from gagarin.kube.errors import EndpointError

PLUGIN_SECONDS = 60
DEFAULT_API_VERSION = "client.authentication.k8s.io/v1"


class NoKubeconfigError(CommandError):
    """There is no such file wherever it was looked for."""


def endpoint_of(
    kubeconfig: Path | None, context: str | None, environment: Mapping[str, str] = os.environ
) -> Endpoint:
    """The API server and the credentials. In $KUBECONFIG the first file that knows the context counts.

    Raises `NoKubeconfigError`, or another `CommandError`.
    """
    places = [kubeconfig] if kubeconfig else _places(environment)
    problem = None
    for file in filter(Path.exists, places):
        try:
            return from_kubeconfig(file, context, _run_plugin)
        except EndpointError as error:
            problem = str(error)
    if problem is not None:
        raise CommandError(problem)
    where = f" at {', '.join(map(str, places))}" if places else ""
    raise NoKubeconfigError(f"there is no kubeconfig{where}: name one with --kubeconfig or KUBECONFIG")


def _places(environment: Mapping[str, str]) -> list[Path]:
    if listed := environment.get("KUBECONFIG"):
        return [Path(name) for name in listed.split(os.pathsep) if name]
    home = environment.get("HOME")
    return [Path(home) / ".kube" / "config"] if home else []


def _run_plugin(plugin: dict[str, Any]) -> dict[str, Any]:
    """What an exec plugin answers, as a user of a kubeconfig has it. Raises `EndpointError`."""
    version = plugin.get("apiVersion") or DEFAULT_API_VERSION
    asked = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    variables = {each["name"]: each["value"] for each in plugin.get("env") or ()}
    command = [str(plugin.get("command")), *map(str, plugin.get("args") or ())]
    try:
        done = subprocess.run(  # noqa: S603 -- the user's own kubeconfig names it, as it does for kubectl
            command,
            env={**os.environ, **variables, "KUBERNETES_EXEC_INFO": json.dumps(asked)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PLUGIN_SECONDS,
            check=True,
        )
        status = json.loads(done.stdout)["status"]
    except subprocess.CalledProcessError as error:
        raise EndpointError(f"{command[0]} of the kubeconfig failed: {error.stderr.strip()}") from error
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise EndpointError(f"{command[0]} of the kubeconfig gave no credentials: {error}") from error
    return _user_of(status)


def _user_of(status: dict[str, Any]) -> dict[str, Any]:
    names = {"clientCertificateData": "client-certificate-data", "clientKeyData": "client-key-data"}
    pem = {
        name: base64.b64encode(status[key].encode()).decode()
        for key, name in names.items()
        if status.get(key)
    }
    return pem | ({"token": status["token"]} if status.get("token") else {})
