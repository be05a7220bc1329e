"""`python aiohttpproxy.py --upstream URL`: what a proxy costs that is made of aiohttp and does nothing else.

The chat server stands on aiohttp. What this proxy adds to a call, no chat server on aiohttp can do without:
the difference between the two is ours, and the one between this and Go's is the price of the stack. It knows
no identity, history or protocol. When it listens it prints {"port": N}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

import aiohttp
from aiohttp import web

PASSED_ON = ("Authorization", "Content-Type")


class Proxy:
    """Passes requests on to one server, and what comes from it back as it comes."""

    def __init__(self, session: aiohttp.ClientSession, upstream: str) -> None:
        self._session = session
        self._upstream = upstream

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        """The handler of every path."""
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        url = f"{self._upstream}{request.path}"
        async with self._session.post(url, data=await request.read(), headers=headers) as reply:
            if reply.content_length is not None:
                body = await reply.read()
                return web.Response(body=body, status=reply.status, content_type=reply.content_type)
            response = web.StreamResponse(status=reply.status)
            response.content_type = reply.content_type
            await response.prepare(request)
            while piece := await reply.content.readany():
                await response.write(piece)
            return response


async def serve(upstream: str) -> None:
    """Serve until the process is ended."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        application = web.Application()
        application.router.add_post("/{path:.*}", Proxy(session, upstream).pass_on)
        runner = web.AppRunner(application, access_log=None, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        sys.stdout.write(json.dumps({"port": runner.addresses[0][1]}) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream", required=True)
    asyncio.run(serve(parser.parse_args().upstream))
