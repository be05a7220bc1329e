"""Runs in the caller's pod: for each Instance named on standard input, ask it once and print the status."""

import http.client
import json
import sys
from pathlib import Path

for line in sys.stdin:
    name = line.strip()
    token = Path(f"/var/run/secrets/bench/{name}").read_text()
    connection = http.client.HTTPConnection(f"{name}.gagarin-bench.svc", timeout=30)
    connection.request("POST", "/chat", json.dumps({"input": "Hello"}), {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    print(answer.status, answer.read().decode(), flush=True)
