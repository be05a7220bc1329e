-- Everything is in a schema of its own and named with it, so that nothing depends on a session's search_path.
-- Times are seconds since 1970, as in the SQLite schema; only leases are judged by the database's clock.

-- `instance` is NAMESPACE/NAME: several Instances may share a database. A conversation belongs to the four owner
-- columns together. `turns` numbers its questions, `places` the places in its line.
CREATE TABLE gagarin.conversations (
    id         uuid             PRIMARY KEY,
    instance   text             NOT NULL,
    issuer     text             NOT NULL,
    subject    text             NOT NULL,
    uid        text             NOT NULL,
    end_user   text             NOT NULL,
    created_at double precision NOT NULL,
    updated_at double precision NOT NULL,
    turns      integer          NOT NULL,
    places     integer          NOT NULL
);
CREATE INDEX conversations_by_owner
    ON gagarin.conversations (instance, issuer, subject, uid, end_user, updated_at, id);
CREATE INDEX conversations_by_age ON gagarin.conversations (instance, updated_at);

-- Step 0 of a turn is the question, step 1 its answer, with what is known of it beside the text as JSON.
CREATE TABLE gagarin.messages (
    conversation uuid             NOT NULL REFERENCES gagarin.conversations ON DELETE CASCADE,
    turn         integer          NOT NULL,
    step         integer          NOT NULL,
    role         text             NOT NULL,
    content      text             NOT NULL,
    created_at   double precision NOT NULL,
    details      text             NOT NULL,
    PRIMARY KEY (conversation, turn, step)
);

-- Turns that wait or are being answered, by their place in the line. A lease counts while its replica is alive.
-- `attempt` is another one each time that somebody tries to write a row.
CREATE TABLE gagarin.leases (
    conversation uuid        NOT NULL REFERENCES gagarin.conversations ON DELETE CASCADE,
    place        integer     NOT NULL,
    turn         integer     NOT NULL,
    replica      uuid        NOT NULL,
    attempt      uuid        NOT NULL,
    since        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (conversation, place)
);
CREATE INDEX leases_by_replica ON gagarin.leases (replica);
CREATE TABLE gagarin.replicas (
    id          uuid        PRIMARY KEY,
    alive_until timestamptz NOT NULL
);

-- Requests that came with an Idempotency-Key. `scope` is the conversation that they named, or empty.
CREATE TABLE gagarin.requests (
    instance     text             NOT NULL,
    issuer       text             NOT NULL,
    subject      text             NOT NULL,
    uid          text             NOT NULL,
    end_user     text             NOT NULL,
    scope        text             NOT NULL,
    key          text             NOT NULL,
    digest       bytea            NOT NULL,
    conversation uuid             NOT NULL REFERENCES gagarin.conversations ON DELETE CASCADE,
    turn         integer          NOT NULL,
    made_at      double precision NOT NULL,
    PRIMARY KEY (instance, issuer, subject, uid, end_user, scope, key)
);
CREATE INDEX requests_by_conversation ON gagarin.requests (conversation);
CREATE INDEX requests_by_age ON gagarin.requests (made_at);

-- What an owner used on a UTC day, counted from 1970, of a model. Without a price `cost` is NULL.
CREATE TABLE gagarin.usage (
    instance          text    NOT NULL,
    issuer            text    NOT NULL,
    subject           text    NOT NULL,
    uid               text    NOT NULL,
    end_user          text    NOT NULL,
    day               integer NOT NULL,
    model             text    NOT NULL,
    chats             bigint  NOT NULL,
    prompt_tokens     bigint  NOT NULL,
    completion_tokens bigint  NOT NULL,
    cost              numeric,
    PRIMARY KEY (instance, issuer, subject, uid, end_user, day, model)
);
CREATE INDEX usage_by_day ON gagarin.usage (day);

-- A caller's bucket of chats: when it is full again, by the database's clock.
CREATE TABLE gagarin.rates (
    instance text             NOT NULL,
    issuer   text             NOT NULL,
    subject  text             NOT NULL,
    uid      text             NOT NULL,
    end_user text             NOT NULL,
    full_at  double precision NOT NULL,
    PRIMARY KEY (instance, issuer, subject, uid, end_user)
);
CREATE INDEX rates_by_age ON gagarin.rates (full_at);
