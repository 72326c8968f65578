-- The register, as internal/store/sqlite has it. Times are microseconds since 1970 in UTC; 0 stands for "none". Texts are compared byte by
-- byte, as SQLite does. Constraints repeat what the use cases refuse, so that a fault there cannot become a row here.

CREATE TABLE partner (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    name       TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
    closed     SMALLINT NOT NULL CHECK (closed IN (0, 1)),
    created_at BIGINT NOT NULL
);
CREATE INDEX partner_name ON partner (name);

CREATE TABLE review (
    partner_id   TEXT COLLATE "C" NOT NULL REFERENCES partner (id),
    environment  TEXT COLLATE "C" NOT NULL CHECK (environment <> ''),
    state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('requested', 'in_review', 'approved', 'suspended', 'closed')),
    requested_by TEXT COLLATE "C" NOT NULL CHECK (requested_by <> ''),
    approved_by  TEXT COLLATE "C" NOT NULL CHECK (approved_by <> requested_by),
    changed_at   BIGINT NOT NULL,
    reason       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (partner_id, environment),
    CHECK (state <> 'approved' OR approved_by <> '')
);

-- client_keys: SHA-256 digests in lower-case hex, ascending, with a comma between them; at most four.
CREATE TABLE credential (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    partner_id  TEXT COLLATE "C" NOT NULL REFERENCES partner (id),
    environment TEXT COLLATE "C" NOT NULL CHECK (environment <> ''),
    kind        TEXT COLLATE "C" NOT NULL CHECK (kind IN ('app', 'signing_key')),
    key_id      TEXT COLLATE "C" NOT NULL UNIQUE CHECK (length(key_id) = 32),
    login       TEXT COLLATE "C" UNIQUE CHECK (login <> ''),
    generation  BIGINT NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    failures    BIGINT NOT NULL CHECK (failures >= 0),
    locked_at   BIGINT NOT NULL,
    revoked_at  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    client_keys TEXT COLLATE "C" NOT NULL DEFAULT ''
        CHECK (length(client_keys) IN (0, 64, 129, 194, 259) AND client_keys ~ '^[0-9a-f,]*$'),
    CHECK ((kind = 'app') = (login IS NOT NULL))
);
CREATE INDEX credential_partner ON credential (partner_id);
CREATE UNIQUE INDEX credential_home ON credential (id, partner_id, environment);

-- sealed: the API secret, readable only with the key ring and only in this row. hash: the partner secret's argon2id.
CREATE TABLE version (
    credential_id TEXT COLLATE "C" NOT NULL REFERENCES credential (id),
    number        BIGINT NOT NULL CHECK (number > 0),
    sealed        BYTEA,
    hash          TEXT COLLATE "C",
    not_before    BIGINT NOT NULL,
    not_after     BIGINT NOT NULL,
    by_partner    SMALLINT NOT NULL CHECK (by_partner IN (0, 1)),
    PRIMARY KEY (credential_id, number),
    CHECK ((sealed IS NULL) <> (hash IS NULL))
);

CREATE TABLE network (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    partner_id  TEXT COLLATE "C" NOT NULL REFERENCES partner (id),
    environment TEXT COLLATE "C" NOT NULL CHECK (environment <> ''),
    api         TEXT COLLATE "C" NOT NULL,
    prefix      TEXT COLLATE "C" NOT NULL,
    country     TEXT COLLATE "C" NOT NULL,
    note        TEXT COLLATE "C" NOT NULL,
    created_at  BIGINT NOT NULL,
    UNIQUE (partner_id, environment, api, prefix, country),
    CHECK ((prefix = '') <> (country = ''))
);

