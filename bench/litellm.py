"""LiteLLM's proxy, the best-known gateway for models in Python, as it is installed from its own package.

It gets an environment of its own in the user's cache, from a lock file of its own: 120 packages that nothing
else here needs.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import yaml

from bench.interpreter import ROOT, environment_from
from bench.loadclient import Connection, get
from bench.processes import Process

LOCK = ROOT / "locks" / "litellm.txt"


def start(folder: Path, upstream: int, model: str, key: str) -> Process:
    """One worker, which sends `model` to the stub at the port `upstream` and takes `key` from its callers."""
    program = environment_from(LOCK).parent / "litellm"
    port = _free_port()
    file = folder / "litellm.yaml"
    file.write_text(yaml.safe_dump(_configuration(upstream, model, key)))
    command: list[str | Path] = [program, "--config", file, "--host", "127.0.0.1", "--port", str(port)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LITELLM_")}
    # No look at the latest prices, and no reports, over the network.
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_TELEMETRY": "False"}
    return Process(
        [*command, "--telemetry", "False"],
        folder / "litellm.log",
        {**inherited, **quiet},
        announcement=lambda _: {"port": port} if _is_alive(port) else None,
    )


def _is_alive(port: int) -> bool:
    try:
        with Connection(port) as connection:
            return connection.status(get("/health/liveliness")) == 200
    except OSError:
        return False


def _configuration(upstream: int, model: str, key: str) -> dict[str, Any]:
    target = {"model": f"openai/{model}", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": key}
    return {
        "model_list": [{"model_name": model, "litellm_params": target}],
        "general_settings": {"master_key": key},
        "litellm_settings": {"num_retries": 0, "request_timeout": 600},
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
