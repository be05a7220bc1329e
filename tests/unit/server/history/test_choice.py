"""Which store an Instance gets."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from gagarin.core.config import Auth, Config, History, ModelTarget
from gagarin.server.budgets import LocalCounts
from gagarin.server.history.choice import choose
from gagarin.server.history.nothing import NoStore
from gagarin.server.history.sharedledger import SharedLedger
from gagarin.server.history.sqlite import SqliteStore
from gagarin.serving.errors import StartError
from tests.unit.server.auth.oracle import quiet
from tests.unit.server.providing import provider


def configured(history: History) -> Config:
    return Config(
        schema_version=1,
        name="helper",
        namespace="team-a",
        revision="r1",
        prompt="",
        model=ModelTarget(provider=provider("http://unused"), model="m"),
        auth=Auth(audiences=("a",)),
        history=history,
    )


@pytest.mark.parametrize("kind", ["Ephemeral", "Persistent"])
def test_sqlite_keeps_conversations_and_accounts(
    tmp_path: Path, kind: Literal["Ephemeral", "Persistent"]
) -> None:
    choice = choose(configured(History(type=kind)), tmp_path, tmp_path, quiet())
    assert isinstance(choice.store, SqliteStore)
    assert choice.ledger is choice.store
    assert isinstance(choice.counts, LocalCounts)


def test_without_a_history_nothing_is_kept(tmp_path: Path) -> None:
    assert isinstance(choose(configured(History(type="None")), tmp_path, tmp_path, quiet()).store, NoStore)


async def test_replicas_share_their_budgets(tmp_path: Path) -> None:
    history = History(type="Postgres", postgres_url_file="team-a/db/url")
    choice = choose(configured(history), tmp_path, tmp_path, quiet())
    assert isinstance(choice.counts, SharedLedger)
    assert isinstance(choice.ledger, SharedLedger)
    with pytest.raises(StartError, match="secret file team-a/db/url cannot be read"):
        await choice.store.open()


def test_postgres_without_a_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"history\.type: Postgres needs"):
        choose(configured(History(type="Postgres")), tmp_path, tmp_path, quiet())
