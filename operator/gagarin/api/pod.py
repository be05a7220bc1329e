"""What an Instance may say about its pods: the fields of a pod template that are the user's to choose.

They mean what they mean in a pod and are copied there as they are; what the product itself sets (labels it
selects by, the chat server's environment) cannot be overridden.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictInt
from pydantic.alias_generators import to_snake

from gagarin.api.fields import (
    LabelKey,
    LabelSelector,
    LabelValue,
    NamespaceName,
    ObjectName,
    Quantity,
)
from gagarin.api.references import ConfigMapKeyRef, SecretKeyRef
from gagarin.api.schema import Rule, Schema, at_most_one, exactly_one, keyed_by

RESERVED_PREFIXES = ("gagarin.fyodorov.ai/", "app.kubernetes.io/")
RESERVED_ENV = ("LD_", "PYTHON", "GAGARIN_", "KUBERNETES_")
Annotations = dict[str, Annotated[str, Field(max_length=8192)]] | None
PROXY_ENV = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


def _unreserved(field: str) -> Rule:
    """No key of the map in this camelCase field begins with a reserved prefix."""
    attribute = to_snake(field)
    clauses = " && ".join(f"!key.startsWith('{prefix}')" for prefix in RESERVED_PREFIXES)
    return Rule(
        cel=f"!has(self.{field}) || self.{field}.all(key, {clauses})",
        message=f"{field} must not begin with {' or '.join(RESERVED_PREFIXES)}",
        holds=lambda part: (
            not any(key.startswith(RESERVED_PREFIXES) for key in getattr(part, attribute) or ())
        ),
    )


class FieldRef(Schema):
    """A field of the pod itself."""

    field_path: Annotated[str, Field(min_length=1, max_length=256)]
    """Path of the field, such as metadata.name or status.podIP."""


class EnvValue(Schema):
    """Where the value of an environment variable comes from."""

    secret_key_ref: SecretKeyRef | None = None
    """A key of a Secret."""
    config_map_key_ref: ConfigMapKeyRef | None = None
    """A key of a ConfigMap."""
    field_ref: FieldRef | None = None
    """A field of the pod."""

    rules = (exactly_one("secretKeyRef", "configMapKeyRef", "fieldRef"),)


class EnvVar(Schema):
    """An environment variable."""

    name: Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    """Name of the variable."""
    value: Annotated[str, Field(max_length=8192)] | None = None
    """Its value."""
    value_from: EnvValue | None = None
    """Where its value comes from."""

    rules = (
        at_most_one("value", "valueFrom"),
        Rule(
            cel=" && ".join(f"!self.name.startsWith('{prefix}')" for prefix in RESERVED_ENV)
            + f" && !(self.name.upperAscii() in {list(PROXY_ENV)})",
            message="LD_*, PYTHON*, GAGARIN_*, KUBERNETES_* and the proxy variables are reserved",
            holds=lambda part: not part.name.startswith(RESERVED_ENV) and part.name.upper() not in PROXY_ENV,
        ),
    )


class Resources(Schema):
    """Compute resources of a container."""

    requests: dict[str, Quantity] | None = Field(default=None, max_length=16)
    """What is set aside for it."""
    limits: dict[str, Quantity] | None = Field(default=None, max_length=16)
    """What it may use at most."""


class Toleration(Schema):
    """A taint that the pods may be placed in spite of."""

    key: LabelKey | None = None
    """Key of the taint. Empty with operator Exists: every taint."""
    operator: Literal["Exists", "Equal"] | None = None
    """How the value is compared. Equal unless set."""
    value: LabelValue | None = None
    """Value of the taint, for Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint. Empty: every effect."""
    toleration_seconds: StrictInt | None = None
    """For how long a NoExecute taint is tolerated. Unset: for ever."""


class NodeRequirement(Schema):
    """A condition on a node's label or field."""

    key: LabelKey
    """The label or field."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How it is compared with the values."""
    values: tuple[LabelValue, ...] = Field(default=(), max_length=64)
    """The values; none for Exists and DoesNotExist, one number for Gt and Lt."""


class NodeTerm(Schema):
    """Conditions on a node that must all hold."""

    match_expressions: tuple[NodeRequirement, ...] = Field(default=(), max_length=16)
    """Conditions on the node's labels."""
    match_fields: tuple[NodeRequirement, ...] = Field(default=(), max_length=16)
    """Conditions on the node's fields."""


class NodeSelector(Schema):
    """Nodes that fit one of the terms."""

    node_selector_terms: tuple[NodeTerm, ...] = Field(min_length=1, max_length=16)
    """The terms, one of which must fit."""


class PreferredNode(Schema):
    """A term that nodes should fit."""

    weight: StrictInt = Field(ge=1, le=100)
    """How much it counts."""
    preference: NodeTerm
    """The term."""


