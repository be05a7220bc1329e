"""The application: the routes, and around them what all of them share."""

from __future__ import annotations

import aiohttp
import msgspec
from aiohttp import web

from gagarin.gateway import answers, openapi
from gagarin.gateway.body import Bounds
from gagarin.gateway.callers import Callers
from gagarin.gateway.cors import Cors
from gagarin.gateway.credentials import Credentials
from gagarin.gateway.destinations import Destinations
from gagarin.gateway.metrics import Metrics
from gagarin.gateway.observe import Observer
from gagarin.gateway.openapi import Operation, Route
from gagarin.gateway.relay import Relay
from gagarin.gateway.routes import chat_routes, open_routes, resource_routes, yaml_routes
from gagarin.gateway.settings import Settings
from gagarin.gateway.sockets import Sockets
from gagarin.gateway.webpage import WebPage
from gagarin.kube.client import KubeClient
from gagarin.serving.logs import Log
from gagarin.serving.tracing import PASS_ON, Tracing


class Gateway:
    """All of it. `account_namespace` is where our ServiceAccount lives; `session` goes to the pods."""

    def __init__(
        self,
        settings: Settings,
        client: KubeClient,
        session: aiohttp.ClientSession,
        account_namespace: str,
        log: Log,
        metrics: Metrics,
        tracing: Tracing = PASS_ON,
    ) -> None:
        bounds = Bounds(settings.max_body, settings.body_timeout)
        callers = Callers(client, settings.default_namespace)
        credentials = Credentials(client, account_namespace, settings.service_account, log)
        destinations = Destinations(callers, credentials, settings.instance_url)
        relay = Relay(destinations, session, bounds, metrics, tracing)
        self._sockets = Sockets(destinations, session, settings.max_body, metrics, tracing)
        self._cors = Cors(settings.cors_origins)
        self._observer = Observer(log, metrics, tracing)
        self._page = WebPage(settings.default_namespace) if settings.web_page else None
        described = Operation("This description", {})
        self._routes = [
            *open_routes(self._page),
            Route("GET", "/openapi.json", self._describe, described, open=True),
            *resource_routes(callers, bounds),
            *yaml_routes(callers, bounds),
            *chat_routes(relay, self._sockets),
        ]
        self._document = openapi.document(self._routes)

    def application(self) -> web.Application:
        """The routes, in the order in which they are tried."""
        app = web.Application(middlewares=[self._observer.middleware, self._cors.middleware])
        for route in self._routes:
            for path in route.paths():
                app.router.add_route(route.method, path, route.handler)
        if self._page is not None:
            self._page.add_to(app)
        app.on_response_prepare.append(self._cors.sign)
        app.on_shutdown.append(self._closed)
        return app

    def description(self) -> openapi.Schema:
        """The OpenAPI document."""
        return self._document

    async def _describe(self, _: web.Request) -> web.Response:
        return answers.document(msgspec.Raw(msgspec.json.encode(self._document)))

    async def _closed(self, _: web.Application) -> None:
        await self._sockets.close()
