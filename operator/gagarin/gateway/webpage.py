"""The web page: its files, which are a part of this package, with the headers that keep them to themselves.

They are read once and served from memory; nothing of a request becomes a path. What they may do, the
Content-Security-Policy (CSP Level 3) says: scripts and styles of this origin only, none inline, no text that
becomes HTML (Trusted Types), no frame around it. They hold no data: that comes from the API, with the token
of whoever looks.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from aiohttp import web

ROOT = "/web/"
INDEX = "index.html"
DEFAULT_NAMESPACE = b"{default-namespace}"  # where the index has it
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",  # kept, and asked for again: a new release is seen at once
}


class File(NamedTuple):
    """A file as it is served."""

    content: bytes
    type: str
    tag: str


class WebPage:
    """All files of the page, by their path below `ROOT`."""

    def __init__(self, default_namespace: str) -> None:
        folder = resources.files("gagarin.gateway") / "webfiles"
        self._files = {
            path: _file(path, content.replace(DEFAULT_NAMESPACE, default_namespace.encode()))
            for path, content in _contents(folder, "")
        }

    def add_to(self, app: web.Application) -> None:
        """Serve them. `/web` leads to `/web/`, without which the page's own addresses would be wrong."""
        app.router.add_get(ROOT.rstrip("/"), self._lead)
        app.router.add_get(ROOT, self._serve)
        for path in self._files:
            app.router.add_get(ROOT + path, self._serve)

    def found(self) -> web.Response:
        """What leads from the root to the page, also below a prefix that a proxy takes away."""
        return web.Response(status=303, headers={"Location": ROOT.lstrip("/"), "Vary": "Accept"})

    async def _lead(self, _: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": ROOT.lstrip("/")})

    async def _serve(self, request: web.Request) -> web.Response:
        file = self._files[request.path.removeprefix(ROOT) or INDEX]
        headers = {**_HEADERS, "ETag": file.tag}
        if request.headers.get("If-None-Match") == file.tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=file.content, headers={**headers, "Content-Type": file.type})


def is_for_people(request: web.Request) -> bool:
    """Whether a browser asks for a page to show: programs, also those in pages, do not ask for HTML."""
    return "text/html" in request.headers.get("Accept", "")


def _contents(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for each in folder.iterdir():
        if each.is_dir():
            found += _contents(each, f"{prefix}{each.name}/")
        else:
            found.append((prefix + each.name, each.read_bytes()))
    return found


def _file(path: str, content: bytes) -> File:
    digest = hashlib.sha256(content).hexdigest()[:32]
    return File(content, _TYPES[path.rpartition(".")[2]], f'"{digest}"')
