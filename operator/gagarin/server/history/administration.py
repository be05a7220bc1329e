"""What somebody who may enter the pod can do with what is kept: show, export, erase, check, back up, restore.

    kubectl exec deploy/NAME -- python3 -m gagarin.server.history COMMAND

It runs beside the chat server, with the same settings, and answers with JSON lines. An owner is found by the
name of its ServiceAccount; the other options narrow that down.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from gagarin.core.config import Config
from gagarin.server.accounts import Accounts
from gagarin.server.auth.identity import Owner
from gagarin.server.history import sqlite
from gagarin.server.history.choice import Choice, choose
from gagarin.server.history.database import Database
from gagarin.server.history.export import parts
from gagarin.server.history.folderlock import locked
from gagarin.server.settings import Settings
from gagarin.serving.errors import StartError
from gagarin.serving.logs import Log

_encode = msgspec.json.Encoder().encode


def parser() -> argparse.ArgumentParser:
    """The commands."""
    made = argparse.ArgumentParser(prog="python3 -m gagarin.server.history", description=__doc__)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = made.add_subparsers(dest="command", required=True)
    for name, text in (
        ("owners", "of whom something is kept"),
        ("export", "every conversation of an owner"),
        ("erase", "delete every conversation of an owner, and what is known of its usage"),
        ("usage", "tokens and cost of an owner by day and model"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("subject", help="system:serviceaccount:NAMESPACE:NAME")
        for option in ("issuer", "uid", "end-user"):
            command.add_argument(f"--{option}", help=f"only owners with this {option}")
    commands.add_parser("check", help="read everything once, looking for damage")
    commands.add_parser("backup", help="write the SQLite database, as it is now, to standard output")
    commands.add_parser("restore", help="replace the SQLite database by the one on standard input")
    return made


async def run(
    options: argparse.Namespace, settings: Settings, config: Config, log: Log, source: BinaryIO, out: BinaryIO
) -> None:
    """Do what the options say. Raises `StartError` and `HistoryUnavailable`."""
    if options.command == "restore":
        await _restore(_sqlite_folder(settings, config), source)
    elif options.command == "backup":
        _backup(_sqlite_folder(settings, config), out)
    elif options.command == "check" and config.history.type in ("Ephemeral", "Persistent"):
        _write(out, _checked(settings.data / sqlite.FILE_NAME))
    else:
        async with _opened(choose(config, settings.data, settings.secrets, log, serving=False)) as history:
            async for line in _lines(options, history, log):
                _write(out, line)


async def _lines(options: argparse.Namespace, history: Choice, log: Log) -> AsyncIterator[dict[str, Any]]:
    """The answer, a line at a time."""
    if options.command == "check":
        yield {"check": "ok"}
        return
    for owner in await _owners(options, history):
        about = owner._asdict()
        if options.command == "export":
            async for part in parts(history.store, owner):
                yield {"owner": about, **msgspec.to_builtins(part)}
        elif options.command == "erase":
            erased = await history.store.erase(owner)
            await history.ledger.forget_usage(owner)
            yield {"owner": about, "erased": erased}
        elif options.command == "usage":
            for used in await Accounts(history.ledger, log).usage(owner, 100):
                yield {"owner": about, **msgspec.to_builtins(used)}
        else:
            yield about


async def _owners(options: argparse.Namespace, history: Choice) -> list[Owner]:
    wanted = {"issuer": options.issuer, "uid": options.uid, "end_user": options.end_user}
    return [
        owner
        for owner in await history.store.owners(options.subject)
        if all(value is None or getattr(owner, name) == value for name, value in wanted.items())
    ]


@asynccontextmanager
async def _opened(history: Choice) -> AsyncIterator[Choice]:
    await history.store.open()
    try:
        yield history
    finally:
        await history.store.close()


def _sqlite_folder(settings: Settings, config: Config) -> Path:
    if config.history.type not in ("Ephemeral", "Persistent"):
        raise StartError(f"history.type is {config.history.type}: there is no SQLite database here")
    return settings.data


def _backup(folder: Path, out: BinaryIO) -> None:
    """SQLite's online backup: whole, while chats go on. It is made in the data folder, which is writable."""
    with _temporary(folder) as copy:
        with _connected(folder / sqlite.FILE_NAME) as there, closing(sqlite3.connect(copy)) as here:
            there.backup(here)
        with copy.open("rb") as file:
            shutil.copyfileobj(file, out)
        out.flush()


async def _restore(folder: Path, source: BinaryIO) -> None:
    """Only while no chat server has the folder, and only by a database that is whole."""
    async with locked(folder, 0):
        with _temporary(folder) as copy:
            with copy.open("wb") as file:
                shutil.copyfileobj(source, file)
            Database(copy, 1).close()
            _checked(copy)
            for rest in ("-wal", "-shm"):
                (folder / f"{sqlite.FILE_NAME}{rest}").unlink(missing_ok=True)
            copy.replace(folder / sqlite.FILE_NAME)


def _checked(file: Path) -> dict[str, str]:
    with _connected(file) as connection:
        found: list[str] = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
    if found != ["ok"]:
        raise StartError(f"{file} is damaged: {'; '.join(found)}")
    return {"check": "ok"}


@contextmanager
def _connected(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=rw", uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise StartError(f"{file}: {error}") from error


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix="conversations-", suffix=".tmp", dir=folder)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        for rest in ("", "-wal", "-shm"):
            Path(name + rest).unlink(missing_ok=True)


def _write(out: BinaryIO, line: dict[str, Any]) -> None:
    out.write(_encode(line) + b"\n")
    out.flush()
