"""The five kinds: names that do not collide, and faults told with their path."""

from __future__ import annotations

import pytest

from gagarin.api.instance import InstanceSpec
from gagarin.api.kinds import KINDS, SpecError, parse
from tests.unit.api.examples import INSTANCE, item


def test_short_names_are_unique() -> None:
    assert len({kind.short_name for kind in KINDS.values()}) == len(KINDS)


def test_every_kind_shows_whether_it_is_ready_and_why_not() -> None:
    for kind in KINDS.values():
        assert [column.name for column in kind.columns][:2] == ["Ready", "Reason"]
        assert kind.columns[-1].name == "Age"


def test_defaults_are_those_of_the_api_server() -> None:
    spec = parse(item("Instance", INSTANCE))
    assert isinstance(spec, InstanceSpec)
    assert (spec.replicas, spec.suspend, spec.history.type, spec.auth.stale_allow) == (
        1,
        False,
        "Ephemeral",
        "5m",
    )


def test_a_fault_begins_with_the_path_of_its_field() -> None:
    bad = item(
        "Instance", INSTANCE | {"pod": {"env": [{"name": "A"}, {"name": "1"}]}, "replicas": -1}, name="1"
    )
    with pytest.raises(SpecError) as refusal:
        parse(bad)
    assert [fault.split(":")[0] for fault in refusal.value.faults] == [
        "metadata.name",
        "spec.replicas",
        "spec.pod.env[1].name",
    ]


def test_a_resource_without_a_spec_lacks_everything() -> None:
    with pytest.raises(SpecError, match="agentRef: field required"):
        parse({"kind": "Instance", "metadata": {"name": "a"}})
