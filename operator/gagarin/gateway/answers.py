"""How an answer is written: as JSON, for this caller only. What there is to tell about a body beside its
outcome (a field that has no counterpart, a resource that has to be made) goes into headers, so that answers
keep the original's shapes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from aiohttp import web

NOTE_HEADER = "Gagarin-Note"
MAX_NOTES, MAX_NOTE = 32, 256
_encode = msgspec.json.Encoder().encode


def document(content: object, notes: Sequence[str] = ()) -> web.Response:
    """The JSON answer."""
    response = web.Response(
        body=_encode(content), headers={"Content-Type": "application/json", "Cache-Control": "no-store"}
    )
    for note in notes[:MAX_NOTES]:
        response.headers.add(NOTE_HEADER, ascii(note)[1:-1][:MAX_NOTE])
    return response
