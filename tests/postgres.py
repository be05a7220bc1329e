"""A PostgreSQL server for one test run: Debian's programs, a folder that goes away, an address to choose.

Its data is written without fsync: what the tests break is never the machine itself. PostgreSQL refuses to run
as root, so root starts it as the user that its package has made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import ports

PASSWORD = "e2e"
OPTIONS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "unix_socket_directories=")


@contextmanager
def server(address: str = "127.0.0.1") -> Iterator[str]:
    """A running server; gives the URL of its empty database, reachable from wherever `address` is."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="gagarin-postgres-") as name:
        folder = Path(name)
        _own(folder)
        (folder / "password").write_text(PASSWORD)
        port = ports.free(address)
        initdb = ("initdb", "--auth=scram-sha-256", "--no-sync", "--username=gagarin", "--encoding=UTF8")
        _run(programs, *initdb, f"--pwfile={folder}/password", f"--pgdata={folder}/data")
        with (folder / "data/pg_hba.conf").open("a") as rules:
            rules.write("host all all all scram-sha-256\n")
        options = " ".join(f"-c {one}" for one in (*OPTIONS, f"listen_addresses={address}", f"port={port}"))
        control = ("pg_ctl", f"--pgdata={folder}/data", "--wait")
        _run(programs, *control, f"--log={folder}/log", f"--options={options}", "start")
        try:
            yield f"postgresql://gagarin:{PASSWORD}@{address}:{port}/postgres"
        finally:
            _run(programs, *control, "--mode=immediate", "stop")


def _programs() -> Path:
    """The folder of the newest server that is installed: Debian keeps it off the PATH."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path is not None:
        found.append(Path(on_path).parent)
    assert found, "PostgreSQL is not installed: `python3 hack/cluster packages` installs Debian's"
    return max(found)


def _own(folder: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")


def _run(programs: Path, program: str, *arguments: str) -> None:
    """Runs it to its end; its output is not waited for, because the server inherits it."""
    as_postgres = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
    command = [*as_postgres, str(programs / program), *arguments]
    with tempfile.TemporaryFile("w+") as told:
        done = subprocess.run(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=told, stderr=told, check=False
        )
        told.seek(0)
        assert done.returncode == 0, told.read()
