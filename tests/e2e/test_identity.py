"""Who may talk to an Instance, with tokens of the cluster's own issuer and forged ones."""

from __future__ import annotations

import base64
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.e2e.cluster import Cluster
from tests.e2e.conftest import CallerOf
from tests.e2e.signing import signing_key


@pytest.fixture(scope="module")
def issuer_key(kubeconfig: Path) -> RSAKey:
    return signing_key(kubeconfig)


def test_a_caller_without_the_role_is_refused(standing_bot: str, caller_of: CallerOf) -> None:
    answer = caller_of(standing_bot, account="stranger").chat("Hello")
    assert answer.status == 403
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_caller_without_a_token_is_refused(standing_bot: str, caller_of: CallerOf) -> None:
    answer = dataclasses.replace(caller_of(standing_bot), token=None).chat("Hello")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("audience", ["https://kubernetes.default.svc.cluster.local", "other.{}.svc"])
def test_a_token_for_another_audience_is_refused(
    cluster: Cluster, standing_bot: str, caller_of: CallerOf, audience: str
) -> None:
    token = cluster.token(standing_bot, "caller", audience.format(standing_bot))
    assert dataclasses.replace(caller_of(standing_bot), token=token).chat("Hello").status == 401


def test_a_token_signed_here_with_the_clusters_key_is_taken(
    standing_bot: str, caller_of: CallerOf, issuer_key: RSAKey
) -> None:
    token = caller_of(standing_bot).token
    assert token is not None
    forged = dataclasses.replace(caller_of(standing_bot), token=signed(token, issuer_key))
    assert forged.chat("Hello").status == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 60},
        {"nbf": int(time.time()) + 600},
        {"iss": "https://elsewhere.example"},
        {"aud": ["other"]},
        {"sub": "admin"},
    ],
    ids=["expired", "not valid yet", "other issuer", "other audience", "not a service account"],
)
def test_a_token_with_a_wrong_claim_is_refused(
    standing_bot: str, caller_of: CallerOf, issuer_key: RSAKey, claims: dict[str, Any]
) -> None:
    caller = caller_of(standing_bot)
    assert caller.token is not None
    wrong = dataclasses.replace(caller, token=signed(caller.token, issuer_key, **claims))
    assert wrong.chat("Hello").status == 401


def test_a_token_signed_by_another_key_is_refused(standing_bot: str, caller_of: CallerOf) -> None:
    caller = caller_of(standing_bot)
    assert caller.token is not None
    other = RSAKey.generate_key(2048)
    assert dataclasses.replace(caller, token=signed(caller.token, other)).chat("Hello").status == 401


def test_a_token_that_was_tampered_with_is_refused(standing_bot: str, caller_of: CallerOf) -> None:
    caller = caller_of(standing_bot)
    assert caller.token is not None
    header, payload, signature = caller.token.split(".")
    claims = part(payload) | {"sub": f"system:serviceaccount:{standing_bot}:somebody"}
    tampered = f"{header}.{encoded(claims)}.{signature}"
    assert dataclasses.replace(caller, token=tampered).chat("Hello").status == 401


def test_a_token_without_a_signature_is_refused(standing_bot: str, caller_of: CallerOf) -> None:
    caller = caller_of(standing_bot)
    assert caller.token is not None
    unsigned = f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{caller.token.split('.')[1]}."
    assert dataclasses.replace(caller, token=unsigned).chat("Hello").status == 401


def signed(token: str, key: RSAKey, **changed: Any) -> str:
    """The token's claims with some changed, signed with a key under the token's own key id."""
    header, payload, _ = token.split(".")
    return jwt.encode({"alg": "RS256", "kid": part(header)["kid"]}, part(payload) | changed, key)


def part(text: str) -> dict[str, Any]:
    value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert isinstance(value, dict)
    return value


def encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
