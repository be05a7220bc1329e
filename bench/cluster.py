"""From `kubectl apply` of Provider, Agent and Instance to the first answered chat, on the running cluster.

The way of a user: apply, wait for the condition Ready, ask from a pod with its own token. The model server,
the caller's pod and the image on the node are there before. Where no cluster with the operator runs, the
line says so instead of giving a figure.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.interpreter import ROOT
from bench.results import Measurement

MANIFESTS = Path(__file__).parent / "manifests"
NAMESPACE = "gagarin-bench"
NAMES = ("hello-1", "hello-2", "hello-3")  # each has a name of its own, and so an entry in DNS of its own
NAME = "cluster.apply_to_first_answer"


class UnavailableError(RuntimeError):
    """There is no cluster to measure on; the message says what is missing."""


class Kubectl:
    """kubectl for the local cluster, or for the current context with CLUSTER=existing."""

    def __init__(self) -> None:
        command = ["python3", str(ROOT / "hack" / "cluster"), "kubeconfig"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode or not found.stdout.strip():
            raise UnavailableError(f"no cluster: {found.stderr.strip()[-200:] or 'run make up'}")
        self._command = ["kubectl", "--kubeconfig", found.stdout.strip()]

    def __call__(self, *arguments: str, given: str = "") -> str:
        """What it prints. Raises `UnavailableError` with what it complains about."""
        command = [*self._command, *arguments]
        try:
            done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise UnavailableError("no kubectl on the PATH") from error
        if done.returncode:
            raise UnavailableError(f"kubectl {arguments[0]}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def converse(self, pod: str, script: str) -> subprocess.Popen[str]:
        """A script that runs in a pod, reading lines and printing lines."""
        command = [*self._command, "-n", NAMESPACE, "exec", "-i", pod, "--", "python3", "-c", script]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def apply_to_first_answer() -> Iterator[Measurement]:
    """Seconds, the median of three; or why there are none."""
    try:
        kubectl = Kubectl()
        _check(kubectl)
        seconds = _measure(kubectl)
    except UnavailableError as error:
        yield Measurement(name=NAME, value=None, unit="s", note=f"not measured: {error}")
        return
    yield Measurement(name=NAME, value=median(seconds), unit="s")


def _check(kubectl: Kubectl) -> None:
    kubectl("--request-timeout=5s", "get", "crd", "instances.gagarin.fyodorov.ai")
    operator = ["-n", "gagarin-system", "deployment", "-l", "app.kubernetes.io/name=gagarin"]
    ready = kubectl(
        "--request-timeout=5s", "get", *operator, "-o", "jsonpath={.items[*].status.readyReplicas}"
    )
    if not ready.strip():
        raise UnavailableError("the operator does not run: run make demo")


def _measure(kubectl: Kubectl) -> list[float]:
    try:
        _surround(kubectl)
        with kubectl.converse("caller", (MANIFESTS / "ask.py").read_text()) as caller:
            try:
                return [_round(kubectl, caller, name) for name in NAMES]
            finally:
                caller.terminate()
    finally:
        _clean_up(kubectl)


def _clean_up(kubectl: Kubectl) -> None:
    """Remove the namespace; its pods first, for it would wait as long as they may take at the most."""
    within = ("-n", NAMESPACE, "--timeout=120s")
    try:
        kubectl("delete", "instances,deployments", "--all", *within)
        kubectl("delete", "pod", "caller", "--ignore-not-found", *within)
        kubectl("wait", "pods", "--all", "--for=delete", *within)
        kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")
    except UnavailableError as error:
        sys.stderr.write(f"the namespace {NAMESPACE} could not be removed: {error}\n")


def _surround(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", str(MANIFESTS / "surroundings.yaml"))
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/model-stub", "--timeout=60s")
    kubectl("-n", NAMESPACE, "wait", "pod/caller", "--for=condition=Ready", "--timeout=60s")


def _round(kubectl: Kubectl, caller: subprocess.Popen[str], name: str) -> float:
    assert caller.stdin is not None
    assert caller.stdout is not None
    manifests = (MANIFESTS / "instance.yaml").read_text().replace("NAME", name)
    start = time.perf_counter()
    kubectl("apply", "-f", "-", given=manifests)
    kubectl("-n", NAMESPACE, "wait", f"instance/{name}", "--for=condition=Ready", "--timeout=60s")
    caller.stdin.write(f"{name}\n")
    caller.stdin.flush()
    answer = caller.stdout.readline()
    taken = time.perf_counter() - start
    if not answer.startswith("200 "):
        raise UnavailableError(f"the first chat was answered with {answer!r}")
    return taken
