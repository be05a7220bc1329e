"""A proxy in front of the API server: it counts what the operator does, and makes everything go wrong that
can go wrong on the way."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

HOP_BY_HOP = {"connection", "host", "transfer-encoding", "content-length", "content-encoding"}


@dataclass(frozen=True)
class Call:
    """One request and how it was answered; status 0: it was not, yet or ever."""

    method: str
    path: str
    query: str
    status: int
    content: str = ""  # a digest of the body

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    def __str__(self) -> str:
        """Verb, resource (with subresource) and name: `PATCH instances/status helper`."""
        parts = self.path.split("/namespaces/", 1)[-1].split("/")[1:]
        resource, name, *rest = [*parts, "", ""][: max(len(parts), 2)]
        return " ".join(part for part in (self.method, "/".join([resource, *rest]), name) if part)


@dataclass
class Fault:
    """What happens to calls of this method (None: all) whose path and query contain some words.

    They are answered `seconds` later: with `status`, or as the API server does when that is 0. `expired` lets
    a watch in and tells it at once that its version is too old. After so many `times`, all is well again.
    """

    method: str | None = None
    words: str = ""
    status: int = 0
    retry_after: int | None = None
    seconds: float = 0.0
    expired: bool = False
    times: int = 1_000_000
    met: int = 0

    def meets(self, request: web.Request) -> bool:
        """Does it happen to this call? If so, that is counted."""
        fits = self.method in (None, request.method) and self.words in str(request.rel_url)
        if not fits or self.met >= self.times or (self.expired and "watch=" not in request.query_string):
            return False
        self.met += 1
        return True


class Proxy:
    """Serves plain HTTP on loopback in a thread of its own."""

    def __init__(self, server: str, ca_file: Path) -> None:
        self.calls: list[Call] = []
        self.port = 0
        self._server = server
        self._ssl = ssl.create_default_context(cafile=str(ca_file))
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.Transport] = set()
        self._down = False
        self._faults: list[Fault] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._start())

    def cut(self) -> int:
        """Close every connection, as a restarted load balancer does. Returns how many there were."""
        count: int = self._do(self._cut())
        return count

    def go_down(self) -> None:
        """Refuse everything until `come_back`."""
        self._down = True
        self.cut()

    def come_back(self) -> None:
        self._down = False

    @contextmanager
    def having(self, *faults: Fault) -> Iterator[None]:
        """Let these faults happen meanwhile."""
        self._faults.extend(faults)
        try:
            yield
        finally:
            for fault in faults:
                self._faults.remove(fault)

    def stop(self) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def writes(self, namespace: str, since: int = 0) -> list[str]:
        """The writes in a namespace, without Leases and Events."""
        calls = [call for call in self.calls[since:] if call.is_write and f"/{namespace}/" in call.path]
        return [str(call) for call in calls if "/leases" not in call.path and "/events" not in call.path]

    def _do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _start(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._ssl)
        timeout = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._forward)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._cut()
        await self._runner.cleanup()
        await self._session.close()

    async def _cut(self) -> int:
        transports = list(self._open)
        for transport in transports:
            transport.abort()
        return len(transports)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        self._open.add(transport)
        try:
            if self._down:
                return web.Response(status=503, text="down")
            for fault in [fault for fault in self._faults if fault.meets(request)]:
                await asyncio.sleep(fault.seconds)
                if fault.status or fault.expired:
                    return self._refuse(request, fault)
            return await self._relay(request)
        finally:
            self._open.discard(transport)

    def _refuse(self, request: web.Request, fault: Fault) -> web.Response:
        code = 410 if fault.expired else fault.status
        said = {"kind": "Status", "status": "Failure", "code": code, "message": "a fault of the test"}
        event = {"type": "ERROR", "object": said | {"reason": "Expired"}}
        headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
        self.calls.append(Call(request.method, request.path, request.query_string, code))
        return web.Response(
            status=200 if fault.expired else code,
            text=json.dumps(event if fault.expired else said) + "\n",
            content_type="application/json",
            headers=headers,
        )

    async def _relay(self, request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        url = self._server + str(request.rel_url)
        body = await request.read()
        digest = hashlib.sha256(body).hexdigest()[:12]
        # Noted before it is sent: it is carried out even if the one who sent it dies meanwhile.
        number = len(self.calls)
        self.calls.append(Call(request.method, request.path, request.query_string, 0, digest))
        async with self._session.request(request.method, url, headers=headers, data=body or None) as answer:
            self.calls[number] = replace(self.calls[number], status=answer.status)
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            if retry := answer.headers.get("Retry-After"):
                response.headers["Retry-After"] = retry
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            return response
