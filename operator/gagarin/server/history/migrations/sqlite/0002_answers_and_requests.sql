-- What is known of an answer beside its text, as JSON; empty for questions and for answers from before.
ALTER TABLE messages ADD COLUMN details TEXT NOT NULL DEFAULT '';

-- Requests that came with an Idempotency-Key. `scope` is the conversation that they named, or empty.
CREATE TABLE requests (
    issuer       TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    uid          TEXT    NOT NULL,
    end_user     TEXT    NOT NULL,
    scope        TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    digest       BLOB    NOT NULL,
    conversation TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    turn         INTEGER NOT NULL,
    made_at      REAL    NOT NULL,
    PRIMARY KEY (issuer, subject, uid, end_user, scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX requests_by_conversation ON requests (conversation);
CREATE INDEX requests_by_age ON requests (made_at);

-- What an owner used on a UTC day, counted from 1970, of a model. `cost` is a decimal; NULL: it has no price.
CREATE TABLE usage (
    issuer            TEXT    NOT NULL,
    subject           TEXT    NOT NULL,
    uid               TEXT    NOT NULL,
    end_user          TEXT    NOT NULL,
    day               INTEGER NOT NULL,
    model             TEXT    NOT NULL,
    chats             INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost              TEXT,
    PRIMARY KEY (issuer, subject, uid, end_user, day, model)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_by_day ON usage (day);
