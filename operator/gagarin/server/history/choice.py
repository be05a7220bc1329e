"""Which store an Instance has, and where its budgets stand: with the conversations, if several replicas share
them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gagarin.core.config import Config
from gagarin.server.accounts import Ledger, MemoryLedger
from gagarin.server.budgets import Counts, LocalCounts
from gagarin.server.history.nothing import NoStore
from gagarin.server.history.sqlite import SqliteStore
from gagarin.server.history.store import Store
from gagarin.server.secretfiles import SecretFiles
from gagarin.serving.errors import StartError
from gagarin.serving.logs import Log


class Choice(NamedTuple):
    """What belongs together."""

    store: Store
    counts: Counts
    ledger: Ledger


def choose(config: Config, data: Path, secrets: Path, log: Log, *, serving: bool = True) -> Choice:
    """What `history` in the configuration says, not opened yet. `serving`: to answer chats with it, not only
    to look at what is kept. Raises `StartError`."""
    history = config.limits.max_history_messages
    kind = config.history.type
    if kind == "None":
        ledger = MemoryLedger()
        return Choice(NoStore(), LocalCounts(ledger), ledger)
    if kind == "Postgres":
        return _postgres(config, secrets, log)
    sqlite = SqliteStore(data, history, log, keep_for=config.history.keep_for, serving=serving)
    return Choice(sqlite, LocalCounts(sqlite), sqlite)


def _postgres(config: Config, secrets: Path, log: Log) -> Choice:
    """Imported only here: the client costs other Instances neither time nor memory."""
    url_file = config.history.postgres_url_file
    if url_file is None:
        raise StartError("history.type: Postgres needs history.postgres_url_file")
    from gagarin.server.history.pool import Pool
    from gagarin.server.history.postgres import PostgresStore
    from gagarin.server.history.sharedledger import SharedLedger

    pool = Pool(SecretFiles(secrets), url_file, config.extra_ca)
    instance = f"{config.namespace}/{config.name}"
    history = config.limits.max_history_messages
    store = PostgresStore(pool, instance, history, log, keep_for=config.history.keep_for)
    shared = SharedLedger(pool, instance)
    return Choice(store, shared, shared)
