"""Secrets that are not among the files, stood in for."""

from __future__ import annotations

import base64

from gagarin.cli.standins import CERTIFICATE, with_stand_ins
from gagarin.core.certificates import fault_of
from gagarin.core.objects import Key, Object, ObjectMap


def provider(spec: Object) -> ObjectMap:
    return ObjectMap([{"kind": "Provider", "metadata": {"namespace": "n", "name": "p"}, "spec": spec}])


def ref(name: str, key: str) -> Object:
    return {"secretKeyRef": {"name": name, "key": key}}


def test_each_has_exactly_the_keys_that_are_asked_for() -> None:
    objects = provider({"apiKey": ref("s", "one"), "headers": [{"name": "X", "valueFrom": ref("s", "two")}]})
    completed, missing = with_stand_ins(objects)
    assert missing == {Key("Secret", "n", "s")}
    assert completed[Key("Secret", "n", "s")]["data"].keys() == {"one", "two"}
    assert Key("Secret", "n", "s") not in objects


def test_where_a_certificate_is_wanted_there_is_one() -> None:
    completed, _ = with_stand_ins(provider({"tls": {"caBundle": ref("ca", "pem"), "secretName": "tls"}}))
    bundle = completed[Key("Secret", "n", "ca")]["data"]["pem"]
    assert base64.b64decode(bundle).decode() == CERTIFICATE
    assert fault_of(CERTIFICATE) is None
    assert completed[Key("Secret", "n", "tls")]["data"].keys() == {"tls.crt", "tls.key"}


def test_they_have_the_label_that_the_policy_wants() -> None:
    objects = provider({"apiKey": ref("s", "one")})
    for label, wanted in (("a/b=c", {"a/b": "c"}), ("a/b", {"a/b": ""}), ("", {})):
        completed, _ = with_stand_ins(objects, label)
        assert completed[Key("Secret", "n", "s")]["metadata"]["labels"] == wanted


def test_a_secret_that_is_there_is_left_alone_and_so_is_one_that_was_not_asked_for() -> None:
    objects = provider({"apiKey": ref("s", "one"), "tls": {"caBundle": ref("t", "pem")}})
    secret = {"kind": "Secret", "metadata": {"namespace": "n", "name": "s"}, "data": {}}
    objects[Key("Secret", "n", "s")] = secret
    completed, missing = with_stand_ins(objects)
    assert missing == {Key("Secret", "n", "t")}
    assert completed[Key("Secret", "n", "s")] is secret
    assert with_stand_ins(objects, only=()) == (objects, frozenset())


def test_what_is_no_reference_is_left_alone() -> None:
    assert (
        with_stand_ins(provider({"a": [{"secretKeyRef": "x"}, {"secretKeyRef": {"name": 1}}]}))[1]
        == frozenset()
    )
