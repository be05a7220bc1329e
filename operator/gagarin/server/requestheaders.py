"""What a request says of itself in headers, beside who is calling.

- `Idempotency-Key`: a repeat of the request gets the first one's answer
  (draft-ietf-httpapi-idempotency-key-header)
- `Gagarin-Depth`: how many agents have called each other on the way here; it stops a circle of them
"""

from __future__ import annotations

from hashlib import sha256

from aiohttp import web

from gagarin.server import problems
from gagarin.server.turns import Idempotency, Origin
from gagarin.serving.problems import invalid_header

IDEMPOTENCY_KEY = "Idempotency-Key"
DEPTH = "Gagarin-Depth"
MAX_KEY = 256
MAX_DEPTH = 5
_DEPTH_DIGITS = 4


def origin(request: web.Request) -> Origin:
    """Where the request comes from. Raises `Problem` 400, and 422 when too many agents called each other."""
    text = request.headers.get(DEPTH, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= _DEPTH_DIGITS):
        raise invalid_header(DEPTH, "it is not a small whole number")
    if (depth := int(text)) > MAX_DEPTH:
        raise problems.agent_depth(MAX_DEPTH)
    return Origin(depth)


def idempotency(request: web.Request, body: bytes) -> Idempotency | None:
    """What makes a repeat of the request the same, if its sender wants that. Raises `Problem` 400."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY or not (key.isascii() and key.isprintable()):
        raise invalid_header(IDEMPOTENCY_KEY, f"1 to {MAX_KEY} printable ASCII characters")
    return Idempotency(key, sha256(body).digest())