class NodeAffinity(Schema):
    """Which nodes the pods go to."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """What nodes must fit."""
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredNode, ...] = Field(
        default=(), max_length=16
    )
    """What nodes should fit."""


class PodTerm(Schema):
    """Other pods, in the same place as which (or not) the pods go."""

    label_selector: LabelSelector | None = None
    """The other pods' labels."""
    topology_key: LabelKey
    """The node label whose values are the places."""
    namespaces: tuple[NamespaceName, ...] = Field(default=(), max_length=16)
    """The other pods' namespaces. Empty, and no namespaceSelector: this namespace."""
    namespace_selector: LabelSelector | None = None
    """Labels of the other pods' namespaces."""
    match_label_keys: tuple[LabelKey, ...] = Field(default=(), max_length=16)
    """Labels that the other pods must share with these."""
    mismatch_label_keys: tuple[LabelKey, ...] = Field(default=(), max_length=16)
    """Labels that the other pods must not share with these."""


class PreferredPods(Schema):
    """A term that should hold."""

    weight: StrictInt = Field(ge=1, le=100)
    """How much it counts."""
    pod_affinity_term: PodTerm
    """The term."""


class PodAffinity(Schema):
    """Which other pods these go beside, or keep away from."""

    required_during_scheduling_ignored_during_execution: tuple[PodTerm, ...] = Field(
        default=(), max_length=16
    )
    """What must hold."""
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredPods, ...] = Field(
        default=(), max_length=16
    )
    """What should hold."""


class Affinity(Schema):
    """Where the pods go."""

    node_affinity: NodeAffinity | None = None
    """Which nodes they go to."""
    pod_affinity: PodAffinity | None = None
    """Which pods they go beside."""
    pod_anti_affinity: PodAffinity | None = None
    """Which pods they keep away from."""


class TopologySpread(Schema):
    """How evenly the pods are spread."""

    max_skew: StrictInt = Field(ge=1, le=1000)
    """By how many pods two places may differ."""
    topology_key: LabelKey
    """The node label whose values are the places."""
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    """What happens when it cannot be kept."""
    label_selector: LabelSelector | None = None
    """The pods that count. Unset: the pods of this Instance."""
    match_label_keys: tuple[LabelKey, ...] = Field(default=(), max_length=16)
    """Labels that the pods that count must share with a new pod."""
    min_domains: StrictInt | None = Field(default=None, ge=1, le=1000)
    """The least number of places."""
    node_affinity_policy: Literal["Honor", "Ignore"] | None = None
    """Whether nodes that the pods may not go to count."""
    node_taints_policy: Literal["Honor", "Ignore"] | None = None
    """Whether nodes whose taints are not tolerated count."""


class PullSecret(Schema):
    """A Secret for pulling images."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})

    name: ObjectName
    """Name of the Secret, in the same namespace."""


class PodOptions(Schema):
    """What the pods are given beside what they need."""

    resources: Resources | None = None
    """Compute resources of the chat container. A resource that is mentioned in requests or limits has no
    default any more; otherwise requests are 50m CPU and 96Mi memory, limits 1 CPU and 512Mi memory."""
    env: tuple[EnvVar, ...] = Field(default=(), max_length=64, json_schema_extra=keyed_by("name"))
    """Further environment variables of the chat container."""
    node_selector: dict[str, LabelValue] | None = Field(
        default=None, max_length=32, json_schema_extra={"x-kubernetes-map-type": "atomic"}
    )
    """Labels of the nodes that the pods go to."""
    tolerations: tuple[Toleration, ...] = Field(default=(), max_length=32)
    """Taints that the pods may be placed in spite of."""
    affinity: Affinity | None = None
    """Where the pods go."""
    topology_spread_constraints: tuple[TopologySpread, ...] = Field(default=(), max_length=16)
    """How evenly the pods are spread."""
    labels: dict[str, LabelValue] | None = Field(default=None, max_length=32)
    """Further labels of the pods."""
    annotations: Annotations = Field(default=None, max_length=32)
    """Further annotations of the pods."""
    image_pull_secrets: tuple[PullSecret, ...] = Field(
        default=(), max_length=16, json_schema_extra=keyed_by("name")
    )
    """Secrets for pulling the chat server's image, beside those of the operator's settings."""
    priority_class_name: ObjectName | None = None
    """Priority of the pods."""
    runtime_class_name: ObjectName | None = None
    """How the containers are run."""
    service_account_name: ObjectName | None = None
    """A ServiceAccount of the namespace to run as, instead of one made for this Instance. It is given the
    right to ask who may chat, and nothing else."""
    service_account_annotations: Annotations = Field(default=None, max_length=32)
    """Annotations of the ServiceAccount that is made for this Instance, for the identity that a cloud gives
    its workloads. One named with serviceAccountName has its own."""

    rules = (
        _unreserved("labels"),
        _unreserved("annotations"),
        _unreserved("serviceAccountAnnotations"),
        at_most_one("serviceAccountName", "serviceAccountAnnotations"),
    )
