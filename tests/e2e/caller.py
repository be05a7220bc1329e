"""Callers of Instances: requests made from a pod inside the cluster, with tokens of the cluster's issuer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster, eventually

SCRIPT = (Path(__file__).parent / "call.py").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. A connection that failed has the status 0 and the reason as text."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        value = json.loads(self.text)
        assert isinstance(value, dict), self.text
        return value

    @property
    def events(self) -> list[tuple[str, Any]]:
        """The Server-Sent Events of the body, as (event, decoded data)."""
        return [_event(block) for block in self.text.strip().split("\n\n")]


def _event(block: str) -> tuple[str, Any]:
    fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
    return fields["event"], json.loads(fields["data"])


@dataclass(frozen=True)
class ClientPod:
    """A pod that the requests come from."""

    cluster: Cluster
    namespace: str
    name: str

    def run(self, script: str, *arguments: str) -> str:
        """What a Python script prints in the pod."""
        return self.cluster.run_in(self.namespace, self.name, "python3", "-c", script, *arguments)

    def request(
        self,
        method: str,
        url: str,
        body: object = None,
        headers: dict[str, str] | None = None,
        ca: str | None = None,
    ) -> Answer:
        """Sends one request and returns whatever came back. With `ca`, PEM, nobody else is trusted."""
        asked = {"method": method, "url": url, "body": body, "headers": headers or {}, "ca": ca}
        answer = json.loads(self.run(SCRIPT, json.dumps(asked)))
        if "error" in answer:
            return Answer(0, {}, answer["error"])
        return Answer(answer["status"], answer["headers"], answer["text"])


@dataclass(frozen=True)
class Caller:
    """Somebody who talks to one Instance with one token."""

    pod: ClientPod
    namespace: str
    instance: str
    token: str | None
    ca: str | None = None  # for an Instance with a certificate: the authority it is from, PEM

    def post(self, path: str, body: object, **headers: str) -> Answer:
        """POST to the Instance's Service. Asks again while the Service has no endpoint yet."""
        return eventually(
            f"{self.instance}.{self.namespace} can be connected to",
            lambda: self.try_post(path, body, **headers),
            lambda answer: answer.status != 0,
        )

    def try_post(self, path: str, body: object, **headers: str) -> Answer:
        """POST to the Instance's Service, once."""
        scheme = "https" if self.ca else "http"
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        url = f"{scheme}://{self.instance}.{self.namespace}.svc{path}"
        return self.pod.request("POST", url, body, headers, self.ca)

    def chat(self, text: str, conversation: str | None = None) -> Answer:
        """POST /chat."""
        body = {"input": text} | ({"conversation": conversation} if conversation else {})
        return self.post("/chat", body)

    def stream(self, text: str) -> Answer:
        """POST /stream, read to its end."""
        return self.post("/stream", {"input": text}, Accept="text/event-stream")
