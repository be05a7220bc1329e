"""The volumes of a pod, and which container sees which of them.

Keys, tokens, configuration and knowledge are the chat container's alone; it shares only the folder of sockets
with its sidecars. Files of Secrets have mode 0444: the pods run as whatever non-root user the image or the
platform (OpenShift) says, so a file of root with 0400 could not be read, and a fixed fsGroup would be refused
there. Only the chat container mounts them, and it has one user.
"""

from __future__ import annotations

from collections.abc import Iterator

from gagarin.core import config, names
from gagarin.core.objects import Object
from gagarin.core.resolved import Folder, Resolved, Sidecar

BRIDGE_FOLDER = "/var/run/gagarin/bridge"
SOCKETS_FOLDER = "/var/run/gagarin/sockets"
KNOWLEDGE_FOLDER = "/etc/gagarin-knowledge"
TOKEN_SECONDS = 3607
FILE_MODE = 0o444


def volumes(resolved: Resolved, revision: str) -> list[Object]:
    """The volumes of the pod, for the configuration of one revision."""
    found: list[Object] = [
        {"name": "config", "configMap": {"name": names.config_name(resolved.config.name, revision)}}
    ]
    if resolved.secret_files:
        found.append(_projected("secrets", _secret_sources(resolved)))
    found.append(_projected("api-token", _api_token()))
    if peers := list(_peers(resolved)):
        found.append(_projected("tokens", [_peer_token(peer) for peer in peers]))
    found += [_knowledge(resolved, folder) for folder in resolved.folders]
    found += [_data(resolved), {"name": "tmp", "emptyDir": {}}]
    if resolved.sidecars:
        found += [{"name": name, "emptyDir": {}} for name in ("bridge", "sockets")]
        found += [{"name": names.scratch_name(each.tool), "emptyDir": {}} for each in resolved.sidecars]
    return found


def chat_mounts(resolved: Resolved) -> list[Object]:
    """What the chat container sees."""
    mounts = [_read_only("config", "/etc/gagarin")]
    if resolved.secret_files:
        mounts.append(_read_only("secrets", "/var/run/secrets/gagarin"))
    mounts.append(_read_only("api-token", "/var/run/secrets/kubernetes.io/serviceaccount"))
    if any(_peers(resolved)):
        mounts.append(_read_only("tokens", "/var/run/secrets/gagarin-tokens"))
    mounts += [_read_only(_volume_of(each), f"{KNOWLEDGE_FOLDER}/{each.name}") for each in resolved.folders]
    mounts += [_writable("data", "/var/lib/gagarin"), _writable("tmp", "/tmp")]  # noqa: S108 (its own volume)
    return mounts + ([_writable("sockets", SOCKETS_FOLDER)] if resolved.sidecars else [])


def bridge_mounts() -> list[Object]:
    """What the container sees that puts the bridge there."""
    return [_writable("bridge", BRIDGE_FOLDER)]


def sidecar_mounts(sidecar: Sidecar) -> list[Object]:
    """What a Tool's program sees: the bridge it is started by, the sockets, and a folder to write to."""
    return [
        _read_only("bridge", BRIDGE_FOLDER),
        _writable("sockets", SOCKETS_FOLDER),
        _writable(names.scratch_name(sidecar.tool), "/tmp"),  # noqa: S108 (a volume of its own)
    ]


def _read_only(name: str, path: str) -> Object:
    return {"name": name, "mountPath": path, "readOnly": True}


def _writable(name: str, path: str) -> Object:
    return {"name": name, "mountPath": path}


def _projected(name: str, sources: list[Object]) -> Object:
    return {"name": name, "projected": {"defaultMode": FILE_MODE, "sources": sources}}


def _secret_sources(resolved: Resolved) -> list[Object]:
    """One source a Secret, with only the keys that are referred to, at `NAMESPACE/SECRET/KEY`."""
    items: dict[str, list[Object]] = {}
    for file in resolved.secret_files:
        name = resolved.local_name(file.source)
        items.setdefault(name, []).append({"key": file.key, "path": file.path})
    return [{"secret": {"name": name, "items": keys}} for name, keys in items.items()]


def _api_token() -> list[Object]:
    namespace = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]


def _peers(resolved: Resolved) -> Iterator[config.AgentPeer]:
    """The Instances that are called as tools, each once."""
    peers = {tool.agent.token_file: tool.agent for tool in resolved.config.tools if tool.agent}
    yield from (peers[name] for name in sorted(peers))


def _peer_token(peer: config.AgentPeer) -> Object:
    """This pod's own token for another Instance: of no use to anyone else."""
    token = {
        "audience": names.audience(peer.name, peer.namespace),
        "expirationSeconds": TOKEN_SECONDS,
        "path": peer.token_file,
    }
    return {"serviceAccountToken": token}


def _volume_of(folder: Folder) -> str:
    return f"knowledge-{folder.name}"


def _knowledge(resolved: Resolved, folder: Folder) -> Object:
    """Optional: an agent whose texts were deleted starts without them, rather than not at all."""
    source: Object = {"name": resolved.local_name(folder.source), "optional": True}
    if folder.keys:
        source["items"] = [{"key": key, "path": key} for key in folder.keys]
    return {"name": _volume_of(folder), "configMap": source}


def _data(resolved: Resolved) -> Object:
    if resolved.config.history.type != "Persistent":
        return {"name": "data", "emptyDir": {}}
    return {"name": "data", "persistentVolumeClaim": {"claimName": names.volume_name(resolved.config.name)}}
