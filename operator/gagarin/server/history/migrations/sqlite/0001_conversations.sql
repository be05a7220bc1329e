-- A conversation belongs to the four `owner` columns together. `turns` numbers its questions.
CREATE TABLE conversations (
    id         TEXT    NOT NULL PRIMARY KEY,
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    uid        TEXT    NOT NULL,
    end_user   TEXT    NOT NULL,
    created_at REAL    NOT NULL,
    updated_at REAL    NOT NULL,
    turns      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX conversations_by_owner ON conversations (issuer, subject, uid, end_user, updated_at);

-- Step 0 of a turn is the question, the steps after it are what follows from it.
CREATE TABLE messages (
    conversation TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    turn         INTEGER NOT NULL,
    step         INTEGER NOT NULL,
    role         TEXT    NOT NULL,
    content      TEXT    NOT NULL,
    created_at   REAL    NOT NULL,
    PRIMARY KEY (conversation, turn, step)
) STRICT, WITHOUT ROWID;
