"""The operator as a process, measured from outside: /metrics, /proc, and nothing else."""

from __future__ import annotations

import http.client
import socket
import time
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bench.interpreter import Interpreter
from bench.population import IMAGE
from bench.processes import Process

PATIENCE = 300.0
WRITES = "gagarin_api_writes_total"
NOT_FOR_INSTANCES = ("Event", "Lease")


class OperatorProcess(Process):
    """`python -m gagarin.controller`; made when it is active."""

    def __init__(self, python: Interpreter, kubeconfig: Path, log: Path, *options: str) -> None:
        self._port = _free_port()
        command: list[str | Path] = [python.python, "-m", "gagarin.controller", "--kubeconfig", kubeconfig]
        command += ["--instance-image", IMAGE, "--lease-namespace", "default"]
        command += ["--host", "127.0.0.1", "--port", str(self._port), "--log-level", "warning", *options]
        super().__init__(command, log, python.environment)

    def _wait_until_ready(self) -> dict[str, Any]:
        while time.perf_counter() - self.started < PATIENCE and self._process.poll() is None:
            if self._get("/readyz") == "active":
                return {"port": self._port}
            time.sleep(0.02)
        raise self._failure("did not become active")

    def metrics(self) -> dict[str, float]:
        """All samples: counters and gauges summed over their labels, and writes by verb and kind."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(self._get("/metrics")):
            for sample in family.samples:
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
                if sample.name == WRITES:
                    found[f"{sample.labels['verb']} {sample.labels['kind']}"] = sample.value
        return found

    def writes(self) -> int:
        """How many requests so far wrote something other than Events and Leases."""
        metrics = self.metrics()
        others = sum(value for name, value in metrics.items() if name.endswith(NOT_FOR_INSTANCES))
        return int(metrics.get(WRITES, 0.0) - others)

    def _get(self, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except OSError:
            return ""
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
