"""People at the gateway: a pod with a projected token of the cluster's own issuer, and requests from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e import resources
from tests.e2e.caller import Answer, ClientPod
from tests.e2e.cluster import Object, eventually

GATEWAY = "gagarin-gateway.gagarin-system.svc"
TOKEN = "/run/person/token"
SOCKET = (Path(__file__).parent / "websocket.py").read_text(encoding="utf-8")


def pod(image: str, namespace: str, account: str, script: str) -> Object:
    """A pod that runs a Python script, with a token for the API server that the kubelet keeps fresh."""
    made = resources.python_pod(image, namespace, account, "python3", "-c", script)
    made["spec"]["serviceAccountName"] = account
    source = {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}}
    made["spec"]["volumes"] = [{"name": "token", "projected": {"sources": [source]}}]
    made["spec"]["containers"][0]["volumeMounts"] = [{"name": "token", "mountPath": "/run/person"}]
    return made


@dataclass(frozen=True)
class Person:
    """Somebody who speaks the original's REST API about one namespace."""

    pod: ClientPod
    namespace: str
    token: str

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request. Asks again while the Service has no endpoint yet."""
        url = f"http://{GATEWAY}/ns/{self.namespace}{path}"
        headers["Authorization"] = f"Bearer {self.token}"
        return eventually(
            "the gateway can be connected to",
            lambda: self.pod.request(method, url, body, headers),
            lambda answer: answer.status != 0,
        )

    def done(self, method: str, path: str, body: object = None) -> Any:
        """What a request that goes well is answered with."""
        answer = self.call(method, path, body)
        assert answer.status == 200, answer
        return json.loads(answer.text)

    def socket(self, instance: str, message: str) -> Any:
        """All that comes over the WebSocket until the answer has ended; or the status of the refusal."""
        url = f"ws://{GATEWAY}/ns/{self.namespace}/instances/{instance}/ws"
        return json.loads(self.pod.run(SOCKET, url, self.token, message))
