"""The part of an API server that a chat server asks: its issuer's keys, and who may do what.

It listens on loopback in the benchmark's own process. The tokens are real RS256 ones; everybody with one may
chat. The chat server is asked to verify and to ask just as in a cluster, and it caches just as there.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

ISSUER = "https://kubernetes.default.svc.cluster.local"


class Authority:
    """Serves `url` while the block is open."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
        keys = json.dumps(KeySet([self._key]).as_dict(private=False)).encode()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(keys))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def token(self, namespace: str, service_account: str, audience: str) -> str:
        """A JWT as the API server issues for a ServiceAccount, good for an hour."""
        now = int(time.time())
        account = {"name": service_account, "uid": f"uid-{service_account}"}
        claims = {
            "iss": ISSUER,
            "sub": f"system:serviceaccount:{namespace}:{service_account}",
            "aud": [audience],
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": account},
        }
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key)

    def __enter__(self) -> Authority:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(keys: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200, keys)

        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(201, json.dumps({**review, "status": {"allowed": True}}).encode())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the base class
            pass

    return Handler
