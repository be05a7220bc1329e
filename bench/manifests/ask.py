"""Runs in the caller's pod: asks each Instance named on standard input until it answers, prints the status.

Ready is the pods' condition; the nodes' routes to a new Service follow some milliseconds later. Until then a
connection is refused, or lost for good, and so a new one is tried soon.
"""

import http.client
import json
import sys
import time
from pathlib import Path

PATIENCE = 30.0
CONNECT = 0.1
PAUSE = 0.01


def ask(name: str) -> http.client.HTTPResponse:
    token = Path(f"/var/run/secrets/bench/{name}").read_text()
    give_up = time.monotonic() + PATIENCE
    while True:
        connection = http.client.HTTPConnection(f"{name}.gagarin-bench.svc", timeout=CONNECT)
        try:
            connection.connect()
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(PAUSE)
            continue
        connection.sock.settimeout(PATIENCE)
        connection.request(
            "POST", "/chat", json.dumps({"input": "Hello"}), {"Authorization": f"Bearer {token}"}
        )
        return connection.getresponse()


for line in sys.stdin:
    answer = ask(line.strip())
    print(answer.status, answer.read().decode(), flush=True)
