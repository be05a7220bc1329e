"""Tools of each type, made as the chat server makes them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import aiohttp

from gagarin.core import config
from gagarin.core.config import Auth, Config, ModelTarget
from gagarin.server.tools.configured import Workshop
from gagarin.server.tools.tool import Tool
from gagarin.serving.logs import Log
from tests.unit.server.providing import provider


def made(
    session: aiohttp.ClientSession, folder: Path, sink: io.BytesIO | None = None, **members: Any
) -> Tool:
    """The Tool team-a/tool with these members; secrets and tokens are in `folder`."""
    tool = config.Tool(name="tool", namespace="team-a", **members)
    settings = Config(
        schema_version=1,
        name="helper",
        namespace="team-a",
        revision="r1",
        prompt="",
        model=ModelTarget(provider=provider("http://unused"), model="small"),
        auth=Auth(audiences=("a",)),
        tools=(tool,),
    )
    log = Log("info", sink or io.BytesIO())
    (result,) = Workshop(session, folder, folder, folder, log).tools(settings)
    return result
