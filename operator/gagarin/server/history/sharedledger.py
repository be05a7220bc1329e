"""Budgets and accounts in PostgreSQL, the same for every replica of an Instance."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from gagarin.core.config import Limits
from gagarin.server.accounts import DAY, Account, Sums, day_of
from gagarin.server.auth.identity import Owner
from gagarin.server.budgets import MINUTE, Refusal
from gagarin.server.history.pool import Pool

# Takes one chat out of the bucket (of $9 seconds, $7 for each, as in `budgets.refilled`), if the tokens of
# the day ($6) are below the budget ($8) and the bucket is not empty. Whatever is not limited is NULL.
TAKE = """
WITH asked AS (
    SELECT extract(epoch FROM clock_timestamp())::float8 AS now, $8::bigint IS NOT NULL AND $8 <= (
        SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) FROM gagarin.usage
        WHERE (instance, issuer, subject, uid, end_user, day) = ($1, $2, $3, $4, $5, $6)
    ) AS spent
), taken AS (
    INSERT INTO gagarin.rates AS rates
    SELECT $1, $2, $3, $4, $5, now + $7 FROM asked WHERE NOT spent AND $7::float8 IS NOT NULL
    ON CONFLICT (instance, issuer, subject, uid, end_user) DO UPDATE
    SET full_at = greatest(rates.full_at, excluded.full_at - $7) + $7
    WHERE rates.full_at <= excluded.full_at - $7 + $9 - $7
    RETURNING full_at
)
SELECT spent, now, (SELECT full_at FROM taken), (
    SELECT full_at FROM gagarin.rates WHERE (instance, issuer, subject, uid, end_user) = ($1, $2, $3, $4, $5)
) FROM asked
"""
RECORD = """
INSERT INTO gagarin.usage AS known VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (instance, issuer, subject, uid, end_user, day, model) DO UPDATE SET
chats = known.chats + excluded.chats,
prompt_tokens = known.prompt_tokens + excluded.prompt_tokens,
completion_tokens = known.completion_tokens + excluded.completion_tokens,
cost = CASE WHEN known.cost IS NULL THEN excluded.cost ELSE known.cost + coalesce(excluded.cost, 0) END
"""
TOKENS = """
SELECT coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint FROM gagarin.usage
WHERE (instance, issuer, subject, uid, end_user, day) = ($1, $2, $3, $4, $5, $6)
"""
USAGE = """
SELECT day, model, chats, prompt_tokens, completion_tokens, cost FROM gagarin.usage
WHERE (instance, issuer, subject, uid, end_user) = ($1, $2, $3, $4, $5) AND day >= $6 ORDER BY day, model
"""
FORGET = """
DELETE FROM gagarin.usage WHERE (instance, issuer, subject, uid, end_user) = ($1, $2, $3, $4, $5)
"""


class SharedLedger:
    """The numbers of one Instance (`instance` is NAMESPACE/NAME); `now` is the clock that tells the day."""

    def __init__(self, pool: Pool, instance: str, now: Callable[[], float] = time.time) -> None:
        self._pool = pool
        self._instance = instance
        self._now = now

    async def begin(self, owner: Owner, limits: Limits) -> Refusal | None:
        """Count a chat, unless it is one too many: one statement."""
        now = self._now()
        each = None if limits.requests_per_minute is None else MINUTE / limits.requests_per_minute
        row = await self._pool.row(
            TAKE, self._instance, *owner, day_of(now), each, limits.tokens_per_day, MINUTE
        )
        assert row is not None
        spent, clock, taken, full = row
        if spent:
            return Refusal(tokens=DAY - now % DAY)
        if each is None or taken is not None:
            return None
        return Refusal(rate=max(full + each - clock - MINUTE, 0.001))

    async def record(self, rows: Sequence[tuple[Account, Sums]]) -> None:
        """Add to what owners used, always in the same order, so that replicas do not block each other."""

        async def work(connection: Any) -> None:
            for account, sums in sorted(rows):
                values = (self._instance, *account.owner, account.day, account.model, *sums)
                await connection.execute(RECORD, *values)

        await self._pool.transaction(work)

    async def tokens(self, owner: Owner, day: int) -> int:
        """All tokens of an owner on a day."""
        row = await self._pool.row(TOKENS, self._instance, *owner, day, again=True)
        return row[0] if row is not None else 0

    async def usage(self, owner: Owner, since: int) -> Sequence[tuple[Account, Sums]]:
        """An owner's sums from a day on."""
        found = await self._pool.fetch(USAGE, self._instance, *owner, since, again=True)
        return [(Account(owner, row[0], row[1]), Sums(*row[2:])) for row in found]

    async def forget_usage(self, owner: Owner) -> None:
        """Delete the owner's sums."""
        await self._pool.count(FORGET, self._instance, *owner, again=True)
