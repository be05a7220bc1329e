"""How a WebSocket is asked for: the handshake, and a bearer token among its subprotocols, because a browser's
page cannot send headers with one.
"""

from __future__ import annotations

from aiohttp import hdrs, web

from gagarin.serving import problems

PROTOCOL = "gagarin.v1"
BEARER = "bearer."


def offered_token(request: web.Request) -> str | None:
    """The token that is offered beside our protocol. Raises `Problem` 400.

    Offers are looked at before anybody else does: others may write what they do not know into a log.
    """
    lines = request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, ())
    offers = [offer.strip() for line in lines for offer in line.split(",")]
    tokens = [offer.removeprefix(BEARER) for offer in offers if offer.startswith(BEARER)]
    if offers and (len(lines) > 1 or PROTOCOL not in offers or len(tokens) > 1):
        what = f"offer `{PROTOCOL}`, and with it at most one `{BEARER}TOKEN`"
        raise problems.invalid_header("Sec-WebSocket-Protocol", what)
    return tokens[0] if tokens else None


def check_handshake(socket: web.WebSocketResponse, request: web.Request) -> None:
    """Raises `Problem` 426 for what is no handshake. aiohttp has no word for a key that is not ASCII."""
    key = request.headers.get(hdrs.SEC_WEBSOCKET_KEY, "")
    if not (key.isascii() and socket.can_prepare(request)):
        raise problems.upgrade_needed()
