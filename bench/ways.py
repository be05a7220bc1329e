"""Other chats than a plain one: through a tool, over a WebSocket, with a long past, kept in PostgreSQL.

Each is taken beside what it is compared with, in turns, as in `chat`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from statistics import median

from bench.chat import TEXT, Figures, alternate, chat_sample
from bench.loadclient import Connection, post
from bench.results import Measurement
from bench.rig import KEY, MODEL, NAMESPACE, PROMPT, Rig, Target
from bench.toolserver import ToolServer
from bench.websocketclient import Socket
from gagarin.core.config import History, HttpEndpoint, Limits, Tool, ToolFunction
from tests import postgres as database

ROUNDS, CHATS = 10, 100
MESSAGES = 1000  # of the long past
FUNCTION = "weather"
ARGUMENTS = {"city": "Oslo"}
CALL = {"name": FUNCTION, "arguments": ARGUMENTS}
TOOL_TEXT = f"{TEXT} [stub tool_calls='{json.dumps([CALL], separators=(',', ':'))}']"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def tools(rig: Rig) -> Iterator[Measurement]:
    """A chat in which the model calls a tool once, against the two model calls and the call of the tool."""
    with ToolServer() as served, ExitStack() as stack:
        endpoint = HttpEndpoint(url=served.url, functions=(ToolFunction(name=FUNCTION, parameters=SCHEMA),))
        tool = Tool(name=FUNCTION, namespace=NAMESPACE, type="HTTP", http=endpoint)
        server = stack.enter_context(rig.server(tools=(tool,)))
        connections = [
            stack.enter_context(Connection(port))
            for port in (rig.direct.process.port, served.port, server.process.port)
        ]
        direct, request = _direct_calls(connections[0], connections[1]), server.chat_request(TOOL_TEXT)
        rounds = alternate([direct, partial(connections[2].call, request)], ROUNDS, CHATS)
    yield Measurement(name="tools.direct.p50", value=_ms([each[0].p50 for each in rounds]), unit="ms")
    overhead = _ms([each[1].p50 - each[0].p50 for each in rounds])
    yield Measurement(name="tools.overhead.p50", value=overhead, unit="ms")


def _direct_calls(model: Connection, tool: Connection) -> Callable[[], float]:
    """Makes the three calls, as the chat server does; seconds of all."""
    call = {
        "id": "call00000",
        "type": "function",
        "function": {"name": FUNCTION, "arguments": json.dumps(ARGUMENTS)},
    }
    messages = [_message("system", PROMPT), _message("user", TOOL_TEXT)]
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call00000", "content": '{"temperature": 21}'}
    function = {"name": FUNCTION, "description": "", "parameters": SCHEMA}
    offered = {"model": MODEL, "tools": [{"type": "function", "function": function}]}
    first = post("/v1/chat/completions", {**offered, "messages": messages}, KEY)
    second = post("/v1/chat/completions", {**offered, "messages": [*messages, called, result]}, KEY)
    asked = post("/weather", ARGUMENTS, KEY)
    return lambda: model.call(first) + tool.call(asked) + model.call(second)


def websocket(rig: Rig) -> Iterator[Measurement]:
    """A message over an open WebSocket, against POST /chat in a conversation; both have a short past."""
    limits = Limits(request_timeout=600.0, max_history_messages=2)
    with rig.server(limits=limits) as server, ExitStack() as stack:
        socket = stack.enter_context(Socket(server.process.port, server.token))
        connection = stack.enter_context(Connection(server.process.port))
        request = server.chat_request(TEXT, conversation=_begun(connection, server))
        rounds = alternate([partial(connection.call, request), lambda: socket.ask(TEXT)], ROUNDS, CHATS)
    posted, told = (_ms([each[index].p50 for each in rounds]) for index in (0, 1))
    yield Measurement(name="websocket.p50", value=told, unit="ms", versus="POST /chat", reference=posted)


def history(rig: Rig) -> Iterator[Measurement]:
    """A chat in a conversation of a thousand messages, against a new one and against its model call alone."""
    limits = Limits(request_timeout=600.0, max_history_messages=MESSAGES)
    with rig.server(limits=limits) as server, ExitStack() as stack:
        connection = stack.enter_context(Connection(server.process.port))
        model = stack.enter_context(Connection(rig.direct.process.port))
        request = server.chat_request(TEXT, conversation=_begun(connection, server))
        for _ in range(MESSAGES // 2):
            connection.call(request)
        fresh = partial(chat_sample, server, connection)
        direct = partial(model.call, _long_request(connection, server))
        rounds = alternate([fresh, partial(connection.call, request), direct], ROUNDS, CHATS // 4)
    new, long = (_ms([each[index].p50 for each in rounds]) for index in (0, 1))
    yield Measurement(
        name="history.long.p50", value=long, unit="ms", versus="new conversation", reference=new
    )
    overhead = _ms([each[1].p50 - each[2].p50 for each in rounds])
    yield Measurement(name="history.long.overhead.p50", value=overhead, unit="ms")


def _long_request(connection: Connection, server: Target) -> bytes:
    """What the model is sent: as many messages, of the same texts."""
    answer = connection.document(server.chat_request(TEXT))["answer"]
    past = [_message("user", TEXT), _message("assistant", answer)] * (MESSAGES // 2)
    messages = [_message("system", PROMPT), *past, _message("user", TEXT)]
    return post("/v1/chat/completions", {"model": MODEL, "messages": messages}, KEY)


def postgres(rig: Rig) -> Iterator[Measurement]:
    """The chat server's overhead with PostgreSQL, against the one with SQLite."""
    name = "chat.postgres_overhead.p50"
    with ExitStack() as stack:
        try:
            url = stack.enter_context(database.server())
        except AssertionError as error:  # it is not installed
            yield Measurement(name=name, value=None, unit="ms", note=str(error))
            return
        rounds = _with_both(rig, url)
    sqlite, shared = (_ms([each[index].p50 - each[0].p50 for each in rounds]) for index in (1, 2))
    note = "its server on loopback, without fsync"
    yield Measurement(name=name, value=shared, unit="ms", versus="SQLite", reference=sqlite, note=note)


def _with_both(rig: Rig, url: str) -> list[list[Figures]]:
    """The figures of a direct call, of SQLite and of PostgreSQL."""
    file = f"{NAMESPACE}/postgres/url"
    kept = History(type="Postgres", postgres_url_file=file)
    with ExitStack() as stack:
        servers = [
            stack.enter_context(rig.server()),
            stack.enter_context(rig.server(secrets={file: url}, history=kept)),
        ]
        samples = [
            partial(chat_sample, target, stack.enter_context(Connection(target.process.port)))
            for target in (rig.direct, *servers)
        ]
        return alternate(samples, ROUNDS, CHATS)


def _begun(connection: Connection, server: Target) -> str:
    """A new conversation's id."""
    return str(connection.document(server.chat_request(TEXT))["conversation"])


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _ms(seconds: list[float]) -> float:
    return median(seconds) * 1000
