"""The operator as the chart installs it: its settings, its account, its rights; only that no kubelet runs
it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.integration.charts.installation import SYSTEM, Installation

DEPLOYMENT = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/gagarin-operator"
ACCOUNT = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/gagarin-operator"


@contextmanager
def running_operator(cluster: Installation, folder: Path) -> Iterator[Path]:
    """Runs it until the end of the block; gives the file with its log. It has ended well and was never
    refused."""
    log = folder / "operator.log"
    command = [sys.executable, "-m", "gagarin.controller", "--kubeconfig", str(_kubeconfig(cluster, folder))]
    command += ["--host", "127.0.0.1", "--port", "0", "--lease-namespace", SYSTEM, "--pod-name", "it"]
    with log.open("wb") as output:
        environment = os.environ | _variables(cluster) | {"GAGARIN_LOG_FORMAT": "text"}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        _until_active(process, log)
        yield log
    finally:
        process.terminate()
        status = process.wait(60)
    assert status == 0, log.read_text()
    assert "forbidden" not in log.read_text().lower(), log.read_text()


def _variables(cluster: Installation) -> dict[str, str]:
    """The environment that the Deployment gives the operator."""
    (container,) = cluster.plane.call("GET", DEPLOYMENT).body["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def _kubeconfig(cluster: Installation, folder: Path) -> Path:
    """A kubeconfig with a token of the operator's account."""
    answer = cluster.plane.call("POST", f"{ACCOUNT}/token", {"spec": {"expirationSeconds": 3600}})
    document = yaml.safe_load(cluster.plane.kubeconfig.read_text())
    document["users"][0]["user"] = {"token": answer.body["status"]["token"]}
    path = folder / "operator.kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


def _until_active(process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while "active:" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
