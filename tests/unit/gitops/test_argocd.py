"""The health script for Argo CD, run by a Lua interpreter over every status that the golden tests know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lupa
import pytest
import yaml

from gagarin.api.kinds import GROUP, KINDS
from gagarin.core.reasons import REASON_BY_NAME, REASONS, Reason

ROOT = Path(__file__).resolve().parents[3]
PATCH = yaml.safe_load((ROOT / "manifests" / "gitops" / "argocd-cm.yaml").read_text())["data"]
HEALTH = {"Fine": "Healthy", "Stopped": "Healthy", "Moving": "Progressing", "Stalled": "Degraded"}
GOLDEN = [
    (f"{file.parts[-3]} {name}", status)
    for file in sorted((ROOT / "tests" / "golden").glob("*/output/status.yaml"))
    for document in yaml.safe_load_all(file.read_text())
    for name, status in document.items()
]


def health(status: Any, generation: int = 1, **metadata: Any) -> tuple[str, str]:
    """What Argo CD would show: its word and the message."""
    lua = lupa.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    item = {"metadata": {"generation": generation, **metadata}} | (
        {} if status is None else {"status": status}
    )
    lua.globals()["obj"] = lua.table_from(item, recursive=True)
    found = lua.execute(PATCH[f"resource.customizations.health.{GROUP}_Instance"])
    return found["status"], found["message"]


def expected(reason: Reason) -> str:
    """An autoscaler's zero is as it should be; `suspend` is what Argo CD has a word for."""
    return "Suspended" if reason.name == "Suspended" else HEALTH[reason.outlook]


def conditions(reason: Reason) -> list[dict[str, str]]:
    """The conditions that the operator writes for a reason of Ready."""
    ready = {"type": "Ready", "status": reason.status}
    beside = {"Moving": "Reconciling", "Stalled": "Stalled"}.get(reason.outlook)
    found = [ready] + ([{"type": beside, "status": "True"}] if beside else [])
    return [each | {"reason": reason.name, "message": "m"} for each in found]


def test_all_kinds_are_judged_by_the_same_script() -> None:
    assert PATCH.keys() == {f"resource.customizations.health.{GROUP}_{kind}" for kind in KINDS}
    assert len(set(PATCH.values())) == 1


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: f"{reason.condition} {reason.name}")
def test_every_reason_has_the_health_of_its_outlook(reason: Reason) -> None:
    status = {"observedGeneration": 1, "conditions": conditions(reason)}
    assert health(status) == (expected(reason), f"{reason.name}: m")


@pytest.mark.parametrize(("name", "status"), GOLDEN, ids=[name for name, _ in GOLDEN])
def test_every_golden_status_is_judged_by_its_reason(name: str, status: Any) -> None:
    ready = next(each for each in status["conditions"] if each["type"] == "Ready")
    judged, message = health(status | {"observedGeneration": 1})
    assert judged == expected(REASON_BY_NAME[ready["reason"]]), name
    assert message == f"{ready['reason']}: {ready['message']}"


@pytest.mark.parametrize(
    "status", [None, {"observedGeneration": -1}, {"observedGeneration": 1, "conditions": []}]
)
def test_what_nobody_has_looked_at_is_progressing(status: Any) -> None:
    assert health(status)[0] == "Progressing"


def test_an_older_generation_says_nothing_about_this_one() -> None:
    status = {"observedGeneration": 1, "conditions": conditions(REASON_BY_NAME["Ready"])}
    assert health(status, generation=2)[0] == "Progressing"


def test_what_is_being_deleted_is_progressing() -> None:
    status = {"observedGeneration": 1, "conditions": conditions(REASON_BY_NAME["Ready"])}
    assert health(status, deletionTimestamp="2030-01-01T00:00:00Z") == ("Progressing", "it is being deleted")
