"""A token issuer with real keys, such as the cluster has, and every way to make a token wrong."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable
from typing import Any

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

ISSUER = "https://kubernetes.default.svc.cluster.local"
AUDIENCE = "helper.team-a.svc"
Key = RSAKey | ECKey
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_rsa: dict[str, RSAKey] = {}


def new_key(kid: str, algorithm: str = "RS256") -> Key:
    """A private key. RSA keys are slow to make, so that one with the same id is made once."""
    if algorithm != "RS256":
        return ECKey.generate_key(_CURVES[algorithm], {"kid": kid, "use": "sig", "alg": algorithm})
    if kid not in _rsa:
        _rsa[kid] = RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})
    return _rsa[kid]


class Issuer:
    """Signs tokens; `keys` are what it publishes, `now` is its clock."""

    def __init__(self, *keys: Key, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.keys = list(keys) or [new_key("first")]

    def jwks(self) -> bytes:
        """The public keys."""
        return msgspec.json.encode({"keys": [key.as_dict(private=False) for key in self.keys]})

    def token(self, name: str = "caller", *, key: Key | None = None, **changed: Any) -> str:
        """A token of ServiceAccount `name`; `changed` replaces claims, None removes one."""
        key = key or self.keys[0]
        header = {"alg": str(key.as_dict()["alg"]), "kid": str(key.as_dict()["kid"])}
        return jws.serialize_compact(
            header, msgspec.json.encode(claims(name, int(self.now()), **changed)), key, [header["alg"]]
        )

    def hmac_with_public_key(self) -> str:
        """The classic attack: HS256, with the public key's text as the shared secret."""
        key = self.keys[0]
        signed = unsigned({"alg": "HS256", "kid": str(key.as_dict()["kid"])}, claims("caller")).rstrip(".")
        signature = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
        return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def claims(name: str = "caller", now: int | None = None, **changed: Any) -> dict[str, Any]:
    """What the API server puts into the token of a ServiceAccount, made `now` (Unix time)."""
    now = int(time.time()) if now is None else now
    account = {"name": name, "uid": f"uid-of-{name}"}
    members: dict[str, Any] = {
        "iss": ISSUER,
        "aud": [AUDIENCE],
        "sub": f"system:serviceaccount:team-a:{name}",
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "jti": "0d1f0a4e",
        "kubernetes.io": {"namespace": "team-a", "serviceaccount": account},
        **changed,
    }
    return {key: value for key, value in members.items() if value is not None}


def claims_of(token: str) -> dict[str, Any]:
    """What a token says."""
    return dict(msgspec.json.decode(base64.urlsafe_b64decode(token.split(".")[1] + "==")))


def unsigned(header: dict[str, Any], payload: dict[str, Any], signature: bytes = b"") -> str:
    """A compact token with any header and signature."""
    parts = (msgspec.json.encode(header), msgspec.json.encode(payload), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def tampered(token: str) -> str:
    """The same token and signature, with another subject."""
    header, payload, signature = token.split(".")
    changed = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=="))
    changed["sub"] = "system:serviceaccount:team-a:admin"
    body = base64.urlsafe_b64encode(msgspec.json.encode(changed)).rstrip(b"=").decode()
    return f"{header}.{body}.{signature}"
