"""The way to an Instance through the cluster, with programs and servers that stand for it."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gagarin.cli import forwarding
from gagarin.cli.errors import CommandError
from gagarin.cli.reach import Direct, Renewed, Through, client_of
from gagarin.cli.tokens import Bearer, seconds_of
from gagarin.core.objects import Key
from gagarin.kube.endpoint import Endpoint
from tests.unit.cli.kubectl import Kubectl
from tests.unit.client.instance import Behaviour, Instance, saying

HELPER = Key("Instance", "team-a", "helper")
INSTANCE = {"metadata": {"name": "helper", "namespace": "team-a"}, "spec": {}}


def bearer(server: Instance) -> Bearer:
    return Bearer(Endpoint(server.url, token="mine"), HELPER, "caller")


def token(text: str, seconds: float = 3600) -> Behaviour:
    until = datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()
    return saying({"status": {"token": text, "expirationTimestamp": until}}, 201)


def refusal(status: int) -> Behaviour:
    return saying({"kind": "Status", "message": "so it is", "code": status}, status)


def test_an_instance_is_reached_through_the_cluster(served: Instance, kubectl: Kubectl) -> None:
    kubectl.says(f"Forwarding from 127.0.0.1:{served.port} -> 8080\n", "signal.pause()")
    served.behaviours = [saying(INSTANCE), token("t1"), saying({"answer": "Good day."})]
    with client_of(Through(forwarding.Kubectl(), bearer(served))) as client:
        assert client.chat("Hello").answer == "Good day."
    paths = [path for _, path, _, _ in served.requests]
    assert paths[1].endswith("/namespaces/team-a/serviceaccounts/caller/token")
    assert served.requests[1][3]["spec"] == {"audiences": ["helper.team-a.svc"], "expirationSeconds": 3600}
    assert served.headers("Authorization")[2] == "Bearer t1"


def test_one_with_tls_is_asked_for_by_its_own_name(
    served: Instance, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl.says(f"Forwarding from 127.0.0.1:{served.port} -> 8080\n", "signal.pause()")
    tls = INSTANCE | {"spec": {"tls": {"secretName": "own"}}}
    served.behaviours = [saying(tls), token("t1")]
    with client_of(Through(forwarding.Kubectl(), bearer(served))):
        pass
    assert ":443" in kubectl.called
    served.behaviours = [saying(tls), token("t1")]
    way = Through(forwarding.Kubectl(), bearer(served), tmp_path / "absent")
    with pytest.raises(CommandError, match="certificates to trust"), client_of(way):
        pass


def test_a_token_is_asked_for_again_before_it_expires(served: Instance) -> None:
    served.behaviours = [token("first", seconds=30), token("second"), token("third")]
    renewed = Renewed(bearer(served))
    assert [renewed(), renewed(), renewed()] == ["first", "second", "second"]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (404, "ServiceAccount team-a/caller does not exist: name another one with --as"),
        (403, "you may not make tokens of ServiceAccount team-a/caller"),
        (422, "gets no such token: so it is"),
        (500, "the cluster gives no token: so it is"),
    ],
)
def test_why_there_is_no_token_is_said(served: Instance, status: int, says: str) -> None:
    served.behaviours = [refusal(status)]
    with pytest.raises(CommandError, match=re.escape(says)):
        Renewed(bearer(served))()


@pytest.mark.parametrize(
    ("status", "says"), [(404, "Instance team-a/helper does not exist"), (403, "cannot be read: so it is")]
)
def test_an_instance_that_is_not_there_is_told(served: Instance, status: int, says: str) -> None:
    served.behaviours = [refusal(status)]
    with pytest.raises(CommandError, match=says), client_of(Through(forwarding.Kubectl(), bearer(served))):
        pass


def test_a_url_needs_nothing_of_a_cluster(served: Instance) -> None:
    served.behaviours = [saying({"answer": "Good day."})]
    with client_of(Direct(served.url, "t")) as client:
        assert client.chat("Hello").answer == "Good day."


def test_durations_are_written_as_kubectl_has_them() -> None:
    assert [seconds_of(each) for each in ("600s", "10m", "2h")] == [600, 600, 7200]


@pytest.mark.parametrize("wrong", ["", "1", "9m", "599s", "1d", "1h30m", "-1h", "١h", "9999999h"])
def test_what_is_no_duration_is_refused(wrong: str) -> None:
    with pytest.raises(CommandError, match="is no duration of at least 10m"):
        seconds_of(wrong)
