"""From nothing to an answered chat: a local cluster, the charts, the quickstart, one conversation.

Safe to run again: every step finds out whether there is anything left to do. Uses the kubeconfig of the
local cluster only. `CLUSTER=existing IMAGE=...` takes the current context instead, because it was asked
for, and an image that this cluster can pull. Where no cluster can be made the same manifests run without one
(`gagarin dev`).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUICKSTART = ROOT / "examples/quickstart"
CALLER = QUICKSTART / "caller"
LOCAL_IMAGE = "gagarin.local/gagarin:dev"  # the one the manifests of the quickstart name
IMAGE = os.environ.get("IMAGE", LOCAL_IMAGE)
SYSTEM = "gagarin-system"
NAMESPACE = "gagarin-quickstart"
INSTANCE = "hello"
CLUSTER = ["python3", ROOT / "hack/cluster"]
NO_CLUSTER_POSSIBLE = 3  # the exit status of `up`


class StepError(Exception):
    """A command of a step failed; holds what it printed."""


@contextmanager
def step(what: str) -> Iterator[None]:
    """Says what is being done and, when it is done, how long it took."""
    print(f"==> {what}", flush=True)
    start = time.monotonic()
    yield
    print(f"    done in {time.monotonic() - start:.1f} s", flush=True)


def output(*command: object, stdin: str = "") -> str:
    """What the command prints. Raises `StepError` with everything it said."""
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StepError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout.strip()


def show(*command: object) -> int:
    """Runs a command that tells its own progress; returns its exit status."""
    return subprocess.run([str(part) for part in command], check=False).returncode


class Tools:
    """The programs that the steps use, all of them pointed at the one cluster."""

    def __init__(self) -> None:
        self._kubeconfig = output(*CLUSTER, "kubeconfig")  # never the user's own, unless CLUSTER=existing
        self._programs = Path(output(*CLUSTER, "binaries", "helm", "kubectl"))

    def kubectl(self, *arguments: object, stdin: str = "") -> str:
        return output(self._programs / "kubectl", "--kubeconfig", self._kubeconfig, *arguments, stdin=stdin)

    def kustomized(self, folder: Path) -> str:
        """The manifests of a folder, with the image that is used here."""
        return self.kubectl("kustomize", folder).replace(LOCAL_IMAGE, IMAGE)

    def helm(self, *arguments: object) -> str:
        return output(self._programs / "helm", "--kubeconfig", self._kubeconfig, *arguments)

    @property
    def prefix(self) -> str:
        """How a person points kubectl at the cluster."""
        return f"export KUBECONFIG={self._kubeconfig.replace(str(Path.home()), '~', 1)}"


def provide_image() -> None:
    if IMAGE != LOCAL_IMAGE:
        print(f"    {IMAGE}, as the cluster pulls it")
    elif os.environ.get("CLUSTER") == "existing":
        raise StepError(
            "say with IMAGE=... which image your cluster can pull (docs/install.md tells how to build it)"
        )
    elif show(*CLUSTER, "image", "build", IMAGE, ROOT, "--file", ROOT / "images/Dockerfile"):
        raise StepError("the image could not be built")


def install(tools: Tools) -> None:
    place = ["--namespace", SYSTEM, "--create-namespace", "--wait"]
    repository, tag = IMAGE.rsplit(":", 1)
    # The tag stays the same when the sources change; the annotation is what rolls the operator then.
    image = ["--set", f"image.repository={repository},image.tag={tag},podAnnotations.sources={sources()}"]
    tools.helm("upgrade", "--install", "gagarin-crds", ROOT / "charts/gagarin-crds", *place)
    tools.helm("upgrade", "--install", "gagarin", ROOT / "charts/gagarin", *place, *image)


def sources() -> str:
    """A digest of what the image is made of."""
    files = [ROOT / "images/Dockerfile", ROOT / "locks/image.txt", *(ROOT / "operator").rglob("*.py")]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return "s" + digest.hexdigest()[:12]


def wait_until_ready(tools: Tools) -> None:
    within = ["--namespace", NAMESPACE, "--timeout=120s"]
    tools.kubectl("rollout", "status", "deployment/model-stub", *within)
    tools.kubectl("wait", f"instance/{INSTANCE}", "--for=condition=Ready", *within)


def ask(tools: Tools) -> str:
    """Runs the caller's Job anew and returns what it printed."""
    within = ["--namespace", NAMESPACE]
    tools.kubectl("replace", "--force", "-f", "-", stdin=tools.kustomized(CALLER))
    try:
        tools.kubectl("wait", "job/caller", "--for=condition=Complete", "--timeout=180s", *within)
    except StepError as failed:
        said = tools.kubectl("logs", "job/caller", "--tail=20", *within)
        raise StepError(f"{failed}\nthe caller said:\n{said}") from failed
    return tools.kubectl("logs", "job/caller", *within)


def next_commands(tools: Tools) -> str:
    return f"""
Try next:
  {tools.prefix}
  kubectl get gagarin -n {NAMESPACE}
  kubectl describe instance {INSTANCE} -n {NAMESPACE}
  kubectl edit agent greeter -n {NAMESPACE}     # change the prompt, watch the pod roll
  kubectl replace --force -k {CALLER.relative_to(ROOT)} && kubectl logs -f job/caller -n {NAMESPACE}
  make down                                     # removes everything that was made"""


def with_cluster() -> None:
    tools = Tools()
    with step("the image"):
        provide_image()
    with step(f"the charts gagarin-crds and gagarin, into {SYSTEM}"):
        install(tools)
    with step(f"kubectl apply -k {QUICKSTART.relative_to(ROOT)}"):
        print(indented(tools.kubectl("apply", "-f", "-", stdin=tools.kustomized(QUICKSTART))))
    with step(f"waiting until Instance {INSTANCE} is Ready"):
        wait_until_ready(tools)
    with step("asking from a pod, with the pod's own token"):
        print(indented(ask(tools)))
    print(indented(tools.kubectl("get", "providers,agents,instances", "--namespace", NAMESPACE)))
    print(next_commands(tools))


def indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def without_cluster() -> int:
    print("==> no cluster can be made here (see above), so the same manifests run without one")
    return show(
        sys.executable, "-m", "gagarin.cli", "dev", "-f", QUICKSTART, "--port", "0", "--say", "Hello!"
    )


def main() -> int:
    try:
        with step("a local cluster"):
            status = show(*CLUSTER, "up")
        if status == NO_CLUSTER_POSSIBLE:
            return without_cluster()
        if status:
            return status
        with_cluster()
    except StepError as failed:
        print(f"error: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
