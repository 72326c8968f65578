-- The chain of changes, limits, and client keys bound to credentials. Run by migrate2.go, which then hashes the change rows
-- that are there: SQL knows no SHA-256.

-- per: nanoseconds, whole seconds. credential_id: NULL for all credentials of the partner together.
CREATE UNIQUE INDEX credential_home ON credential (id, partner_id, environment);
CREATE TABLE limit_rule (
    id            TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    partner_id    TEXT NOT NULL REFERENCES partner (id),
    environment   TEXT NOT NULL CHECK (environment <> ''),
    credential_id TEXT CHECK (credential_id <> ''),
    api           TEXT NOT NULL,
    rate          INTEGER NOT NULL CHECK (rate BETWEEN 0 AND 1000000),
    per           INTEGER NOT NULL,
    burst         INTEGER NOT NULL,
    daily         INTEGER NOT NULL CHECK (daily BETWEEN 0 AND 1000000000000),
    created_at    INTEGER NOT NULL,
    FOREIGN KEY (credential_id, partner_id, environment) REFERENCES credential (id, partner_id, environment),
    CHECK (rate > 0 OR daily > 0),
    CHECK ((rate = 0 AND per = 0 AND burst = 0) OR (rate > 0 AND burst BETWEEN 1 AND 1000000
        AND per BETWEEN 1000000000 AND 86400000000000 AND per % 1000000000 = 0))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX limit_scope ON limit_rule (partner_id, environment, ifnull(credential_id, ''), api);

-- client_keys: SHA-256 digests in lower-case hex, ascending, with a comma between them; at most four.
ALTER TABLE credential ADD COLUMN client_keys TEXT NOT NULL DEFAULT ''
    CHECK (length(client_keys) IN (0, 64, 129, 194, 259) AND client_keys NOT GLOB '*[^0-9a-f,]*');

-- record: the id of the record of changes, drawn once. hash: that of the last change, or the genesis of the record.
CREATE TABLE revision_2 (
    only   INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    n      INTEGER NOT NULL,
    record TEXT NOT NULL CHECK (length(record) = 32),
    hash   BLOB NOT NULL
) STRICT;
INSERT INTO revision_2 (only, n, record, hash) SELECT only, n, lower(hex(randomblob(16))), x'' FROM revision;
DROP TABLE revision;
ALTER TABLE revision_2 RENAME TO revision;

DROP TRIGGER IF EXISTS change_is_next;
DROP TRIGGER IF EXISTS change_is_final;
DROP TRIGGER IF EXISTS change_stays;
ALTER TABLE change RENAME TO change_1;
CREATE TABLE change (
    seq     INTEGER NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL CHECK (actor <> ''),
    action  TEXT NOT NULL CHECK (action <> ''),
    subject TEXT NOT NULL CHECK (subject <> ''),
    detail  TEXT NOT NULL,
    touched BLOB NOT NULL,
    prev    BLOB NOT NULL CHECK (length(prev) = 32),
    hash    BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
