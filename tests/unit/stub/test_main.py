"""The process as others start it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

Running = tuple[subprocess.Popen[str], int]
COMMAND = [sys.executable, "-m", "gagarin.stub", "--host", "127.0.0.1"]


@pytest.fixture(params=["5"])
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    """A server; the parameter is its --drain-seconds."""
    command = [*COMMAND, "--port", "0", "--drain-seconds", request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready: dict[str, Any] = json.loads(process.stdout.readline())
        assert ready["event"] == "ready"
        yield process, ready["port"]
        process.kill()


def test_a_ready_server_says_its_port_and_is_healthy(running: Running) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{running[1]}/healthz", timeout=10) as response:
        assert json.load(response) == {"status": "ok"}


def test_sigterm_lets_a_running_answer_finish(running: Running) -> None:
    process, port = running
    with asking(port, "[stub content=done headers_delay=0.3]") as connection:
        process.send_signal(signal.SIGTERM)
        assert b'"content":"done"' in connection.makefile("rb").read()
    assert process.wait(60) == 0


@pytest.mark.parametrize("running", ["0"], indirect=True)
def test_an_answer_that_hangs_does_not_keep_the_process_alive(running: Running) -> None:
    process, port = running
    with asking(port, "[stub fault=hang]") as connection:
        process.send_signal(signal.SIGTERM)
        assert connection.makefile("rb").read() == b""
    assert process.wait(60) == 0


def asking(port: int, content: str) -> socket.socket:
    """A connection on which a chat was asked for and has arrived."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(head + body)
    wait_for_request(port)
    return connection


def wait_for_request(port: int) -> None:
    total = 0
    while not total:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/requests", timeout=10) as response:
            total = json.load(response)["total"]


def test_a_wrong_script_stops_the_start_with_line_and_field(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("rules:\n  - reply: {tokens: -1}\n")
    done = subprocess.run(
        [*COMMAND, "--script", str(file)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"gagarin.stub: {file}:2: rules[0].reply.tokens: Expected `int` >= 0\n"


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
