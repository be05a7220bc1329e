"""What the process is told: command line, then environment, then the defaults of a pod.

Each option is also an environment variable: `--ops-port` is GAGARIN_OPS_PORT. What cannot be used is named
and ends the start. What an Instance is stands in the configuration file, not here.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from gagarin.serving.logs import LEVELS
from gagarin.serving.options import PREFIX, Options, level, port, seconds

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`drain_seconds` None: as long as the Agent's request timeout lets an answer take."""

    config: Path
    secrets: Path
    tokens: Path
    sockets: Path
    knowledge: Path
    data: Path
    host: str
    port: int
    ops_port: int
    api_server: str
    api_token_file: Path
    api_ca_file: Path
    drain_seconds: float | None
    body_timeout: float
    resume_seconds: float
    log_level: str
    termination_log: Path


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings. Raises `StartError`, naming the option; `--help` ends the process."""
    return Settings(**_options(environment).parse(arguments))


def termination_log(environment: Mapping[str, str] = os.environ) -> Path:
    """Where a fatal error goes that happens before there are settings."""
    return Path(environment.get(f"{PREFIX}TERMINATION_LOG", "/dev/termination-log"))


def _options(environment: Mapping[str, str]) -> Options:
    options = Options("python3 -m gagarin.server", "The chat server of one Instance.", environment)
    add = options.add
    add("--config", "/etc/gagarin/agent.json", Path, "the configuration file")
    add("--secrets", "/var/run/secrets/gagarin", Path, "folder of the Secrets' files")
    add("--tokens", "/var/run/secrets/gagarin-tokens", Path, "folder of our own tokens for other Instances")
    add("--sockets", "/var/run/gagarin/sockets", Path, "folder of the sockets of tools in sidecars")
    add("--knowledge", "/etc/gagarin-knowledge", Path, "folder of the documents of ConfigMaps")
    add("--data", "/var/lib/gagarin", Path, "folder for the conversations")
    add("--host", "0.0.0.0", str, "address to listen on")  # noqa: S104  # serves a pod's network
    add("--port", "8080", port, "port of the chat API; 0 picks a free one")
    add("--ops-port", "8081", port, "port of health and metrics; 0 picks a free one")
    add("--api-server", _in_cluster(environment), _server_url, "URL of the Kubernetes API server")
    add("--api-token-file", f"{SERVICE_ACCOUNT}/token", Path, "our own token for the API server")
    add(
        "--api-ca-file",
        f"{SERVICE_ACCOUNT}/ca.crt",
        Path,
        "certificates that the API server's is checked with",
    )
    add("--drain-seconds", None, seconds, "how long answers may go on after SIGTERM; default: as they need")
    add("--body-timeout", "30", seconds, "seconds within which a request's body has to arrive")
    add("--resume-seconds", "10", seconds, "seconds that a stream outlives its connection; 0: not at all")
    add("--log-level", "info", level, "least level of the log: " + ", ".join(LEVELS))
    add("--termination-log", "/dev/termination-log", Path, "file for the reason why the start failed")
    return options


def _in_cluster(environment: Mapping[str, str]) -> str:
    host = environment.get("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc")
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _server_url(text: str) -> str:
    """https anywhere; http only to this machine, because our token goes over it."""
    url = urlsplit(text)
    if url.scheme == "https" and url.hostname:
        return text.rstrip("/")
    if url.scheme == "http" and _is_loopback(url.hostname or ""):
        return text.rstrip("/")
    raise argparse.ArgumentTypeError(f"{text!r} is neither an https:// URL nor http:// on loopback")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
