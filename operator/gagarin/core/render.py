"""From a resolved Instance to its children, the manifests that the operator applies. Pure and deterministic.

One revision names everything a pod is made from: it is a digest of the configuration and the pod template,
it is in the name of the immutable ConfigMap, on the pods, in the configuration and in the status. Values of
Secrets are not part of it: rotating a key rolls nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gagarin.core.objects import Object
from gagarin.core.resolve import Resolved


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """The operator's settings that reach the children. `image_pull_policy` None: Kubernetes decides."""

    image: str
    image_pull_policy: str | None = None


def render(resolved: Resolved, settings: RenderSettings) -> list[Object]:
    """The children in the order to apply: ServiceAccount, RoleBinding, ConfigMap, Deployment, Service."""
    raise NotImplementedError


def revision_of(children: Sequence[Object]) -> str:
    """The revision that rendered children carry, for `status_of`."""
    raise NotImplementedError
