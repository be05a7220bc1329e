"""Instance: an Agent that runs, as chat-server pods behind a Service of the Instance's name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from gagarin.api.agent import PROMPT_BYTES
from gagarin.api.fields import Duration, LabelSelector, ObjectName, Quantity
from gagarin.api.params import ModelChoice, ParamsPatch
from gagarin.api.pod import RESERVED_PREFIXES, Annotations, PodOptions
from gagarin.api.references import Ref, SecretKeyRef
from gagarin.api.schema import Rule, Schema, at_most_one, union

Cidr = Annotated[str, Field(max_length=64, pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$")]


class Overrides(Schema):
    """What this Instance does differently from its Agent."""

    model_ref: Ref | None = None
    """Another Model."""
    model: ModelChoice | None = None
    """Or another model named in place."""
    prompt: Annotated[str, Field(min_length=1, max_length=PROMPT_BYTES)] | None = None
    """Another system prompt, up to 262,144 bytes."""
    params: ParamsPatch | None = None
    """Parameters that replace those of the model one by one; null takes one away."""

    rules = (
        at_most_one("modelRef", "model"),
        Rule(
            cel=f"!has(self.prompt) || size(bytes(self.prompt)) <= {PROMPT_BYTES}",
            message=f"prompt must have at most {PROMPT_BYTES} bytes",
            holds=lambda part: part.prompt is None or len(part.prompt.encode()) <= PROMPT_BYTES,
        ),
    )


class PersistentHistory(Schema):
    """A PersistentVolumeClaim that keeps the conversations."""

    size: Quantity = "1Gi"
    """Size of the volume."""
    storage_class_name: ObjectName | None = None
    """Storage class of the volume. Unset: the cluster's default."""
    retention: Literal["Retain", "Delete"] = "Retain"
    """What happens to the volume when the Instance is deleted."""


class PostgresHistory(Schema):
    """A PostgreSQL database that keeps the conversations."""

    secret_key_ref: SecretKeyRef
    """The Secret and the key that hold the connection URL, with user and password."""


class History(Schema):
    """Where conversations are kept."""

    type: Literal["None", "Ephemeral", "Persistent", "Postgres"] = "Ephemeral"
    """None: nothing is kept, every chat stands alone. Ephemeral: SQLite in the pod; a rollout or a lost node
    loses the conversations. Persistent: SQLite on a volume. Postgres: a database that several replicas share.
    Ephemeral and Persistent allow one replica."""
    persistent: PersistentHistory | None = None
    """The volume, when type is Persistent."""
    postgres: PostgresHistory | None = None
    """The database, when type is Postgres."""
    keep_for: Annotated[str, Duration("1m", "87600h")] | None = None
    """How long after its last message a conversation is kept, such as 720h for 30 days. Unset: until it is
    deleted."""

    rules = (
        *union("type", {"Persistent": "persistent"}, optional=("persistent",)),
        *union("type", {"Postgres": "postgres"}),
        Rule(
            cel="!has(self.keepFor) || self.type != 'None'",
            message="keepFor may not be set when type is None: nothing is kept",
            holds=lambda part: part.keep_for is None or part.type != "None",
        ),
    )


class InstanceLimits(Schema):
    """Bounds of what the Instance takes on."""

    max_concurrent_chats: StrictInt = Field(default=100, ge=1, le=10_000)
    """How many chats one pod answers at the same time. More get 429."""
    requests_per_minute: StrictInt | None = Field(default=None, ge=1, le=1_000_000)
    """How many chats one caller may begin in a minute."""
    tokens_per_day: StrictInt | None = Field(default=None, ge=1, le=2**53)
    """How many tokens one caller may use in a day."""


class ServiceOptions(Schema):
    """The Service in front of the pods."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """How the Service is reached."""
    annotations: Annotations = Field(default=None, max_length=32)
    """Annotations of the Service, for example for a load balancer."""

    rules = (
        Rule(
            cel="!has(self.annotations) || self.annotations.all(key, "
            "!key.startsWith('gagarin.fyodorov.ai/') && !key.startsWith('app.kubernetes.io/'))",
            message="annotations must not begin with gagarin.fyodorov.ai/ or app.kubernetes.io/",
            holds=lambda part: not any(key.startswith(RESERVED_PREFIXES) for key in part.annotations or ()),
        ),
    )


class ServerTls(Schema):
    """A certificate for the chat port."""

    secret_name: ObjectName
    """Name of a Secret of type kubernetes.io/tls. A renewed certificate is used without a restart."""


class Metric(Schema):
    """What the number of replicas follows."""

    type: Literal["CPU", "Memory"] = "CPU"
    """The resource that is measured."""
    average_utilization: StrictInt = Field(default=70, ge=1, le=100)
    """The share of the requested resource that is aimed at, in percent, over all pods."""


class Autoscaling(Schema):
    """A HorizontalPodAutoscaler that sets this Instance's replicas."""

    min: StrictInt = Field(default=1, ge=1, le=1000)
    """The fewest replicas."""
    max: StrictInt = Field(ge=1, le=1000)
    """The most replicas."""
    metric: Metric = Metric()
    """What the number of replicas follows."""

    rules = (
        Rule(
            cel="self.min <= self.max",
            message="min must not be greater than max",
            holds=lambda part: part.min <= part.max,
        ),
    )


