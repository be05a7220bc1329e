"""One installation for all end-to-end tests: the charts, a stub model server, a client pod.

The cluster and the image are made by `scripts/test` before; `CLUSTER=existing` takes the current context. The
tests run in several processes at once (pytest-xdist), which share the installation. Those that change it are
marked `alone`, and run when the others are through.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.e2e import resources
from tests.e2e.caller import Caller, ClientPod
from tests.e2e.cluster import Cluster, Object, eventually

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGE = os.environ.get("GAGARIN_TEST_IMAGE", "gagarin.local/gagarin:dev")
SYSTEM = "gagarin-system"
OPERATOR = "app.kubernetes.io/component=operator"
SHARED = "gagarin-e2e"
AWAKE = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit()); signal.pause()"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the troubles: some take minutes to show, in which other processes run the other tests."""
    items.sort(key=lambda item: item.path.name != "test_trouble.py")


def run(*command: object) -> str:
    """What a command prints; fails with everything it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    return Path(run("python3", ROOT / "hack/cluster", "kubeconfig"))


@pytest.fixture(scope="session")
def cluster(kubeconfig: Path) -> Iterator[Cluster]:
    cluster = Cluster(kubeconfig)
    yield cluster
    cluster.close()


@dataclass(frozen=True)
class Helm:
    """Helm with the two charts, as a user calls it."""

    program: Path
    kubeconfig: Path

    def install(self, *settings: str) -> None:
        """Installs or upgrades both charts until the operator is rolled out; `settings` are KEY=VALUE."""
        repository, tag = IMAGE.rsplit(":", 1)
        image = (f"image.repository={repository}", f"image.tag={tag}")
        values = (part for one in (*image, "gateway.enabled=true", *settings) for part in ("--set", one))
        install = ("upgrade", "--install", "--wait", "--timeout", "2m", "--create-namespace")
        self.call(*install, "gagarin-crds", ROOT / "charts/gagarin-crds")
        self.call(*install, "gagarin", ROOT / "charts/gagarin", *values)

    def call(self, *arguments: object) -> str:
        """What it prints."""
        command = (self.program, "--kubeconfig", self.kubeconfig, "--namespace", SYSTEM, *arguments)
        return run(*command)


@pytest.fixture(scope="session")
def helm(kubeconfig: Path) -> Helm:
    return Helm(Path(run("python3", ROOT / "hack/cluster", "binaries", "helm")) / "helm", kubeconfig)


@contextmanager
def once(name: str, folder: Path) -> Iterator[bool]:
    """Whether this process of the test run is the first one here; the others wait until that one is through.
    When it fails, the next one is the first again."""
    with (folder / name).open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield os.fstat(file.fileno()).st_size == 0  # its position is of before the lock was got
        file.write("done")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Path:
    """A folder that all processes of this test run have in common, and no other run."""
    folder = tmp_path_factory.getbasetemp().parent / f"run-{testrun_uid}"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def installation(helm: Helm, run_folder: Path) -> None:
    """The two charts, as a user installs them, and the operator rolled out."""
    with once("installation", run_folder) as is_first:
        if is_first:
            new = run_id()
            helm.install("podAnnotations.run=" + new, "gateway.podAnnotations.run=" + new)


def run_id() -> str:
    """A new value rolls operator and gateway, so that they run the image of this run and not one with the
    same tag."""
    return f"run-{secrets.token_hex(4)}"  # never all digits: Helm would take it for a number


@pytest.fixture(scope="session")
def client_pod(cluster: Cluster, installation: None, run_folder: Path) -> ClientPod:
    """The stub model server and the pod that requests come from, both new."""
    with once("pods", run_folder) as is_first:
        if is_first:
            make_pods(cluster)
    return ClientPod(cluster, SHARED, "client")


def make_pods(cluster: Cluster) -> None:
    """Both pods, until they are ready."""
    cluster.apply(resources.namespace(SHARED))
    stub = resources.python_pod(IMAGE, SHARED, "model-stub", "python3", "-m", "gagarin.stub", port=8080)
    client = resources.python_pod(IMAGE, SHARED, "client", "python3", "-c", AWAKE)
    for pod in (stub, client):
        replace_pod(cluster, pod)
    cluster.apply(resources.service(SHARED, "model-stub", 8080))
    for name in ("model-stub", "client"):
        eventually(f"pod {name} is ready", partial(cluster.get, "Pod", SHARED, name), is_ready)


def replace_pod(cluster: Cluster, pod: Object) -> None:
    """Deletes a pod that an earlier run left, then makes it."""
    name = pod["metadata"]["name"]
    cluster.delete("Pod", SHARED, name)
    eventually(f"the old pod {name} is gone", partial(cluster.get, "Pod", SHARED, name), lambda it: not it)
    cluster.apply(pod)


def condition(item: Object | None, kind: str) -> Object:
    """A condition of an object, or an empty one."""
    conditions = ((item or {}).get("status") or {}).get("conditions") or []
    return next((dict(one) for one in conditions if one["type"] == kind), {})


def is_ready(item: Object | None) -> bool:
    """Whether Ready is True for the generation that is there."""
    if not item or condition(item, "Ready").get("status") != "True":
        return False
    generation = item["metadata"].get("generation", 0)
    return bool(item["status"].get("observedGeneration", generation) == generation)


@contextmanager
def temporary_namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace with a key, a provider and callers `caller` (who may chat with `bot`) and `stranger`.

    As all namespaces here it enforces the `restricted` Pod Security Standard. It goes in the background.
    """
    name = f"e2e-{secrets.token_hex(4)}"
    cluster.apply(
        resources.namespace(name),
        resources.secret(name),
        resources.provider(name),
        resources.service_account(name, "caller"),
        resources.service_account(name, "stranger"),
        *resources.grant(name, "caller"),
    )
    try:
        yield name
    finally:
        cluster.delete("Namespace", "", name)


def run_bot(cluster: Cluster, namespace: str) -> None:
    """The Instance `bot` of the Agent `agent`, until it is Ready."""
    cluster.apply(resources.agent(namespace), resources.instance(namespace))
    eventually("Instance bot is Ready", lambda: cluster.get("Instance", namespace, "bot"), is_ready)


@pytest.fixture
def namespace(cluster: Cluster, client_pod: ClientPod) -> Iterator[str]:
    """A namespace of its own for one test."""
    with temporary_namespace(cluster) as name:
        yield name


@pytest.fixture
def bot(cluster: Cluster, namespace: str) -> str:
    """A running Instance for one test to change as it likes; its namespace."""
    run_bot(cluster, namespace)
    return namespace


@pytest.fixture(scope="session")
def standing_bot(cluster: Cluster, client_pod: ClientPod) -> Iterator[str]:
    """A running Instance that no test changes; its namespace."""
    with temporary_namespace(cluster) as name:
        run_bot(cluster, name)
        yield name


CallerOf = Callable[..., Caller]


@pytest.fixture
def caller_of(cluster: Cluster, client_pod: ClientPod) -> CallerOf:
    """Makes callers: `caller_of(namespace, account="caller", instance="bot")` has a fresh token."""

    def make(namespace: str, account: str = "caller", instance: str = "bot") -> Caller:
        token = cluster.token(namespace, account, f"{instance}.{namespace}.svc")
        return Caller(client_pod, namespace, instance, token)

    return make
