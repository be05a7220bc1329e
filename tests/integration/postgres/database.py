"""A real PostgreSQL that a test can stop, kill and start again, and stores on it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg

from gagarin.server.history.pool import Pool
from gagarin.server.history.postgres import PostgresStore
from gagarin.server.secretfiles import SecretFiles
from tests import ports, postgres
from tests.unit.server.auth.oracle import quiet
from tests.unit.server.certificates import self_signed

URL_FILE = "team-a/history/url"
OPTIONS = (
    "-c ssl=on -c fsync=off -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=60"
)


class Server:
    """Its data survives `kill`, as far as it was committed: nothing but the power supply is trusted."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gagarin-postgres-"))
        self.port = ports.free()
        self.password = "first"
        self._programs = postgres._programs()
        postgres._own(self.folder)
        (self.folder / "password").write_text(self.password)
        self._run("initdb", "--auth=scram-sha-256", "--no-sync", "--username=gagarin", "--encoding=UTF8")
        self.certificate, key = self_signed("localhost")
        self._write("server.crt", self.certificate)
        self._write("server.key", key)

    @property
    def url(self) -> str:
        """Where it is, with the password of now."""
        return f"postgresql://gagarin:{self.password}@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"{OPTIONS} -c port={self.port}"
        self._run("pg_ctl", "--wait", f"--log={self.folder}/log", f"--options={options}", "start")

    def stop(self) -> None:
        """End it at once, without telling anybody."""
        self._run("pg_ctl", "--wait", "--mode=immediate", "stop")

    def kill(self) -> None:
        """SIGKILL to the server and, with it, to all of its processes."""
        pid = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True
        )
        processes = [pid, *map(int, children.stdout.split())]
        for each in processes:
            os.kill(each, signal.SIGKILL)
        end = time.monotonic() + 60
        while any(Path(f"/proc/{each}/cmdline").exists() for each in processes):
            assert time.monotonic() < end
            time.sleep(0.01)

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """What it answers to a statement, from beside the test's event loop."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _rows(self.url, text)).result()

    def change_password(self, password: str) -> None:
        """Another password from now on; connections that there are break."""
        self.sql(f"ALTER ROLE gagarin PASSWORD '{password}'")
        self.password = password
        self.end_connections()

    def end_connections(self) -> None:
        """Every connection that there is."""
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def program(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's client programs on the database."""
        found = shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))
        subprocess.run([found, *arguments, f"--dbname={self.url}"], check=True, capture_output=True)

    def remove(self) -> None:
        """Stop it and delete its data."""
        if (self.folder / "data/postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder)

    def _write(self, name: str, text: str) -> None:
        """A file that only the server may read."""
        data = self.folder / "data"
        file = data / name
        file.write_text(text)
        file.chmod(0o600)
        os.chown(file, data.stat().st_uid, data.stat().st_gid)

    def _run(self, program: str, *arguments: str) -> None:
        folder = [f"--pgdata={self.folder}/data"]
        if program == "initdb":
            folder.append(f"--pwfile={self.folder}/password")
        postgres._run(self._programs, program, *folder, *arguments)


async def _rows(url: str, text: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(text)]
    finally:
        await connection.close()


def write_url(folder: Path, url: str) -> None:
    """Replace the Secret's file as the kubelet does."""
    file = folder / URL_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(url)
    new.rename(file)


def pool_in(folder: Path, url: str, extra_ca: str | None = None) -> Pool:
    """Connections to the URL, by a file in the folder."""
    write_url(folder, url)
    return Pool(SecretFiles(folder), URL_FILE, extra_ca)


def store_in(folder: Path, url: str, instance: str = "team-a/helper", history: int = 10) -> PostgresStore:
    """One replica of an Instance, not opened yet."""
    return PostgresStore(pool_in(folder, url), instance, history, quiet())
