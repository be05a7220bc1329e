"""A real cluster without nodes, the operator as a process, and the hands of the people around them."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gagarin.core.names import REVISION
from gagarin.core.objects import Object
from gagarin.kube.resources import BY_KIND, DEPLOYMENT, INSTANCE, POD, Resource
from tests.integration.controller.proxy import Proxy
from tests.integration.controlplane import ControlPlane

V1 = "gagarin.fyodorov.ai/v1alpha1"
PROGRAM = ("-m", "gagarin.controller")
IMAGE = "gagarin.local/gagarin:test"


@dataclass
class Operator:
    """The operator's process."""

    process: subprocess.Popen[bytes]
    log: Path

    def health(self) -> tuple[int, str]:
        """What the kubelet is told."""
        port = re.findall(r"health and metrics on port (\d+)", self.log.read_text())[-1]
        return self._ask(int(port), "/healthz")

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        port = re.findall(r"health and metrics on port (\d+)", self.log.read_text())[-1]
        samples = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", self._ask(int(port), "/metrics")[1], re.MULTILINE)
        return sum(map(float, samples))

    def _ask(self, port: int, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", path)
        response = connection.getresponse()
        answer = response.status, response.read().decode()
        connection.close()
        return answer

    def kill(self) -> None:
        """SIGKILL: no chance to do anything."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, as the kubelet sends it. Returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def says(self, words: str) -> bool:
        return words in self.log.read_text()


@dataclass
class World:
    """One namespace of the cluster, with an operator that sees it through the proxy."""

    plane: ControlPlane
    proxy: Proxy
    folder: Path
    namespace: str
    operators: list[Operator] = field(default_factory=list)

    # The operator.

    def start(
        self,
        *options: str,
        name: str = "operator",
        token: str | None = None,
        everywhere: bool = False,
        program: Sequence[str] = PROGRAM,
    ) -> Operator:
        """Start an operator and wait until it is active."""
        operator = self.launch(*options, name=name, token=token, everywhere=everywhere, program=program)
        self.wait(lambda: operator.says("active:"), f"operator {name} to become active")
        return operator

    def launch(
        self,
        *options: str,
        name: str = "operator",
        token: str | None = None,
        everywhere: bool = False,
        program: Sequence[str] = PROGRAM,
    ) -> Operator:
        """Start an operator; `program` is what Python runs as one."""
        log = self.folder / f"{name}-{len(self.operators)}.log"
        scope = [] if everywhere else ["--namespace", self.namespace]
        command = [
            *(sys.executable, *program),
            *("--kubeconfig", str(self._kubeconfig(name, token or self.plane.token))),
            *("--instance-image", IMAGE, "--host", "127.0.0.1", "--port", "0", "--log-format", "text"),
            *("--lease-namespace", self.namespace, "--pod-name", name),
            *(*scope, *options),
        ]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | {"TZ": "UTC"})
        operator = Operator(process, log)
        self.operators.append(operator)
        return operator

    def end(self) -> None:
        """Stop what still runs."""
        for operator in self.operators:
            if operator.process.poll() is None:
                operator.stop()

    # The cluster.

    def apply(self, *items: Object) -> None:
        for item in items:
            resource = BY_KIND[item["kind"]]
            answer = self.plane.apply(item, resource.path(item["metadata"].get("namespace")))
            assert answer.status in (200, 201), answer.message

    def edit(self, resource: Resource, name: str, change: Object, subresource: str = "") -> None:
        path = resource.path(self.namespace, name, subresource)
        answer = self.plane.call("PATCH", path, change, "application/merge-patch+json")
        assert answer.status == 200, answer.message

    def delete(self, resource: Resource, name: str) -> None:
        assert self.plane.call("DELETE", resource.path(self.namespace, name)).status == 200

    def get(self, resource: Resource, name: str) -> Object | None:
        answer = self.plane.call("GET", resource.path(self.namespace, name))
        return answer.body if answer.status == 200 else None

    def every(self, resource: Resource) -> list[Object]:
        items: list[Object] = self.plane.call("GET", resource.path(self.namespace)).body["items"]
        return items

    def names(self, resource: Resource) -> list[str]:
        return sorted(item["metadata"]["name"] for item in self.every(resource))

    def run_pods(self) -> None:
        """What a kubelet does: every pod that waits becomes ready."""
        for pod in self.every(POD):
            if pod["status"].get("phase") == "Pending":
                ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2030-01-01T00:00:00Z"}
                status = {"phase": "Running", "conditions": [ready]}
                path = POD.path(self.namespace, pod["metadata"]["name"], "status")
                answer = self.plane.call("PATCH", path, {"status": status}, "application/merge-patch+json")
                assert answer.status in (200, 404), answer.message  # 404: it was deleted since it was listed

    def make_ready(self, *names: str) -> None:
        """Run pods until these Instances are Ready."""

        def are_ready() -> bool:
            self.run_pods()
            return all(self.condition(name)[0] == "True" for name in names)

        self.wait(are_ready, f"{names} to be Ready")

    def condition(
        self, name: str, kind: str = "Ready", resource: Resource = INSTANCE
    ) -> tuple[str, str, str]:
        """Status, reason and message; empty when there is none yet."""
        status = (self.get(resource, name) or {}).get("status", {})
        found = [each for each in status.get("conditions", ()) if each["type"] == kind]
        return (found[0]["status"], found[0]["reason"], found[0]["message"]) if found else ("", "", "")

    def wait(self, holds: Callable[[], Any], what: str, seconds: float = 90) -> None:
        """Return as soon as it holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                logs = "\n".join(operator.log.read_text()[-3000:] for operator in self.operators)
                raise AssertionError(f"waited {seconds} s for {what}\n{logs}")
            time.sleep(0.03)

    def quiet(self, seconds: float = 0.7) -> None:
        """Return when the operator has made no call that writes for a while."""
        count, since = -1, time.monotonic()
        deadline = since + 120
        while time.monotonic() - since < seconds:
            if (now := len(self.proxy.writes(self.namespace))) != count:
                count, since = now, time.monotonic()
            assert since < deadline, self.proxy.writes(self.namespace)[-10:]
            time.sleep(0.03)

    @contextmanager
    def counting(self) -> Iterator[list[str]]:
        """The writes that the operator makes meanwhile, and until it is quiet again."""
        found: list[str] = []
        since = len(self.proxy.calls)
        yield found
        self.quiet()
        found += self.proxy.writes(self.namespace, since)

    # What people write.

    def instance(self, name: str = "helper", **spec: Any) -> Object:
        return self._ours("Instance", name, {"agentRef": {"name": "helper"}} | spec)

    def agent(self, name: str = "helper", prompt: str = "You help.", provider: str = "stub") -> Object:
        return self._ours(
            "Agent", name, {"prompt": prompt, "model": {"providerRef": {"name": provider}, "name": "gpt"}}
        )

    def provider(self, name: str = "stub", secret: str | None = "key") -> Object:
        spec: Object = {"type": "OpenAICompatible", "url": "http://model-stub/v1"}
        key = {"apiKey": {"secretKeyRef": {"name": secret, "key": "token"}}} if secret else {}
        return self._ours("Provider", name, spec | key)

    def tool(self, name: str, *, keyed: bool = False) -> Object:
        """One over HTTP; `keyed`: it takes the Secret's key."""
        function = {"name": name.replace("-", "_"), "parameters": {"type": "object"}}
        spec: Object = {"type": "HTTP", "http": {"url": "http://tools.example"}, "functions": [function]}
        if keyed:
            reference = {"secretKeyRef": {"name": "key", "key": "token"}}
            spec["auth"] = {"type": "Bearer", "bearer": reference}
        return self._ours("Tool", name, spec)

    def secret(self, name: str = "key", value: str = "first") -> Object:
        metadata = {"namespace": self.namespace, "name": name}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": value}}

    def quickstart(self) -> Sequence[Object]:
        """All that one Instance needs, in the order in which a person would write it."""
        return self.secret(), self.provider(), self.agent(), self.instance()

    def _ours(self, kind: str, name: str, spec: Object) -> Object:
        metadata = {"namespace": self.namespace, "name": name}
        return {"apiVersion": V1, "kind": kind, "metadata": metadata, "spec": spec}

    def _kubeconfig(self, name: str, token: str) -> Path:
        path = self.folder / f"{name}.kubeconfig"
        document = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.proxy.port}"}}],
            "users": [{"name": "u", "user": {"token": token}}],
        }
        path.write_text(yaml.safe_dump(document))
        return path


def template_revision(world: World, name: str = "helper") -> str:
    """Which revision an Instance's Deployment wants."""
    deployment = world.get(DEPLOYMENT, name) or {}
    labels = deployment.get("spec", {}).get("template", {}).get("metadata", {}).get("labels", {})
    return str(labels.get("gagarin.fyodorov.ai/revision", ""))


def revisions(world: World) -> dict[str, str]:
    """Which revision the Deployment of each Instance wants."""
    return {
        item["metadata"]["name"]: item["spec"]["template"]["metadata"]["labels"][REVISION]
        for item in world.every(DEPLOYMENT)
    }


def changed(world: World, before: dict[str, str]) -> int:
    """How many Deployments want another revision than before."""
    return sum(before.get(name) != revision for name, revision in revisions(world).items())
