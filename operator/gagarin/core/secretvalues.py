"""The values of a Secret, as far as it has to be known whether they can be used.

Nothing here is ever written down: a message names the Secret and the key, never the value.
"""

from __future__ import annotations

import base64
import binascii

from gagarin.core.objects import Object


def encoded(secret: Object) -> dict[str, str]:
    """All values in base64, also those that a file has in the clear."""
    clear = {key: base64.b64encode(text.encode()).decode() for key, text in _part(secret, "stringData")}
    return dict(_part(secret, "data")) | clear


def value_of(secret: Object, key: str) -> bytes | None:
    """The value under a key that is there; None when it is not base64, which only files can have."""
    try:
        return base64.b64decode(encoded(secret)[key], validate=True)
    except (binascii.Error, ValueError):
        return None


def text_fault(value: bytes) -> str | None:
    """Why a value cannot be a key, a password or an address, None when it can. The chat server takes away
    white space around it."""
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        return "is not text"
    if not text:
        return "is empty"
    return None if text.isprintable() else "has characters that no key or password has"


def _part(secret: Object, name: str) -> list[tuple[str, str]]:
    return [(key, value) for key, value in (secret.get(name) or {}).items() if isinstance(value, str)]
