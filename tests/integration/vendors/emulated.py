"""Servers that are as strict as each vendor's OpenAI-compatible API is said to be by its own pages.

One class serves them all: what tells them apart is a row of the table `HABITS`. Whatever a vendor would
refuse is refused with the status it would use, so that a request that passes here has the vendor's own path,
header and fields.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

KEY = "test-key"
USAGE = {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
OPENAI_FIELDS = frozenset(
    [
        "model",
        "messages",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "temperature",
        "top_p",
        "max_completion_tokens",
        "seed",
        "stop",
        "reasoning_effort",
        "response_format",
        "user",
    ]
)
COMMON_FIELDS = (OPENAI_FIELDS - {"max_completion_tokens"}) | {"max_tokens"}


@dataclass(frozen=True)
class Habits:
    """What one vendor wants and does.

    `key`: the header that carries the key; "" where none is looked at. `fields`: all that a request may have.
    `usage_unasked`: the last chunk has it without being asked. `comments`: the stream begins with one.
    `index`: whether parts of tool calls say which call they belong to. `tools_with_results`: results of tools
    are refused where no tools are named.
    """

    path: str
    key: str = "Authorization"
    fields: frozenset[str] = COMMON_FIELDS
    refused: int = 400
    usage_unasked: bool = False
    comments: bool = False
    index: bool = True
    embeddings: bool = True
    tools_with_results: bool = False


HABITS = {
    "OpenAI": Habits("/v1", fields=OPENAI_FIELDS),
    "Azure": Habits("/openai/v1", key="api-key", fields=OPENAI_FIELDS),
    "Anthropic": Habits(
        "/v1", fields=COMMON_FIELDS - {"response_format"}, embeddings=False, tools_with_results=True
    ),
    "Google": Habits("/v1beta/openai", index=False),
    "Mistral": Habits(
        "/v1",
        fields=(COMMON_FIELDS - {"seed", "stream_options", "reasoning_effort"}) | {"random_seed"},
        refused=422,
        usage_unasked=True,
    ),
    "Ollama": Habits("/v1", key=""),
    "OpenRouter": Habits("/api/v1", comments=True),
    "OpenAICompatible": Habits("/v1"),
}


@dataclass
class Emulated:
    """One vendor's server. It asks for the tool `weather` when it is offered one and has no result yet."""

    habits: Habits
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def application(self) -> web.Application:
        """The routes at the vendor's path."""
        app = web.Application()
        app.router.add_post(f"{self.habits.path}/chat/completions", self._chat)
        if self.habits.embeddings:
            app.router.add_post(f"{self.habits.path}/embeddings", self._embed)
        return app

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self._check_key(request)
        body = await request.json()
        self.bodies.append(body)
        unknown = body.keys() - self.habits.fields
        if unknown:
            raise _refusal(self.habits.refused, f"unknown_field_{min(unknown)}")
        has_results = any(message["role"] == "tool" for message in body["messages"])
        if has_results and self.habits.tools_with_results and not body.get("tools"):
            raise _refusal(400, "tools_missing")
        calls = bool(body.get("tools")) and not has_results and body.get("tool_choice") != "none"
        message = {"tool_calls": [CALL], "content": None} if calls else {"content": "It rains."}
        finish = "tool_calls" if calls else "stop"
        if body.get("stream"):
            return await self._stream(request, body, message, finish)
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        return web.json_response({"choices": [choice], "usage": USAGE})

    async def _stream(
        self, request: web.Request, body: dict[str, Any], message: dict[str, Any], finish: str
    ) -> web.StreamResponse:
        asked = (body.get("stream_options") or {}).get("include_usage")
        events = [{"delta": delta} for delta in self._deltas(message)] + [
            {"delta": {}, "finish_reason": finish}
        ]
        chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, **event}]} for event in events]
        if self.habits.usage_unasked:
            chunks[-1]["usage"] = USAGE
        elif asked:
            chunks.append({"choices": [], "usage": USAGE})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if self.habits.comments:
            await response.write(b": PROCESSING\n\n")
        for chunk in chunks:
            await response.write(b"data: " + msgspec.json.encode(chunk) + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response

    def _deltas(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        if "tool_calls" not in message:
            return [{"role": "assistant", "content": ""}, {"content": "It "}, {"content": "rains."}]
        if not self.habits.index:
            return [{"role": "assistant", "tool_calls": [CALL]}]
        name, arguments = CALL["function"]["name"], CALL["function"]["arguments"]  # type: ignore[index]  # a literal above
        begun = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        rest = [{"index": 0, "function": {"arguments": part}} for part in (arguments[:5], arguments[5:])]
        return [{"role": "assistant", "tool_calls": [part]} for part in (begun, *rest)]

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        self._check_key(request)
        body = await request.json()
        data = [{"index": index, "embedding": [0.5, 1.0]} for index in range(len(body["input"]))]
        return web.json_response({"data": data, "usage": USAGE})

    def _check_key(self, request: web.Request) -> None:
        wanted = f"Bearer {KEY}" if self.habits.key == "Authorization" else KEY
        sent = {name for name in ("Authorization", "api-key") if name in request.headers}
        if self.habits.key and (sent != {self.habits.key} or request.headers[self.habits.key] != wanted):
            raise _refusal(401, "invalid_api_key")


def _refusal(status: int, code: str) -> web.HTTPException:
    error = web.HTTPBadRequest(text=msgspec.json.encode({"error": {"code": code, "message": "no"}}).decode())
    error.set_status(status)
    return error


@asynccontextmanager
async def vendor(name: str) -> AsyncIterator[tuple[Emulated, str]]:
    """A vendor's server and its base URL, as it would stand in a Provider."""
    server = Emulated(HABITS[name])
    runner = web.AppRunner(server.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield server, f"http://127.0.0.1:{runner.addresses[0][1]}{server.habits.path}"
    finally:
        await runner.cleanup()
