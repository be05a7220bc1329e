"""A server of the Model Context Protocol on standard input and output whose one function adds two numbers.

It runs in a tool's sidecar, as the user's program. It also tells what its surroundings are like, for the test
that a sidecar gets neither tokens nor keys.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

PARAMETERS = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}
ADD = {"name": "add", "description": "Adds two numbers.", "inputSchema": PARAMETERS}


def surroundings() -> str:
    secrets = [path for path in ("/var/run/secrets", "/run/secrets") if Path(path).exists()]
    return f"secrets={secrets} home={os.environ['HOME']} root={os.access('/', os.W_OK)}"


def result(method: str, params: dict[str, Any]) -> dict[str, Any]:
    match method:
        case "initialize":
            server = {"name": "adder", "version": "1"}
            return {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": server,
            }
        case "tools/list":
            return {"tools": [ADD]}
        case "tools/call":
            given = params["arguments"]
            text = f"the sum is {given['a'] + given['b']}; {surroundings()}"
            return {"content": [{"type": "text", "text": text}], "isError": False}
        case _:
            return {}


for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        answer = {
            "jsonrpc": "2.0",
            "id": asked["id"],
            "result": result(asked["method"], asked.get("params") or {}),
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