-- per: nanoseconds, whole seconds. credential_id: NULL for all credentials of the partner together.
CREATE TABLE limit_rule (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    partner_id    TEXT COLLATE "C" NOT NULL REFERENCES partner (id),
    environment   TEXT COLLATE "C" NOT NULL CHECK (environment <> ''),
    credential_id TEXT COLLATE "C" CHECK (credential_id <> ''),
    api           TEXT COLLATE "C" NOT NULL,
    rate          BIGINT NOT NULL CHECK (rate BETWEEN 0 AND 1000000),
    per           BIGINT NOT NULL,
    burst         BIGINT NOT NULL,
    daily         BIGINT NOT NULL CHECK (daily BETWEEN 0 AND 1000000000000),
    created_at    BIGINT NOT NULL,
    FOREIGN KEY (credential_id, partner_id, environment) REFERENCES credential (id, partner_id, environment),
    CHECK (rate > 0 OR daily > 0),
    CHECK ((rate = 0 AND per = 0 AND burst = 0) OR (rate > 0 AND burst BETWEEN 1 AND 1000000
        AND per BETWEEN 1000000000 AND 86400000000000 AND per % 1000000000 = 0))
);
CREATE UNIQUE INDEX limit_scope ON limit_rule (partner_id, environment, coalesce(credential_id, ''), api);

CREATE TABLE sealing_key (
    environment TEXT COLLATE "C" NOT NULL CHECK (environment <> ''),
    id          BIGINT NOT NULL CHECK (id BETWEEN 1 AND 4294967295),
    sealed      BYTEA NOT NULL,
    created_at  BIGINT NOT NULL,
    retired_at  BIGINT NOT NULL,
    PRIMARY KEY (environment, id)
);

-- body: the canonical JSON of what the kind is; in the chain of changes with all other columns.
CREATE TABLE document (
    kind        TEXT COLLATE "C" NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
    id          TEXT COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 200),
    partner_id  TEXT COLLATE "C" REFERENCES partner (id) CHECK (partner_id <> ''),
    environment TEXT COLLATE "C" NOT NULL,
    state       TEXT COLLATE "C" NOT NULL,
    alias       TEXT COLLATE "C" CHECK (alias <> ''),
    created_at  BIGINT NOT NULL CHECK (created_at <> 0),
    body        BYTEA NOT NULL CHECK (length(body) BETWEEN 1 AND 262144),
    PRIMARY KEY (kind, id)
);
CREATE UNIQUE INDEX document_alias ON document (kind, alias) WHERE alias IS NOT NULL;
CREATE INDEX document_order ON document (kind, created_at, id);
CREATE INDEX document_partner ON document (partner_id, kind) WHERE partner_id IS NOT NULL;

-- What ends by itself: sign-ins, sessions, idempotency keys. In no chain.
CREATE TABLE transient (
    kind       TEXT COLLATE "C" NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
    id         TEXT COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 200),
    owner      TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL CHECK (expires_at <> 0),
    body       BYTEA NOT NULL CHECK (length(body) <= 262144),
    PRIMARY KEY (kind, id)
);
CREATE INDEX transient_owner ON transient (kind, owner);
CREATE INDEX transient_end ON transient (expires_at);

-- Attached files by their SHA-256; the document that names the digest vouches for them.
CREATE TABLE blob (
    digest  BYTEA NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    content BYTEA NOT NULL CHECK (length(content) BETWEEN 1 AND 10485760)
);

-- The record of changes: rows are added, never altered or removed.
CREATE TABLE change (
    seq     BIGINT NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT COLLATE "C" NOT NULL CHECK (actor <> ''),
    action  TEXT COLLATE "C" NOT NULL CHECK (action <> ''),
    subject TEXT COLLATE "C" NOT NULL CHECK (subject <> ''),
    detail  TEXT COLLATE "C" NOT NULL,
    touched BYTEA NOT NULL,
    prev    BYTEA NOT NULL CHECK (length(prev) = 32),
    hash    BYTEA NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX change_subject ON change (subject, seq);
CREATE INDEX change_actor ON change (actor, seq);
CREATE INDEX change_action ON change (action, seq);

-- One row that counts the changes. Whoever writes locks it first, so that there is one writer at a time, whatever machine it runs on.
-- record: the id of the record of changes, drawn once. hash: that of the last change, or the genesis of the record.
CREATE TABLE revision (
    one    SMALLINT NOT NULL PRIMARY KEY CHECK (one = 1),
    n      BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL CHECK (length(record) = 32),
    hash   BYTEA NOT NULL
);
