"""Headers become a caller, or a 401, 403 or 503, and one audit line."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from multidict import CIMultiDict

from gagarin.server.auth.access import Access
from gagarin.server.auth.authority import Verb
from gagarin.server.auth.gate import Gate
from gagarin.server.auth.identity import Caller, Identity, Owner
from gagarin.server.auth.keys import KeyRing
from gagarin.server.auth.tokens import Verifier
from gagarin.server.metrics import Metrics
from gagarin.serving.errors import Problem
from gagarin.serving.logs import Log
from tests.unit.server.auth.oracle import Oracle, account, quiet
from tests.unit.server.issuer import AUDIENCE, ISSUER


class Rig:
    """A gate of Instance helper that lets `caller` in and `gateway` speak for others."""

    def __init__(self) -> None:
        self.oracle = Oracle()
        self.oracle.allowed = {
            (account("caller").user, "create"),
            (account("gateway").user, "impersonate"),
            ("jane", "create"),
        }
        self.sink = io.BytesIO()
        self.log = Log("info", self.sink)
        self.metrics = Metrics()
        verifier = Verifier(KeyRing(self.oracle, quiet()), ISSUER, (AUDIENCE,))
        access = Access(self.oracle, quiet(), 300.0)
        self.gate = Gate(verifier, access, "team-a/helper", (AUDIENCE,), self.log, self.metrics)

    async def admit(self, name: str, *headers: tuple[str, str], verb: Verb = "create") -> Caller:
        bearer = ("Authorization", f"Bearer {self.oracle.issuer.token(name)}")
        return await self.gate.admit(CIMultiDict([bearer, *headers]), verb)

    async def refusal(self, name: str, *headers: tuple[str, str], verb: Verb = "create") -> Problem:
        with pytest.raises(Problem) as caught:
            await self.admit(name, *headers, verb=verb)
        return caught.value

    def audit(self) -> dict[str, Any]:
        self.log.flush()
        line: dict[str, Any] = msgspec.json.decode(self.sink.getvalue().splitlines()[-1])
        return line


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_somebody_with_a_role_is_let_in(rig: Rig) -> None:
    caller = await rig.admit("caller")
    assert caller.identity == account("caller")
    assert caller.owner == Owner(ISSUER, "system:serviceaccount:team-a:caller", "uid-of-caller", "")
    line = rig.audit()
    assert (line["log"], line["decision"], line["verb"], line["user"]) == (
        "audit",
        "allow",
        "create",
        "system:serviceaccount:team-a:caller",
    )
    assert b'gagarin_chat_auth_decisions_total{decision="allow"} 1.0' in rig.metrics.text()


async def test_the_scheme_is_known_in_any_case(rig: Rig) -> None:
    headers = CIMultiDict({"authorization": f"bEARER {rig.oracle.issuer.token('caller')}"})
    assert (await rig.gate.admit(headers, "create")).identity == account("caller")


@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer ", "Basic YTpi", "token"])
async def test_without_a_bearer_token_the_answer_is_401(rig: Rig, value: str | None) -> None:
    headers = CIMultiDict({} if value is None else {"Authorization": value})
    with pytest.raises(Problem) as caught:
        await rig.gate.admit(headers, "create")
    assert caught.value.status == 401
    assert caught.value.headers["WWW-Authenticate"] == 'Bearer realm="gagarin"'
    assert "user" not in rig.audit()


async def test_a_refused_token_is_a_401_that_says_why(rig: Rig) -> None:
    token = rig.oracle.issuer.token("caller", aud=["other"])
    with pytest.raises(Problem) as caught:
        await rig.gate.admit(CIMultiDict({"Authorization": f"Bearer {token}"}), "create")
    assert caught.value.status == 401
    assert 'error="invalid_token"' in caught.value.headers["WWW-Authenticate"]
    assert AUDIENCE in caught.value.detail
    rig.log.flush()
    assert token not in rig.sink.getvalue().decode()


async def test_somebody_without_a_role_is_a_403(rig: Rig) -> None:
    problem = await rig.refusal("caller", verb="delete")
    assert problem.status == 403
    assert "may not delete instances/chat of Instance team-a/helper" in problem.detail
    assert rig.audit()["decision"] == "forbidden"
    assert rig.audit()["user"] == "system:serviceaccount:team-a:caller"


async def test_while_nobody_can_be_asked_nobody_is_let_in(rig: Rig) -> None:
    await rig.admit("caller")
    rig.oracle.down = True
    problem = await rig.refusal("other")
    assert (problem.status, problem.headers) == (503, {"Retry-After": "2"})


async def test_the_gateway_may_speak_for_somebody_who_may(rig: Rig) -> None:
    said = (("Impersonate-User", "jane"), ("impersonate-group", "staff"), ("Impersonate-Group", "all"))
    caller = await rig.admit("gateway", *said, ("Impersonate-Uid", "u1"))
    assert caller.identity == Identity(ISSUER, "jane", "u1", ("staff", "all"))
    assert rig.oracle.reviews[-1] == (caller.identity, "create")
    assert rig.audit()["via"] == "system:serviceaccount:team-a:gateway"


async def test_the_gateway_s_right_does_not_let_in_somebody_who_may_not(rig: Rig) -> None:
    assert (await rig.refusal("gateway", ("Impersonate-User", "joe"))).status == 403


@pytest.mark.parametrize("header", ["Impersonate-User", "impersonate-uid", "Impersonate-Extra-Scopes"])
async def test_nobody_else_may_speak_for_others(rig: Rig, header: str) -> None:
    problem = await rig.refusal("caller", (header, "jane"))
    assert problem.status == 403
    assert "may not impersonate" in problem.detail


@pytest.mark.parametrize(
    "headers",
    [
        [("Impersonate-Group", "staff")],
        [("Impersonate-User", "")],
        [("Impersonate-User", "a\x00b")],
        [("Impersonate-User", "x" * 1025)],
        [("Impersonate-User", "jane"), ("Impersonate-Group", "\udcff")],
        [("Impersonate-User", "jane"), ("Impersonate-Uid", "\udcff")],
        [("Impersonate-User", "jane"), *[("Impersonate-Group", "g")] * 257],
    ],
)
async def test_who_is_spoken_for_has_to_be_said_right(rig: Rig, headers: list[tuple[str, str]]) -> None:
    assert (await rig.refusal("gateway", *headers)).status == 400


async def test_an_end_user_is_part_of_the_owner(rig: Rig) -> None:
    caller = await rig.admit("caller", ("Gagarin-End-User", "customer 7"))
    assert caller.owner.end_user == "customer 7"


@pytest.mark.parametrize("value", ["x" * 257, "a\tb", "\udcff"])
async def test_an_end_user_has_to_be_short_and_printable(rig: Rig, value: str) -> None:
    problem = await rig.refusal("caller", ("Gagarin-End-User", value))
    assert (problem.status, problem.slug) == (400, "invalid-header")
