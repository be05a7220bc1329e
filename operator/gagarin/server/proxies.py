"""The proxy that a request goes through, as the environment says: HTTP_PROXY, HTTPS_PROXY and NO_PROXY.

aiohttp can look there by itself (`trust_env`). It does so for each request, in two other threads of which one
reads a netrc file, and that was a quarter of what a chat costs. The environment of a process does not change,
so here it is looked at once for each host; and credentials are only those that we were given.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_of(url: object) -> str | None:
    """The proxy's URL, in which its own user and password may be, or None to connect directly. A URL that is
    none has no proxy: whoever connects says what is wrong with it."""
    try:
        parts = urlsplit(str(url))
        return _proxy(parts.scheme, parts.hostname or "")
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _proxy(scheme: str, host: str) -> str | None:
    return None if proxy_bypass(host) else getproxies().get(scheme)
