"""A control plane that helm and kubectl install into, as a cluster's administrator would."""

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.manifests import program
from tests.integration.controlplane import ControlPlane

ROOT = Path(__file__).resolve().parents[3]
CHARTS = ROOT / "charts"
SYSTEM = "gagarin-system"
GROUP = "gagarin.fyodorov.ai"
OPERATOR = f"system:serviceaccount:{SYSTEM}:gagarin-operator"

Object = dict[str, Any]


@dataclass(frozen=True)
class Installation:
    """Commands and questions to one API server."""

    plane: ControlPlane

    def helm(self, *arguments: str | Path) -> str:
        """What helm prints. Fails with what it said."""
        return self._run(program("helm"), *arguments)

    def kubectl(self, *arguments: str | Path) -> str:
        """What kubectl prints. Fails with what it said."""
        return self._run(program("kubectl"), *arguments)

    def said_by_kubectl(self, *arguments: str | Path, stdin: str = "") -> str:
        """All that kubectl says, whether it is refused or not."""
        done = self._started(program("kubectl"), *arguments, stdin=stdin)
        return done.stdout + done.stderr

    def install(self, chart: str | Path, *options: str) -> str:
        """Install or upgrade the release that is called like its chart."""
        path = CHARTS / chart
        command = ("upgrade", "--install", path.name, path, "--namespace", SYSTEM, "--create-namespace")
        return self.helm(*command, *options)

    def may(
        self,
        user: str,
        verb: str,
        resource: str,
        namespace: str = "",
        group: str = "",
        name: str = "",
        groups: Sequence[str] = (),
    ) -> bool:
        """What the API server's authorizer says; `resource` may have a subresource behind a slash."""
        resource, _, subresource = resource.partition("/")
        asked = {"verb": verb, "group": group, "resource": resource, "subresource": subresource}
        attributes = {**asked, "namespace": namespace, "name": name}
        spec = {"user": user, "groups": list(groups), "resourceAttributes": attributes}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        answer = self.plane.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer.body["status"]["allowed"])

    def until_gone(self, path: str, seconds: float = 400) -> None:
        """Return as soon as there is nothing at `path`.

        Instead of kubectl's and helm's own wait: on definitions that go at once, their watch was seen to
        miss the end and to last five minutes. So long may the API server itself take for a definition, when
        it could not list what is left of it at first: it tries again after ever longer pauses.
        """
        deadline = time.monotonic() + seconds
        while (answer := self.plane.call("GET", path)).status != 404:
            assert time.monotonic() < deadline, f"{path} is still there: {answer}"
            time.sleep(0.05)

    def until_empty(self, path: str, seconds: float = 60) -> None:
        """Return as soon as the collection at `path` has nothing in it."""
        deadline = time.monotonic() + seconds
        while items := self.plane.call("GET", path).body["items"]:
            assert time.monotonic() < deadline, f"{path} still has {len(items)}"
            time.sleep(0.05)

    def _run(self, program: str, *arguments: str | Path) -> str:
        done = self._started(program, *arguments)
        assert done.returncode == 0, f"{done.args}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _started(
        self, program: str, *arguments: str | Path, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        command = [program, "--kubeconfig", str(self.plane.kubeconfig), *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
