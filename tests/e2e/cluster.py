"""The cluster under test, through the official Kubernetes client: objects in, objects out, waiting, exec.

Nothing here knows Gagarin. Waiting is by polling a read until it holds, with the last value in the failure.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError

from scripts.manifests import program

Object = dict[str, Any]
T = TypeVar("T")
FIELD_MANAGER = "e2e"
POLL_SECONDS = 0.2


class Cluster:
    """A cluster, reached with the credentials in a kubeconfig file."""

    def __init__(self, kubeconfig: Path) -> None:
        self._api = _api_client(kubeconfig)
        self._dynamic = DynamicClient(self._api)  # type: ignore[no-untyped-call]  # has no types
        self._kubeconfig = kubeconfig
        self._core = client.CoreV1Api(self._api)

    def close(self) -> None:
        """Closes the connections."""
        self._api.rest_client.pool_manager.clear()  # which the client itself never does

    def apply(self, *objects: Object) -> None:
        """Server-side apply, as `kubectl apply --server-side --force-conflicts`."""
        for item in objects:
            metadata = item["metadata"]
            self._resource(item["apiVersion"], item["kind"]).server_side_apply(
                body=item,
                name=metadata["name"],
                namespace=metadata.get("namespace"),
                field_manager=FIELD_MANAGER,
                force_conflicts=True,
            )

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None. `kind` is `Kind` of a known group or `group/version/Kind`."""
        try:
            found = self._of(kind).get(name=name, namespace=namespace or None)
        except NotFoundError:
            return None
        return dict(found.to_dict())

    def list(self, kind: str, namespace: str, selector: str = "") -> list[Object]:
        """The objects of a kind in a namespace that match a label selector."""
        found = self._of(kind).get(namespace=namespace, label_selector=selector or None)
        return [{"kind": kind, **item} for item in found.to_dict()["items"]]

    def patch(self, kind: str, namespace: str, name: str, change: Object) -> None:
        """A JSON merge patch."""
        self._of(kind).patch(
            name=name, namespace=namespace, body=change, content_type="application/merge-patch+json"
        )

    def delete(self, kind: str, namespace: str, name: str, grace_seconds: int | None = None) -> None:
        """Deletes the object if it is there."""
        options = {} if grace_seconds is None else {"gracePeriodSeconds": grace_seconds}
        try:
            self._of(kind).delete(
                name=name,
                namespace=namespace or None,
                body={
                    "kind": "DeleteOptions",
                    "apiVersion": "v1",
                    "propagationPolicy": "Background",
                    **options,
                },
            )
        except NotFoundError:
            return

    def token(self, namespace: str, service_account: str, audience: str) -> str:
        """A token of the cluster's issuer, from the TokenRequest API."""
        spec = client.V1TokenRequestSpec(audiences=[audience], expiration_seconds=3600)
        review = self._core.create_namespaced_service_account_token(
            service_account, namespace, client.AuthenticationV1TokenRequest(spec=spec)
        )
        assert review.status is not None
        return str(review.status.token)

    def kubectl(self, namespace: str, *arguments: str) -> str:
        """What kubectl prints; safe to call from several threads."""
        here = ("--kubeconfig", str(self._kubeconfig), "--namespace", namespace)
        call = [program("kubectl"), *here, *arguments]
        done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_in(self, namespace: str, pod: str, *command: str) -> str:
        """What a command prints in a pod's first container; safe to call from several threads."""
        return self.kubectl(namespace, "exec", pod, "--", *command)

    def evict(self, namespace: str, pod: str) -> int:
        """Evicts a pod as `kubectl drain` does. Gives the status: 201, or 429 when a budget forbids it."""
        body = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod, namespace=namespace))
        try:
            self._core.create_namespaced_pod_eviction(pod, namespace, body)
        except ApiException as error:
            return int(error.status)
        return 201

    def logs(self, namespace: str, pod: str) -> str:
        """What the pod has printed so far."""
        return str(self._core.read_namespaced_pod_log(pod, namespace))

    def _of(self, kind: str) -> Any:
        group_version, _, name = kind.rpartition("/")
        return self._resource(group_version or GROUPS.get(name, "v1"), name)

    def _resource(self, api_version: str, kind: str) -> Any:
        return self._dynamic.resources.get(api_version=api_version, kind=kind)


def _api_client(kubeconfig: Path) -> client.ApiClient:
    made = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]  # has no types
    assert isinstance(made, client.ApiClient)
    return made


GAGARIN = "gagarin.fyodorov.ai/v1alpha1"
GROUPS = {
    **dict.fromkeys(("Provider", "Model", "Tool", "Agent", "Instance"), GAGARIN),
    **dict.fromkeys(("Deployment", "ReplicaSet"), "apps/v1"),
    **dict.fromkeys(("Role", "RoleBinding", "ClusterRole"), "rbac.authorization.k8s.io/v1"),
    "Job": "batch/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
}


def eventually(what: str, read: Callable[[], T], holds: Callable[[T], object], timeout: float = 120.0) -> T:
    """Reads until it holds. Fails with what was waited for and the last value read."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            value = read()
        except ApiException as error:  # a webhook or the API server itself may be restarting
            if error.status < 500:
                raise
        else:
            if holds(value):
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"after {timeout:.0f} s still not: {what}; last seen: {value}")
        time.sleep(POLL_SECONDS)
