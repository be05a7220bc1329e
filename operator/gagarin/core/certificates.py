"""PEM certificates: which ones a text holds, and whether they really are certificates.

OpenSSL reads them, by way of the standard library: a text that only looks like a certificate would otherwise
be found out by the first chat. What stands around them (comments in any language, private keys) is left out,
because not every reader of PEM takes it. Source: RFC 7468.
"""

from __future__ import annotations

import re
import ssl
from functools import lru_cache

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]*?-----END CERTIFICATE-----", re.ASCII)


def certificates_of(text: str) -> str:
    """The certificates in a text, one after the other, and nothing else."""
    return "".join(f"{block}\n" for block in _blocks(text))


@lru_cache(maxsize=64)  # every Instance that uses a Provider asks about the same text
def fault_of(text: str) -> str | None:
    """Why a text is not one PEM certificate or several, as a sentence; None when it is."""
    blocks = _blocks(text)
    if not blocks:
        return "this is not a PEM certificate"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for number, block in enumerate(blocks, start=1):
        try:
            context.load_verify_locations(cadata=block)
        except ssl.SSLError:
            return f"certificate {number} of {len(blocks)} cannot be read"
    return None


def _blocks(text: str) -> list[str]:
    return [block.replace("\r", "") for block in _BLOCK.findall(text)]
