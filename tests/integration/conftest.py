"""One real control plane for all integration tests of a session, with the CRDs in it on request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gagarin.api.crd import crds as generated_crds
from tests.integration.controlplane import ControlPlane


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver; call `start_controllers` on it for kube-controller-manager."""
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def crds(control_plane: ControlPlane) -> ControlPlane:
    """The control plane, with our CRDs established."""
    collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for crd in generated_crds():
        answer = control_plane.apply(crd, collection)
        assert answer.status in (200, 201), answer.message
        control_plane.until(f"{collection}/{crd['metadata']['name']}", _is_established)
    return control_plane


def _is_established(crd: dict[str, Any]) -> bool:
    conditions = {each["type"]: each["status"] for each in crd.get("status", {}).get("conditions") or ()}
    return conditions.get("Established") == "True" and "NonStructuralSchema" not in conditions
