"""A real control plane for tests: etcd, kube-apiserver and, when asked for, kube-controller-manager.

They are plain processes on loopback ports, with everything they write in one temporary folder. They end with
the process that started them, even when that one is killed. There are no nodes: pods stay Pending, and a test
that needs them to run sets their status itself, or asks for nodes that only pretend (kwok). The issuer of
service-account tokens is the real one: TokenRequest, TokenReview and `/openid/v1/jwks` work as in a cluster.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import secrets
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests import ports

ISSUER = "https://kubernetes.default.svc.cluster.local"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
REPOSITORY = Path(__file__).parents[2]


class ControlPlaneError(RuntimeError):
    """A part did not come up; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    body: Any

    @property
    def message(self) -> str:
        """The text of a refusal."""
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else str(self.body)


@dataclass
class ControlPlane:
    """One control plane in `folder`; `start` it first, `stop` it in the end."""

    folder: Path
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    _port: int = 0
    _etcd_port: int = 0
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _flags: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def server(self) -> str:
        """URL of the API server."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def ca_file(self) -> Path:
        """The certificate to trust."""
        return self.folder / "apiserver" / "apiserver.crt"

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of the cluster's administrator."""
        return self.folder / "kubeconfig"

    def start(self) -> None:
        """Start etcd and kube-apiserver, and return when the API server is ready."""
        self._port, self._etcd_port = ports.free(), ports.free()
        _write_signing_key(self.folder / "sa.key")
        (self.folder / "tokens.csv").write_text(f'{self.token},admin,admin,"system:masters"\n')
        self._run("etcd", *self._etcd_flags())
        self._run("kube-apiserver", *self._api_server_flags())
        self._until(
            "kube-apiserver", lambda: self.ca_file.exists() and self.call("GET", "/readyz").status == 200
        )
        self.kubeconfig.write_text(yaml.safe_dump(self._kubeconfig()))

    def start_controllers(self) -> None:
        """Start kube-controller-manager, unless it runs: garbage collection, Deployments, ServiceAccounts."""
        if "kube-controller-manager" in self._processes:
            return
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self.folder / 'sa.key'}",
            f"--root-ca-file={self.ca_file}",
            "--use-service-account-credentials=false",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=300",
            "--kube-api-burst=300",
        )
        path = "/api/v1/namespaces/default/serviceaccounts/default"
        self._until("kube-controller-manager", lambda: self.call("GET", path).status == 200)

    def start_nodes(self, count: int) -> None:
        """Start kube-scheduler, and kwok with nodes that pretend: pods become ready there, nothing runs."""
        self._run(
            "kube-scheduler",
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=300",
            "--kube-api-burst=300",
        )
        self._run(
            "kwok",
            f"--kubeconfig={self.kubeconfig}",
            "--manage-all-nodes=true",
            "--cidr=10.250.0.1/16",
            "--node-lease-duration-seconds=40",
            f"--server-address=127.0.0.1:{ports.free()}",
        )
        for number in range(count):
            answer = self.call("POST", "/api/v1/nodes", _pretended_node(f"pretended-{number}"))
            assert answer.status == 201, answer.message
        self.until("/api/v1/nodes", lambda found: sum(map(_is_ready, found["items"])) == count)

    def restart(self, program: str) -> None:
        """End a program as a crash would, and start it again with the same flags; the API server is waited
        for."""
        self._processes[program].kill()
        self._processes[program].wait()
        self._run(program, *self._flags[program])
        if program == "kube-apiserver":
            self._until(program, lambda: self.call("GET", "/readyz").status == 200)

    def stop(self) -> None:
        """End all processes, the last started first."""
        for process in reversed(self._processes.values()):
            process.kill()
            process.wait()
        self._processes.clear()

    def call(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Answer:
        """One request as the administrator. `body` is sent as JSON; a 4xx is an answer, not an error."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, timeout=30, context=ssl.create_default_context(cafile=str(self.ca_file))
        )
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        try:
            connection.request(method, path, None if body is None else _encoded(body), headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        is_json = response.headers.get_content_type() == "application/json"
        return Answer(response.status, json.loads(text) if is_json else text)

    def apply(self, item: dict[str, Any], path: str) -> Answer:
        """Server-side apply of an object whose collection is at `path`; unknown fields are refused."""
        query = "fieldManager=test&force=true&fieldValidation=Strict"
        target = f"{path}/{item['metadata']['name']}?{query}"
        return self.call("PATCH", target, item, "application/apply-patch+yaml")

    def until(self, path: str, holds: Callable[[Any], bool], seconds: float = 90) -> Any:
        """The object at `path`, as soon as `holds` is true of it. Fails with what it was last."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.call("GET", path)
            if answer.status == 200 and holds(answer.body):
                return answer.body
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} did not come to hold in {seconds} s: {answer}")
            time.sleep(0.05)

    def _run(self, program: str, *flags: str) -> None:
        self._flags[program] = flags
        with (self.folder / f"{program}.log").open("wb") as log:
            self._processes[program] = subprocess.Popen(
                [str(binaries(program) / program), *flags],
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
            )

    def _until(self, program: str, is_up: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._processes[program].poll() is not None:
                break
            try:
                if is_up():
                    return
            except OSError:  # nothing listens there yet
                pass
            time.sleep(0.05)
        log = (self.folder / f"{program}.log").read_text(errors="replace").splitlines()
        self.stop()
        raise ControlPlaneError(f"{program} did not come up:\n" + "\n".join(log[-15:]))

    def _etcd_flags(self) -> list[str]:
        client, peer = f"http://127.0.0.1:{self._etcd_port}", "http://127.0.0.1:0"
        return [
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            "--unsafe-no-fsync",
        ]

    def _api_server_flags(self) -> list[str]:
        key = self.folder / "sa.key"
        return [
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--secure-port={self._port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={self.folder / 'apiserver'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/16",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--profiling=false",
            "--feature-gates=MutatingAdmissionPolicy=true",
            "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
        ]

    def _kubeconfig(self) -> dict[str, Any]:
        cluster = {"server": self.server, "certificate-authority": str(self.ca_file)}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        }


def binaries(*programs: str) -> Path:
    """The folder with these programs (none: `PROGRAMS`): $GAGARIN_KUBE_BIN, or the one that hack/cluster
    keeps (and builds)."""
    wanted = programs or PROGRAMS
    folder = os.environ.get("GAGARIN_KUBE_BIN")
    if folder and all((Path(folder) / program).exists() for program in wanted):
        return Path(folder)
    command = [sys.executable, str(REPOSITORY / "hack" / "cluster"), "binaries", *wanted]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    os.environ["GAGARIN_KUBE_BIN"] = found.splitlines()[-1]
    return Path(os.environ["GAGARIN_KUBE_BIN"])


def _write_signing_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _pretended_node(name: str) -> dict[str, Any]:
    room = {"cpu": "1000", "memory": "4Ti", "pods": "1000"}
    metadata = {"name": name, "labels": {"kubernetes.io/hostname": name, "type": "kwok"}}
    return {"metadata": metadata, "status": {"allocatable": room, "capacity": room}}


def _is_ready(item: dict[str, Any]) -> bool:
    conditions = item.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _encoded(body: Any) -> bytes:
    """UTF-8 as it is: in YAML, which is what a patch is read as, an escaped pair of surrogates is none."""
    return json.dumps(body, ensure_ascii=False).encode()


def _die_with_parent() -> None:
    """prctl(PR_SET_PDEATHSIG): no process is left behind when pytest is killed. Linux only."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
