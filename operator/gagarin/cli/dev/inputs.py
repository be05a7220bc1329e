"""The files of one chat server, as a pod has them: configuration, Secrets, tokens, documents.

They are written in place while it runs: a chat server reads a Secret or a document again when its file is
another one. What is no longer wanted is taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gagarin.cli.dev.authority import API_AUDIENCE, Authority
from gagarin.cli.dev.plan import Server
from gagarin.cli.dev.state import write_private
from gagarin.core import config, names


class Inputs:
    """The folder of a chat server's files; it is gone when `gagarin dev` ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sockets = folder / "s"  # a socket's path has few characters to spend
        for name in ("secrets", "tokens", "knowledge", "s"):
            (folder / name).mkdir(parents=True, mode=0o700)

    def write(self, server: Server, authority: Authority) -> Written:
        """Everything; what of it changed that a running chat server takes over by itself."""
        write_private(self.folder / config.FILE_NAME, config.encode(server.configuration).encode())
        self.write_tokens(server, authority)
        return Written(
            secrets=_exactly(self.folder / "secrets", server.secrets),
            documents=_exactly(self.folder / "knowledge", server.documents),
        )

    def write_tokens(self, server: Server, authority: Authority) -> None:
        """Its own token for the API server, and those for other Instances: fresh ones."""
        namespace, account = server.key.namespace, server.account
        own = authority.token(namespace, account, API_AUDIENCE + "-pod")
        write_private(self.folder / "pod-token", own.encode())
        tokens = {
            peer.token_file: authority.token(namespace, account, names.audience(key.name, key.namespace))
            for key, peer in server.peers.items()
        }
        _exactly(self.folder / "tokens", {path: token.encode() for path, token in tokens.items()})

    def arguments(self, data: Path, port: int, api_server: str) -> tuple[str, ...]:
        """The command line of the chat server."""
        options = {
            "--config": self.folder / config.FILE_NAME,
            "--secrets": self.folder / "secrets",
            "--tokens": self.folder / "tokens",
            "--knowledge": self.folder / "knowledge",
            "--sockets": self.sockets,
            "--data": data,
            "--host": "127.0.0.1",
            "--port": port,
            "--ops-port": 0,
            "--api-server": api_server,
            "--api-token-file": self.folder / "pod-token",
        }
        return tuple(str(part) for option in options.items() for part in option)


class Written(NamedTuple):
    """Whether values of Secrets, and documents, are others than before."""

    secrets: bool
    documents: bool


def _exactly(folder: Path, files: Mapping[str, bytes]) -> bool:
    """These files and no others; whether anything changed. Folders stay: they may be somebody's source."""
    changed = [write_private(folder / path, content) for path, content in files.items()]
    stale = [
        file for file in folder.rglob("*") if file.is_file() and str(file.relative_to(folder)) not in files
    ]
    for file in stale:
        file.unlink()
    return any(changed) or bool(stale)
