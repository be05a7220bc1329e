"""What an Instance says itself: identity, history, certificate, and what the installation allows."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.core import config
from gagarin.core.objects import Key, Object
from gagarin.core.policy import Policy
from tests.unit.core import builders as a

CERTIFICATE = a.secret("cert", **{"tls.crt": a.encoded(a.CERTIFICATE), "tls.key": "eA=="})


def found(*others: Object, policy: Policy = a.ANYTHING_GOES, **spec: Any) -> config.Config:
    return a.resolved(a.instance(**spec), a.agent(), a.provider(), *others, policy=policy).config


def told(*others: Object, policy: Policy = a.ANYTHING_GOES, **spec: Any) -> list[tuple[str, str]]:
    return a.told(a.look(a.instance(**spec), a.agent(), a.provider(), *others, policy=policy))


def test_token_reviews_need_the_installation() -> None:
    auth = {"verification": "TokenReview"}
    message = "spec.auth.verification: chat servers may not make TokenReviews in this installation"
    assert told(auth=auth) == [("NotAvailable", message)]
    assert found(auth=auth, policy=Policy(token_review=True)).auth.verification == "TokenReview"


def test_one_token_can_be_for_all_instances_of_a_namespace() -> None:
    assert found().auth.audiences == ("support.demo.svc",)
    assert found(auth={"audienceScope": "Namespace"}).auth.audiences == (
        "support.demo.svc",
        "gagarin.demo.svc",
    )


def test_a_database_is_the_name_of_a_file() -> None:
    history = {"type": "Postgres", "postgres": a.secret_ref("db", "url"), "keepFor": "720h"}
    assert found(a.secret("db", url="eA=="), history=history).history == config.History(
        type="Postgres", postgres_url_file="demo/db/url", keep_for=720 * 3600.0
    )


def test_a_certificate_is_two_files_and_is_mounted() -> None:
    item = a.instance(tls={"secretName": "cert"})
    resolution = a.look(item, a.agent(), a.provider(), CERTIFICATE)
    assert resolution.resolved is not None
    assert resolution.resolved.config.tls == config.ServerTls(
        certificate_file="demo/cert/tls.crt", key_file="demo/cert/tls.key"
    )
    assert resolution.mounted == {Key("Secret", "demo", "cert")}


def test_a_certificate_that_is_none_is_told() -> None:
    broken = a.secret("cert", **{"tls.crt": "eA==", "tls.key": "eA=="})
    assert told(broken, tls={"secretName": "cert"}) == [
        ("InvalidSpec", "spec.tls.secretName: this is not a PEM certificate")
    ]
    assert told(a.secret("cert"), tls={"secretName": "cert"}) == [
        ("SecretKeyNotFound", "spec.tls.secretName: Secret demo/cert has no key tls.crt"),
        ("SecretKeyNotFound", "spec.tls.secretName: Secret demo/cert has no key tls.key"),
    ]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"pod": {"annotations": {"x.org/a": ""}}}, "spec.pod.annotations"),
        ({"pod": {"serviceAccountAnnotations": {"x.org/a": ""}}}, "spec.pod.serviceAccountAnnotations"),
        ({"service": {"annotations": {"x.org/a": ""}}}, "spec.service.annotations"),
    ],
    ids=["pods", "account", "Service"],
)
def test_annotations_are_those_that_the_policy_allows(spec: dict[str, Any], field: str) -> None:
    assert told(policy=Policy(annotation_prefixes=("x.org/",)), **spec) == []
    assert told(policy=Policy(annotation_prefixes=("y.org/",)), **spec) == [
        ("ForbiddenByPolicy", f"{field}: the policy here does not allow x.org/a")
    ]


def test_variables_of_the_pods_are_looked_up_before_a_pod_fails() -> None:
    env = [
        {"name": "A", "valueFrom": a.secret_ref("gone")},
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "k"}}},
        {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "D", "value": "x"},
    ]
    assert told(pod={"env": env}) == [
        ("RefNotFound", "spec.pod.env[A]: Secret demo/gone does not exist"),
        ("RefNotFound", "spec.pod.env[B]: ConfigMap demo/gone does not exist"),
    ]


def test_a_secret_without_the_label_that_the_policy_asks_for_stops_its_users() -> None:
    policy = Policy(secret_label="example.com/agents=yes")
    unlabelled, labelled = a.secret("db", url="eA=="), a.secret("db", url="eA==")
    labelled["metadata"]["labels"] = {"example.com/agents": "yes"}
    history = {"type": "Postgres", "postgres": a.secret_ref("db", "url")}
    assert told(labelled, policy=policy, history=history) == []
    message = (
        "spec.history.postgres: Secret demo/db lacks the label example.com/agents=yes, "
        "which the policy here asks for"
    )
    assert told(unlabelled, policy=policy, history=history) == [("RefNotPermitted", message)]
    item = a.instance(history=history)
    assert a.look(item, a.agent(), a.provider(), unlabelled, policy=policy).withdrawn


@pytest.mark.parametrize(
    ("value", "fault"),
    [("!", "is not base64"), ("/w==", "is not text"), ("", "is empty")],
)
def test_a_value_that_cannot_be_used_is_told(value: str, fault: str) -> None:
    history = {"type": "Postgres", "postgres": a.secret_ref("db", "url")}
    assert told(a.secret("db", url=value), history=history) == [
        ("RefNotReady", f"spec.history.postgres: key url of Secret demo/db {fault}")
    ]
