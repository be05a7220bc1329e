"""The statements of the PostgreSQL store. Whoever owns something is $2 to $6, or $1 to $5: the Instance, and
the four columns of the owner."""

from __future__ import annotations

BEGIN = """
WITH begun AS (
    INSERT INTO gagarin.conversations VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 1, 1)
    ON CONFLICT (id) DO NOTHING RETURNING id
), asked AS (
    INSERT INTO gagarin.messages SELECT id, 1, 0, 'user', $8, $7, '' FROM begun
)
INSERT INTO gagarin.leases SELECT id, 1, 1, $9, $10 FROM begun
"""
CONTINUE = """
WITH continued AS (
    UPDATE gagarin.conversations SET turns = turns + 1, places = places + 1, updated_at = $7
    WHERE id = $1 AND (instance, issuer, subject, uid, end_user) = ($2, $3, $4, $5, $6)
    RETURNING id, turns, places
), asked AS (
    INSERT INTO gagarin.messages SELECT id, turns, 0, 'user', $8, $7, '' FROM continued
), joined AS (
    INSERT INTO gagarin.leases SELECT id, places, turns, $9, $10 FROM continued
)
SELECT turns, places FROM continued
"""
ANSWER = """
WITH answered AS (
    UPDATE gagarin.conversations SET updated_at = $4 WHERE id = $1 RETURNING id
), kept AS (
    INSERT INTO gagarin.messages SELECT id, $2, 1, 'assistant', $5, $4, $6 FROM answered
    ON CONFLICT DO NOTHING
)
DELETE FROM gagarin.leases USING answered WHERE conversation = id AND place = $3
"""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
REPEATED = """
SELECT digest, conversation, turn FROM gagarin.requests
WHERE (instance, issuer, subject, uid, end_user, scope, key) = ($1, $2, $3, $4, $5, $6, $7) AND made_at > $8
"""
JOINED = "SELECT place FROM gagarin.leases WHERE conversation = $1 AND attempt = $2"
REQUESTED = """
INSERT INTO gagarin.requests VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (instance, issuer, subject, uid, end_user, scope, key) DO UPDATE SET
digest = excluded.digest, conversation = excluded.conversation, turn = excluded.turn,
made_at = excluded.made_at
"""
PAGE = """
SELECT id::text, created_at, updated_at, turns FROM gagarin.conversations AS one
WHERE (instance, issuer, subject, uid, end_user) = ($1, $2, $3, $4, $5) AND (updated_at, one.id) < ($6, $7)
ORDER BY updated_at DESC, one.id DESC LIMIT $8
"""
HEAD = """
SELECT created_at, updated_at, turns FROM gagarin.conversations
WHERE id = $1 AND (instance, issuer, subject, uid, end_user) = ($2, $3, $4, $5, $6)
"""
MESSAGES = """
SELECT turn, step, role, content, created_at, details FROM gagarin.messages
WHERE conversation = $1 AND turn >= $2 AND turn < $3 ORDER BY turn, step
"""
DELETE = """
DELETE FROM gagarin.conversations
WHERE id = $1 AND (instance, issuer, subject, uid, end_user) = ($2, $3, $4, $5, $6)
"""
ERASE = """
DELETE FROM gagarin.conversations WHERE id IN (
    SELECT id FROM gagarin.conversations
    WHERE (instance, issuer, subject, uid, end_user) = ($1, $2, $3, $4, $5) LIMIT $6
)
"""
IDS = """
SELECT id::text FROM gagarin.conversations AS one
WHERE (instance, issuer, subject, uid, end_user) = ($1, $2, $3, $4, $5) AND one.id > $6
ORDER BY one.id LIMIT $7
"""
OWNERS = """
SELECT issuer, subject, uid, end_user FROM gagarin.conversations WHERE instance = $1 AND subject = $2 UNION
SELECT issuer, subject, uid, end_user FROM gagarin.usage WHERE instance = $1 AND subject = $2
"""
EXPIRE_CONVERSATIONS = """
DELETE FROM gagarin.conversations WHERE id IN (
    SELECT id FROM gagarin.conversations WHERE instance = $1 AND updated_at < $2 LIMIT $3
    FOR UPDATE SKIP LOCKED
)
"""
EXPIRE_REQUESTS = """
DELETE FROM gagarin.requests WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM gagarin.requests WHERE made_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED
))
"""
EXPIRE_LEASES = """
WITH gone AS (DELETE FROM gagarin.replicas WHERE alive_until < clock_timestamp() - interval '1 minute')
DELETE FROM gagarin.leases
WHERE NOT EXISTS (SELECT FROM gagarin.replicas WHERE id = replica)
"""
