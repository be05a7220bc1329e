"""References to other objects, and who may refer to what.

References between our kinds have one shape, `{name, namespace?}`, in fields called xxxRef. A Secret or a
ConfigMap is always one of the referring object's own namespace.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from gagarin.api.fields import DataKey, LabelSelector, NamespaceName, ObjectName, ResourceName
from gagarin.api.schema import Rule, Schema, exactly_one


class Ref(Schema):
    """A reference to another resource of this API group."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})

    name: ResourceName
    """Name of the resource."""
    namespace: NamespaceName | None = None
    """Namespace of the resource, when it is another one than that of the referring object. The resource must
    open itself to it with `allowedNamespaces`."""


class SecretKeyRef(Schema):
    """One key of a Secret in the same namespace."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})

    name: ObjectName
    """Name of the Secret."""
    key: DataKey
    """Key in the Secret's data."""


class ConfigMapKeyRef(Schema):
    """One key of a ConfigMap in the same namespace."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})

    name: ObjectName
    """Name of the ConfigMap."""
    key: DataKey
    """Key in the ConfigMap's data."""


class SecretValue(Schema):
    """A value that is only ever kept in a Secret."""

    secret_key_ref: SecretKeyRef
    """The Secret and the key that hold the value."""


class ConfigMapValue(Schema):
    """A value kept in a ConfigMap."""

    config_map_key_ref: ConfigMapKeyRef
    """The ConfigMap and the key that hold the value."""


class CaBundle(Schema):
    """Where the PEM certificates of the authorities to trust are kept."""

    config_map_key_ref: ConfigMapKeyRef | None = None
    """The ConfigMap and the key that hold them."""
    secret_key_ref: SecretKeyRef | None = None
    """The Secret and the key that hold them."""

    rules = (exactly_one("configMapKeyRef", "secretKeyRef"),)


class Tls(Schema):
    """How a server is verified."""

    ca_bundle: CaBundle
    """Authorities to trust for this server instead of the system's own. PEM, one or more certificates."""


class AllowedNamespaces(Schema):
    """The namespaces whose Instances may use this resource, directly or by way of other resources."""

    source: Literal["Same", "All", "Selector"] = Field(default="Same", alias="from")
    """Same: only its own namespace. All: every namespace. Selector: namespaces with certain labels."""
    selector: LabelSelector | None = None
    """Labels of the namespaces that may use it, when `from` is Selector."""
    credentials: Literal["None", "Copy"] = "None"
    """Whether what this resource keeps in Secrets may be used elsewhere. None: a resource that has
    credentials can only be used in its own namespace. Copy: the operator copies the keys it names into the
    namespaces of the Instances that use it, and whoever can read Secrets there can then read them."""

    rules = (
        Rule(
            cel="has(self.selector) == (self.from == 'Selector')",
            message="selector must be set when from is Selector, and only then",
            holds=lambda part: (part.selector is not None) == (part.source == "Selector"),
        ),
    )