class IpBlock(Schema):
    """A range of addresses."""

    cidr: Cidr
    """The range, such as 10.0.0.0/8."""
    exclude: tuple[Cidr, ...] = Field(default=(), alias="except", max_length=32)
    """Ranges inside it that do not count."""


class Peer(Schema):
    """One side of a network connection: pods by their labels, or addresses."""

    namespace_selector: LabelSelector | None = None
    """Labels of the pods' namespaces. Unset: this namespace."""
    pod_selector: LabelSelector | None = None
    """Labels of the pods. Unset: every pod."""
    ip_block: IpBlock | None = None
    """Addresses, instead of pods."""

    rules = (
        Rule(
            cel="has(self.ipBlock) != (has(self.namespaceSelector) || has(self.podSelector))",
            message="either ipBlock, or namespaceSelector and podSelector, must be set",
            holds=lambda part: (
                (part.ip_block is not None)
                != (part.namespace_selector is not None or part.pod_selector is not None)
            ),
        ),
    )


class EgressPeer(Peer):
    """Something the pods may connect to."""

    ports: tuple[Annotated[StrictInt, Field(ge=1, le=65535)], ...] = Field(default=(), max_length=32)
    """TCP ports. Empty: all."""


class NetworkPolicyOptions(Schema):
    """Who may reach the pods, and what they may reach."""

    source: tuple[Peer, ...] = Field(default=(), alias="from", max_length=32)
    """Who may connect to the chat port. Empty: everybody. Who may chat, RBAC decides either way."""
    egress: Literal["Open", "Restricted"] = "Open"
    """Open: the pods may connect to anything. Restricted: to DNS, the API server and egressPeers. A policy
    cannot name the API server: unless the operator is told its addresses, TCP ports 443 and 6443 of
    everything stay open for it."""
    egress_peers: tuple[EgressPeer, ...] = Field(default=(), max_length=32)
    """What the pods may connect to, when egress is Restricted: the providers and tools they use."""

    rules = (
        Rule(
            cel="!has(self.egressPeers) || size(self.egressPeers) == 0 || self.egress == 'Restricted'",
            message="egressPeers may only be set when egress is Restricted",
            holds=lambda part: not part.egress_peers or part.egress == "Restricted",
        ),
    )


class AuthOptions(Schema):
    """How callers are told apart and let in. Who may chat is an ordinary Role with the verb `create` on
    `instances/chat`."""

    verification: Literal["JWKS", "TokenReview"] = "JWKS"
    """How tokens are verified. JWKS: with the cluster's published keys. TokenReview: by asking the API
    server, which also notices a deleted ServiceAccount at once."""
    audience_scope: Literal["Instance", "Namespace"] = "Instance"
    """Whose tokens are taken. Instance: tokens for the audience NAME.NAMESPACE.svc. Namespace: also tokens
    for gagarin.NAMESPACE.svc, so that a client needs one token for all Instances of the namespace."""
    stale_allow: Annotated[str, Duration("0s", "5m")] = "5m"
    """For how long a permission that was given still counts while the API server cannot be reached."""


class InstanceSpec(Schema):
    """An Agent that runs. Whoever may create an Instance can run pods in the namespace."""

    agent_ref: Ref
    """The Agent to run."""
    title: Annotated[str, Field(max_length=80)] = ""
    """Title shown to people."""
    replicas: StrictInt = Field(default=1, ge=0, le=1000)
    """Number of pods. This is what autoscalers set, by way of the scale subresource."""
    suspend: StrictBool = False
    """Run no pods for the time being, whatever replicas says."""
    overrides: Overrides | None = None
    """What this Instance does differently from its Agent."""
    history: History = Field(default=History(), json_schema_extra={"x-default": {"type": "Ephemeral"}})
    """Where conversations are kept."""
    limits: InstanceLimits = InstanceLimits()
    """Bounds of what the Instance takes on."""
    service: ServiceOptions = ServiceOptions()
    """The Service in front of the pods."""
    tls: ServerTls | None = None
    """A certificate for the chat port. Unset: plain HTTP."""
    autoscaling: Autoscaling | None = None
    """A HorizontalPodAutoscaler that sets replicas."""
    network_policy: NetworkPolicyOptions | None = None
    """Who may reach the pods, and what they may reach."""
    auth: AuthOptions = AuthOptions()
    """How callers are told apart and let in."""
    pod: PodOptions = PodOptions()
    """What the pods are given beside what they need."""

    rules = (
        Rule(
            cel="!(self.history.type in ['Ephemeral', 'Persistent']) || self.replicas <= 1",
            message="history of type Ephemeral or Persistent allows one replica: use None or Postgres",
            holds=lambda part: part.history.type not in ("Ephemeral", "Persistent") or part.replicas <= 1,
        ),
        Rule(
            cel="!(self.history.type in ['Ephemeral', 'Persistent']) || !has(self.autoscaling)",
            message="history of type Ephemeral or Persistent allows no autoscaling: use None or Postgres",
            holds=lambda part: (
                part.history.type not in ("Ephemeral", "Persistent") or part.autoscaling is None
            ),
        ),
    )
