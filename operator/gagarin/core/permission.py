"""Who may refer to what in another namespace. A resource opens itself with `allowedNamespaces`.

The namespace that counts is the one where the pods run, whatever the path there: that is where the prompt,
the address and the key end up.
"""

from __future__ import annotations

from collections.abc import Mapping

from gagarin.api.fields import LabelSelector, SelectorRequirement
from gagarin.api.references import AllowedNamespaces
from gagarin.core.objects import Key, Objects


def labels_of_namespace(namespace: str, objects: Objects) -> dict[str, str]:
    """A namespace's labels; the one that every namespace has is there even when nothing else is known."""
    item = objects.get(Key("Namespace", "", namespace)) or {}
    known: dict[str, str] = item.get("metadata", {}).get("labels") or {}
    return {"kubernetes.io/metadata.name": namespace} | known


def is_open_to(allowed: AllowedNamespaces, labels: Mapping[str, str]) -> bool:
    """Whether a resource of another namespace may be used by a namespace with these labels."""
    if allowed.source == "Selector" and allowed.selector is not None:
        return selects(allowed.selector, labels)
    return allowed.source == "All"


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """A label selector as Kubernetes reads it: everything in it must hold."""
    exact = (selector.match_labels or {}).items() <= labels.items()
    return exact and all(_holds(requirement, labels) for requirement in selector.match_expressions)


def _holds(requirement: SelectorRequirement, labels: Mapping[str, str]) -> bool:
    present = requirement.key in labels
    if requirement.operator in ("Exists", "DoesNotExist"):
        return present == (requirement.operator == "Exists")
    if requirement.operator == "In":
        return present and labels[requirement.key] in requirement.values
    return not present or labels[requirement.key] not in requirement.values
