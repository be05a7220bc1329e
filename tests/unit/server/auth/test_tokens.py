"""Only a token of this cluster, for this audience, now, is taken."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server.auth import tokens
from gagarin.server.auth.identity import Identity
from gagarin.server.auth.keys import KeyRing
from gagarin.server.auth.tokens import Verifier, issuer_of
from gagarin.server.errors import AuthorityUnavailable, TokenRefused
from tests.unit.server.auth.oracle import Oracle, quiet
from tests.unit.server.clock import Clock
from tests.unit.server.issuer import AUDIENCE, ISSUER, Issuer, claims, new_key, tampered, unsigned

NOW = 1_800_000_000.0


class Rig:
    """A verifier, its issuer, and clocks."""

    def __init__(self, *algorithms: str) -> None:
        self.now = Clock(NOW)
        self.issuer = Issuer(*(new_key(f"key-{name}", name) for name in algorithms), now=self.now)
        self.oracle = Oracle(self.issuer)
        self.monotonic = Clock()
        self.ring = KeyRing(self.oracle, quiet(), monotonic=self.monotonic)
        self.verifier = Verifier(self.ring, ISSUER, (AUDIENCE, "gagarin.team-a.svc"), self.now)

    async def refusal(self, token: str) -> str:
        with pytest.raises(TokenRefused) as caught:
            await self.verifier.verify(token)
        return str(caught.value)


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "ES512"])
async def test_a_token_of_the_cluster_says_who_it_is_for(algorithm: str) -> None:
    rig = Rig(algorithm)
    verified = await rig.verifier.verify(rig.issuer.token("caller", exp=NOW + 60))
    assert verified.expires == NOW + 60
    assert verified.identity == Identity(
        ISSUER,
        "system:serviceaccount:team-a:caller",
        "uid-of-caller",
        ("system:serviceaccounts", "system:serviceaccounts:team-a", "system:authenticated"),
    )


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["other", "gagarin.team-a.svc"]])
async def test_one_of_the_audiences_is_enough(rig: Rig, audience: Any) -> None:
    assert await rig.verifier.verify(rig.issuer.token(aud=audience))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"aud": ["other.team-a.svc"]}, "its audience is not gagarin.team-a.svc or helper.team-a.svc"),
        ({"aud": []}, "its audience is not gagarin.team-a.svc or helper.team-a.svc"),
        ({"aud": None}, "it is not a ServiceAccount token"),
        ({"iss": "https://elsewhere"}, "its issuer is not this cluster"),
        ({"exp": NOW}, "it has expired"),
        ({"exp": None}, "it is not a ServiceAccount token"),
        ({"exp": "tomorrow"}, "it is not a ServiceAccount token"),
        ({"nbf": NOW + 60}, "it is not valid yet"),
        ({"sub": "system:serviceaccount:team-a:admin"}, "its subject is not its ServiceAccount"),
        ({"sub": None}, "it is not a ServiceAccount token"),
        ({"kubernetes.io": None}, "it is not a ServiceAccount token"),
        ({"kubernetes.io": {"namespace": "team-a"}}, "it is not a ServiceAccount token"),
    ],
)
async def test_a_signed_token_with_wrong_claims_is_refused(
    rig: Rig, changed: dict[str, Any], reason: str
) -> None:
    assert await rig.refusal(rig.issuer.token(**changed)) == reason


async def test_a_clock_that_is_a_little_behind_does_not_refuse_a_new_token(rig: Rig) -> None:
    assert await rig.verifier.verify(rig.issuer.token(nbf=NOW + tokens.CLOCK_SKEW))


async def test_a_changed_token_is_refused(rig: Rig) -> None:
    assert await rig.refusal(tampered(rig.issuer.token())) == "its signature is wrong"


async def test_a_token_of_an_unknown_key_is_refused(rig: Rig) -> None:
    token = rig.issuer.token(key=new_key("stranger", "ES256"))
    assert await rig.refusal(token) == "it is signed with a key that is not the cluster's"


async def test_a_key_of_the_same_name_is_not_the_same_key(rig: Rig) -> None:
    stranger = new_key("stranger").as_dict(private=True)
    key = type(new_key("stranger")).import_key({**stranger, "kid": "first"})
    assert await rig.refusal(rig.issuer.token(key=key)) == "its signature is wrong"


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "PS256", "ES256", "rs256"])
async def test_an_algorithm_that_is_not_the_key_s_is_refused(rig: Rig, algorithm: str) -> None:
    token = unsigned({"alg": algorithm, "kid": "first"}, claims(), b"signature")
    assert await rig.refusal(token) == "its algorithm is not the one of its key"


async def test_an_unsigned_token_is_refused(rig: Rig) -> None:
    token = unsigned({"alg": "none", "kid": "first"}, claims())
    assert await rig.refusal(token) == "its algorithm is not the one of its key"
    assert await rig.refusal(unsigned({"alg": "RS256", "kid": "first"}, claims())) == "its signature is wrong"


async def test_the_public_key_is_no_shared_secret(rig: Rig) -> None:
    assert await rig.refusal(rig.issuer.hmac_with_public_key()) == "its algorithm is not the one of its key"


async def test_extensions_of_the_header_are_refused(rig: Rig) -> None:
    token = unsigned({"alg": "RS256", "kid": "first", "crit": ["b64"]}, claims(), b"x")
    assert await rig.refusal(token) == "its header asks for extensions"


@pytest.mark.parametrize(
    "token", ["", "x", "a.b", "a.b.c.d", "a.b.c.d.e", "é.b.c", "a.b.c", "e30.e30.e30", "\udcff.b.c"]
)
async def test_what_is_no_token_is_refused(rig: Rig, token: str) -> None:
    assert await rig.refusal(token)


@given(st.text(max_size=60))
def test_no_text_does_anything_worse_than_being_refused(text: str) -> None:
    with pytest.raises(TokenRefused):
        asyncio.run(Rig().verifier.verify(text))


async def test_a_token_is_verified_once_and_remembered_until_it_expires(rig: Rig) -> None:
    token = rig.issuer.token(exp=NOW + 60)
    await rig.verifier.verify(token)
    keys = rig.ring._keys.copy()
    rig.ring._keys.clear()
    assert await rig.verifier.verify(token)
    rig.ring._keys.update(keys)
    rig.now.seconds = NOW + 60
    assert await rig.refusal(token) == "it has expired"


async def test_a_remembered_token_is_forgotten_when_its_key_is_withdrawn(rig: Rig) -> None:
    token = rig.issuer.token()
    await rig.verifier.verify(token)
    rig.oracle.issuer = Issuer(new_key("second", "ES256"))
    await rig.ring.refresh()
    assert await rig.refusal(token) == "it is signed with a key that is not the cluster's"


async def test_the_cache_does_not_grow_without_bound(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_CACHED", 2)
    for number in range(4):
        await rig.verifier.verify(rig.issuer.token(jti=str(number)))
    assert len(rig.verifier._cache) == 2


async def test_without_keys_nobody_is_judged(rig: Rig) -> None:
    rig.oracle.down = True
    with pytest.raises(AuthorityUnavailable):
        await rig.verifier.verify(rig.issuer.token())


def test_the_issuer_is_read_from_our_own_token(rig: Rig) -> None:
    assert issuer_of(rig.issuer.token(aud=["api"])) == ISSUER


@pytest.mark.parametrize("token", ["", "a.b.c", unsigned({}, {}), unsigned({}, {"iss": 1})])
def test_a_text_that_names_no_issuer_is_refused(token: str) -> None:
    with pytest.raises(TokenRefused):
        issuer_of(token)
