"""The key set: whole, fresh, and not fetched more often than it should be."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from gagarin.server.auth import keys
from gagarin.server.auth.keys import KeyRing, UnknownKey
from gagarin.server.errors import AuthorityUnavailable
from tests.unit.server.auth.oracle import Oracle, quiet
from tests.unit.server.clock import Clock
from tests.unit.server.issuer import Issuer, new_key


def jwk(algorithm: str = "RS256", **changed: Any) -> dict[str, Any]:
    members = {**new_key("k", algorithm).as_dict(private=False), **changed}
    return {key: value for key, value in members.items() if value is not None}


def parsed(*members: dict[str, Any]) -> dict[str, str]:
    found = keys.parse(msgspec.json.encode({"keys": members}))
    return {kid: key.algorithm for kid, key in found.items()}


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "ES512"])
def test_a_key_is_bound_to_its_algorithm(algorithm: str) -> None:
    assert parsed(jwk(algorithm)) == {"k": algorithm}
    assert parsed(jwk(algorithm, alg=None, use=None)) == {"k": algorithm}


@pytest.mark.parametrize(
    "member",
    [
        jwk(alg="RS512"),
        jwk(alg="HS256"),
        jwk(use="enc"),
        jwk(kid=None),
        jwk(kid=""),
        jwk(n="!!"),
        jwk(n=None),
        jwk("ES256", crv="P-384"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k"},
        {"kid": "k"},
    ],
    ids=lambda member: str(sorted(member.items()))[:40],
)
def test_a_key_that_no_token_may_use_is_left_out(member: dict[str, Any]) -> None:
    assert parsed(member, jwk("ES256", kid="good")) == {"good": "ES256"}


@pytest.mark.parametrize("document", [b"", b"[]", b'{"keys": 1}', b'{"keys": [1]}', b'{"keys": ["\xff"]}'])
def test_what_is_no_key_set_is_no_answer(document: bytes) -> None:
    with pytest.raises(AuthorityUnavailable):
        keys.parse(document)


async def test_a_known_key_is_found_without_asking() -> None:
    oracle = Oracle()
    ring = KeyRing(oracle, quiet())
    await ring.refresh()
    assert (await ring.find("first")).algorithm == "RS256"
    assert oracle.key_fetches == 1


class Rig:
    """A key ring whose time passes while it sleeps."""

    def __init__(self) -> None:
        self.oracle, self.clock = Oracle(), Clock()
        self.ring = KeyRing(self.oracle, quiet(), monotonic=self.clock, sleep=self._sleep)
        self.pauses: list[float] = []

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.seconds += seconds
        await asyncio.sleep(0)

    async def is_unknown(self, kid: str) -> bool:
        try:
            await self.ring.find(kid)
        except UnknownKey:
            return True
        return False


async def test_many_unknown_keys_share_one_refresh_and_few_of_them_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig()
    monkeypatch.setattr(keys, "MAX_WAITING", 10)
    assert await rig.is_unknown("first-of-many")
    found = await asyncio.gather(*(rig.is_unknown(f"kid-{number}") for number in range(100)))
    assert found == [True] * 100
    assert (rig.oracle.key_fetches, len(rig.ring._missing)) == (2, 10)
    assert rig.pauses == [keys.UNKNOWN_KEY_SECONDS]


async def test_a_key_that_the_last_refresh_did_not_have_is_refused_at_once() -> None:
    rig = Rig()
    assert await rig.is_unknown("stranger")
    assert await rig.is_unknown("stranger")
    assert (rig.oracle.key_fetches, rig.pauses) == (1, [])
    rig.clock.seconds += keys.UNKNOWN_KEY_SECONDS
    assert await rig.is_unknown("stranger")
    assert rig.oracle.key_fetches == 2


async def test_the_first_token_of_a_new_key_is_late_and_not_refused() -> None:
    rig = Rig()
    assert await rig.is_unknown("stranger")
    rig.oracle.issuer = Issuer(new_key("first"), new_key("second", "ES256"))
    assert (await rig.ring.find("second")).algorithm == "ES256"
    assert rig.pauses == [keys.UNKNOWN_KEY_SECONDS]
    assert rig.oracle.key_fetches == 2


async def test_rotated_keys_are_found_and_withdrawn_ones_are_not() -> None:
    rig = Rig()
    changes: list[int] = []
    rig.ring.on_change(lambda: changes.append(rig.oracle.key_fetches))
    await rig.ring.refresh()
    rig.oracle.issuer = Issuer(new_key("second", "ES256"))
    assert (await rig.ring.find("second")).algorithm == "ES256"
    assert await rig.is_unknown("first")
    await rig.ring.refresh()
    assert changes == [1, 2]


async def test_while_the_api_server_is_unreachable_the_old_keys_stay_and_others_are_not_judged() -> None:
    rig = Rig()
    await rig.ring.refresh()
    rig.oracle.down = True
    assert await rig.ring.find("first")
    rig.clock.seconds += keys.UNKNOWN_KEY_SECONDS
    for _ in range(2):
        with pytest.raises(AuthorityUnavailable):
            await rig.ring.find("second")
    assert rig.oracle.key_fetches == 2
    rig.oracle.down = False
    rig.clock.seconds += keys.UNKNOWN_KEY_SECONDS
    rig.oracle.issuer = Issuer(new_key("second", "ES256"))
    assert await rig.ring.find("second")


async def test_keys_are_fetched_again_soon_after_a_failure_and_later_regularly() -> None:
    oracle = Oracle()
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        oracle.down = len(pauses) < 8
        if len(pauses) == 10:
            raise asyncio.CancelledError

    oracle.down = True
    ring = KeyRing(oracle, quiet(), sleep=sleep)
    await ring.try_refresh()
    with pytest.raises(asyncio.CancelledError):
        await ring.keep_fresh()
    assert pauses == [0.5, 1.0, 2.0, 5.0, 10.0, 10.0, 10.0, 10.0, 270.0, 270.0]
