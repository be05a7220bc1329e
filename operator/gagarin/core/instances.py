"""What an Instance says itself, beside what its Agent says: history, limits, identity, certificate, pods."""

from __future__ import annotations

from gagarin.api.agent import AgentSpec
from gagarin.api.fields import seconds
from gagarin.api.instance import InstanceSpec
from gagarin.api.pod import Annotations
from gagarin.api.references import SecretKeyRef
from gagarin.core import config, names
from gagarin.core.objects import Key
from gagarin.core.walk import Place, Walk


def check_instance(walk: Walk, spec: InstanceSpec) -> None:
    """Report what this installation does not offer or allow, and what variables of the pods lack."""
    if spec.auth.verification == "TokenReview" and not walk.policy.token_review:
        place = Place(walk.root, "spec.auth.verification")
        walk.report(place, "NotAvailable", "chat servers may not make TokenReviews in this installation")
    _check_annotations(walk, "spec.pod.annotations", spec.pod.annotations)
    _check_annotations(walk, "spec.pod.serviceAccountAnnotations", spec.pod.service_account_annotations)
    _check_annotations(walk, "spec.service.annotations", spec.service.annotations)
    for variable in spec.pod.env:
        source = variable.value_from
        ref = (source.secret_key_ref or source.config_map_key_ref) if source else None
        if ref is not None:
            walk.variable(Place(walk.root, f"spec.pod.env[{variable.name}]"), ref)


def auth_of(instance: Key, spec: InstanceSpec) -> config.Auth:
    """Which tokens are taken."""
    audiences = [names.audience(instance.name, instance.namespace)]
    if spec.auth.audience_scope == "Namespace":
        audiences.append(names.audience("gagarin", instance.namespace))
    return config.Auth(
        audiences=tuple(audiences),
        verification=spec.auth.verification,
        stale_allow=seconds(spec.auth.stale_allow),
    )


def limits_of(agent: AgentSpec, spec: InstanceSpec) -> config.Limits:
    """The bounds of one chat, and of what one caller may use."""
    return config.Limits(
        max_tool_rounds=agent.limits.max_tool_rounds,
        max_history_messages=agent.limits.max_history_messages,
        max_input_chars=agent.limits.max_input_chars,
        request_timeout=seconds(agent.limits.request_timeout),
        max_concurrent_chats=spec.limits.max_concurrent_chats,
        requests_per_minute=spec.limits.requests_per_minute,
        tokens_per_day=spec.limits.tokens_per_day,
    )


def history_of(walk: Walk, spec: InstanceSpec) -> config.History:
    """Where conversations are kept, and for how long."""
    postgres = spec.history.postgres
    place = Place(walk.root, "spec.history.postgres")
    return config.History(
        type=spec.history.type,
        postgres_url_file=walk.secret(place, postgres.secret_key_ref) if postgres else None,
        keep_for=seconds(spec.history.keep_for) if spec.history.keep_for else None,
    )


def tls_of(walk: Walk, spec: InstanceSpec) -> config.ServerTls | None:
    """The certificate of the chat port, out of a Secret of type kubernetes.io/tls."""
    if spec.tls is None:
        return None
    place, name = Place(walk.root, "spec.tls.secretName"), spec.tls.secret_name
    return config.ServerTls(
        certificate_file=walk.certificate(place, SecretKeyRef(name=name, key="tls.crt")),
        key_file=walk.private_key(place, SecretKeyRef(name=name, key="tls.key")),
    )


def _check_annotations(walk: Walk, field: str, annotations: Annotations) -> None:
    forbidden = walk.policy.forbidden_annotations(annotations or ())
    if forbidden:
        message = f"the policy here does not allow {', '.join(forbidden)}"
        walk.report(Place(walk.root, field), "ForbiddenByPolicy", message)
