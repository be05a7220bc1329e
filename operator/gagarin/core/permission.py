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


def is_known(namespace: str, objects: Objects) -> bool:
    """Whether all labels of a namespace are known."""
    return objects.get(Key("Namespace", "", namespace)) is not None


def is_open_to(allowed: AllowedNamespaces, namespace: str, objects: Objects) -> bool:
    """Whether a resource of another namespace may be used by this one, as far as its labels are known."""
    if allowed.source == "Selector" and allowed.selector is not None:
        labels = labels_of_namespace(namespace, objects)
        return selects(allowed.selector, labels, complete=is_known(namespace, objects))
    return allowed.source == "All"


def selects(selector: LabelSelector, labels: Mapping[str, str], *, complete: bool = True) -> bool:
    """A label selector as Kubernetes reads it: everything in it must hold. Unless the labels are complete,
    nothing holds that asks for the absence of one."""
    exact = (selector.match_labels or {}).items() <= labels.items()
    return exact and all(_holds(each, labels, complete) for each in selector.match_expressions)


def _holds(requirement: SelectorRequirement, labels: Mapping[str, str], complete: bool) -> bool:
    key, operator = requirement.key, requirement.operator
    if key not in labels:
        return complete and operator in ("NotIn", "DoesNotExist")
    if operator in ("Exists", "DoesNotExist"):
        return operator == "Exists"
    return (labels[key] in requirement.values) == (operator == "In")
