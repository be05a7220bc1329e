"""Tokens that the API server itself verifies: what is asked, what is remembered, what is refused unasked."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from gagarin.kube.reviews import ReviewedUser, TokenDecision
from gagarin.server.auth import reviewer
from gagarin.server.auth.reviewer import REFUSED_SECONDS, TAKEN_SECONDS, Reviewer
from gagarin.server.errors import AuthorityUnavailable, TokenRefused
from gagarin.serving.logs import Log
from tests.unit.server.auth.oracle import Oracle, account, taken
from tests.unit.server.clock import Clock
from tests.unit.server.issuer import AUDIENCE, ISSUER

STALE = 300.0


class Rig:
    """A reviewer with clocks of the test; one of them is Unix time."""

    def __init__(self) -> None:
        self.oracle = Oracle()
        self.clock = Clock()
        self.sink = io.BytesIO()
        self.log = Log("info", self.sink)
        self.reviewer = Reviewer(
            self.oracle,
            self.log,
            ISSUER,
            (AUDIENCE,),
            STALE,
            lambda: "our own",
            monotonic=self.clock,
        )

    def token(self, **changed: Any) -> str:
        """A token that the API server takes."""
        token = self.oracle.issuer.token(**changed)
        self.oracle.tokens[token] = taken("caller", AUDIENCE)
        return token

    async def refusal(self, token: str) -> str:
        with pytest.raises(TokenRefused) as caught:
            await self.reviewer.verify(token)
        return str(caught.value)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_token_speaks_for_whom_the_api_server_says(rig: Rig) -> None:
    token = rig.token()
    verified = await rig.reviewer.verify(token)
    assert verified.identity == account("caller")
    assert verified.expires > 0
    await rig.reviewer.verify(token)
    assert rig.oracle.token_reviews == [token]


async def test_a_deleted_service_account_is_noticed_within_ten_seconds(rig: Rig) -> None:
    token = rig.token()
    await rig.reviewer.verify(token)
    rig.oracle.tokens.clear()
    rig.clock.seconds += TAKEN_SECONDS - 0.1
    await rig.reviewer.verify(token)
    rig.clock.seconds += 0.1
    assert await rig.refusal(token) == "the API server does not take it"


async def test_a_refusal_is_remembered_for_a_shorter_time(rig: Rig) -> None:
    token = rig.oracle.issuer.token()
    await rig.refusal(token)
    rig.oracle.tokens[token] = taken("caller", AUDIENCE)
    rig.clock.seconds += REFUSED_SECONDS - 0.1
    await rig.refusal(token)
    rig.clock.seconds += 0.1
    assert await rig.reviewer.verify(token)
    assert len(rig.oracle.token_reviews) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["other"]},
        {"iss": "https://elsewhere"},
        {"exp": 1},
        {"nbf": 4_000_000_000},
        {"sub": None},
    ],
)
async def test_what_cannot_be_right_costs_the_api_server_nothing(rig: Rig, changed: dict[str, Any]) -> None:
    await rig.refusal(rig.token(**changed))
    await rig.refusal("nonsense")
    await rig.refusal("a.b.c")
    assert not rig.oracle.token_reviews


@pytest.mark.parametrize(
    "decision",
    [
        TokenDecision(True, ReviewedUser("system:serviceaccount:team-a:caller")),
        TokenDecision(True, ReviewedUser("system:serviceaccount:team-a:caller"), ("other",)),
        TokenDecision(True, ReviewedUser("jane"), (AUDIENCE,)),
    ],
)
async def test_a_token_that_is_not_meant_for_us_is_refused(rig: Rig, decision: TokenDecision) -> None:
    token = rig.token()
    rig.oracle.tokens[token] = decision
    await rig.refusal(token)


async def test_while_the_api_server_is_down_only_a_token_that_it_took_counts_on(rig: Rig) -> None:
    known, refused = rig.token(), rig.oracle.issuer.token("other")
    await rig.reviewer.verify(known)
    await rig.refusal(refused)
    rig.oracle.down = True
    rig.clock.seconds += TAKEN_SECONDS + STALE - 0.1
    assert await rig.reviewer.verify(known)
    for token in (refused, rig.token(name="new")):
        with pytest.raises(AuthorityUnavailable):
            await rig.reviewer.verify(token)
    rig.clock.seconds += 0.1
    with pytest.raises(AuthorityUnavailable):
        await rig.reviewer.verify(known)


async def test_few_tokens_are_reviewed_at_a_time(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.reviewer._asking = asyncio.Semaphore(2)
    rig.oracle.gate = asyncio.Event()
    asking = [asyncio.create_task(rig.reviewer.verify(rig.token(jti=str(number)))) for number in range(5)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(rig.oracle.token_reviews) == 2
    rig.oracle.gate.set()
    await asyncio.gather(*asking)
    assert len(rig.oracle.token_reviews) == 5


async def test_it_is_ready_once_the_api_server_reviews_tokens(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewer, "RETRY_SECONDS", 0.0)
    rig.oracle.down = True
    await rig.reviewer.try_once()
    assert bool(rig.reviewer.ready) is False
    rig.log.flush()
    assert b"the API server reviews no tokens for us" in rig.sink.getvalue()
    rig.oracle.down = False
    fresh = asyncio.create_task(rig.reviewer.keep_fresh())
    while not rig.reviewer.ready:
        await asyncio.sleep(0)
    assert rig.oracle.token_reviews == ["our own", "our own"]
    assert not fresh.done()
    fresh.cancel()
