"""What is kept: the configuration, the copies, the volume."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.core import config, names
from gagarin.core.objects import Key, Object
from gagarin.core.resolved import Copy, Resolved
from gagarin.core.storage import configuration, copies, volume_claim
from tests.unit.core import builders as a

SECRET = Copy(Key("Secret", "platform", "keys"), {"k": "eA=="})
TEXTS = Copy(Key("ConfigMap", "platform", "texts"), {"a.md": "A"}, {"b.pdf": "AA=="})


def instance(*copies: Copy, **spec: Any) -> Resolved:
    plain = a.resolved(a.instance(**spec), a.agent(), a.provider())
    return Resolved(plain.instance, plain.spec, plain.config, copies=copies)


def claim(**persistent: Any) -> Object:
    (found,) = volume_claim(instance(history={"type": "Persistent", "persistent": persistent}))
    return found


def test_the_authorities_of_the_installation_are_in_the_configuration() -> None:
    manifest = configuration(instance(), "0123456789", a.CERTIFICATE)
    assert manifest["immutable"] is True
    found = config.decode(manifest["data"][config.FILE_NAME])
    assert (found.extra_ca, found.revision) == (a.CERTIFICATE, "0123456789")
    without = configuration(instance(), "0123456789", "")
    assert config.decode(without["data"][config.FILE_NAME]).extra_ca is None


def test_copies_are_secrets_first_each_with_what_is_used() -> None:
    secret, texts = copies(instance(TEXTS, SECRET))
    assert (secret["kind"], secret["type"], secret["data"]) == ("Secret", "Opaque", {"k": "eA=="})
    assert (texts["kind"], texts["data"], texts["binaryData"]) == (
        "ConfigMap",
        {"a.md": "A"},
        {"b.pdf": "AA=="},
    )
    assert all(copy["metadata"]["name"].startswith("support.") for copy in (secret, texts))
    assert all("immutable" not in copy for copy in (secret, texts))


@pytest.mark.parametrize("history", [{"type": "None"}, {"type": "Ephemeral"}])
def test_without_a_persistent_history_there_is_no_volume(history: dict[str, Any]) -> None:
    assert volume_claim(instance(history=history)) == []


def test_a_volume_has_the_size_that_its_user_asks_for() -> None:
    spec = claim(size="5Gi", storageClassName="fast")["spec"]
    assert spec["resources"] == {"requests": {"storage": "5Gi"}}
    assert spec["storageClassName"] == "fast"
    assert "storageClassName" not in claim()["spec"]


def test_a_volume_outlives_its_instance_unless_it_is_to_go() -> None:
    kept, (default,) = claim(), volume_claim(instance(history={"type": "Persistent"}))
    assert kept == default
    assert "ownerReferences" not in kept["metadata"]
    assert kept["metadata"]["annotations"] == {names.RETAIN: "true"}
    gone = claim(retention="Delete")
    assert gone["metadata"]["ownerReferences"][0]["name"] == "support"
    assert "annotations" not in gone["metadata"]
