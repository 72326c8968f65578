-- The register. Times are microseconds since 1970 in UTC; 0 stands for "none". Row identities are text and never reused.
-- Constraints repeat what the use cases refuse, so that a fault there cannot become a row here.

-- +goose Up
CREATE TABLE partner (
    id         TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    name       TEXT NOT NULL CHECK (name <> ''),
    closed     INTEGER NOT NULL CHECK (closed IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX partner_name ON partner (name);

CREATE TABLE review (
    partner_id   TEXT NOT NULL REFERENCES partner (id),
    environment  TEXT NOT NULL CHECK (environment <> ''),
    state        TEXT NOT NULL CHECK (state IN ('requested', 'approved', 'suspended', 'closed')),
    requested_by TEXT NOT NULL CHECK (requested_by <> ''),
    approved_by  TEXT NOT NULL CHECK (approved_by <> requested_by),
    changed_at   INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    PRIMARY KEY (partner_id, environment),
    CHECK (state <> 'approved' OR approved_by <> '')
) STRICT, WITHOUT ROWID;

CREATE TABLE credential (
    id          TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    partner_id  TEXT NOT NULL REFERENCES partner (id),
    environment TEXT NOT NULL CHECK (environment <> ''),
    kind        TEXT NOT NULL CHECK (kind IN ('app', 'signing_key')),
    key_id      TEXT NOT NULL UNIQUE CHECK (length(key_id) = 32),
    login       TEXT UNIQUE CHECK (login <> ''),
    generation  INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    failures    INTEGER NOT NULL CHECK (failures >= 0),
    locked_at   INTEGER NOT NULL,
    revoked_at  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    CHECK ((kind = 'app') = (login IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX credential_partner ON credential (partner_id);

-- sealed: the API secret, readable only with the key ring and only in this row. hash: the partner secret's argon2id.
CREATE TABLE version (
    credential_id TEXT NOT NULL REFERENCES credential (id),
    number        INTEGER NOT NULL CHECK (number > 0),
    sealed        BLOB,
    hash          TEXT,
    not_before    INTEGER NOT NULL,
    not_after     INTEGER NOT NULL,
    by_partner    INTEGER NOT NULL CHECK (by_partner IN (0, 1)),
    PRIMARY KEY (credential_id, number DESC),
    CHECK ((sealed IS NULL) <> (hash IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE network (
    id          TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    partner_id  TEXT NOT NULL REFERENCES partner (id),
    environment TEXT NOT NULL CHECK (environment <> ''),
    api         TEXT NOT NULL,
    prefix      TEXT NOT NULL,
    country     TEXT NOT NULL,
    note        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (partner_id, environment, api, prefix, country),
    CHECK ((prefix = '') <> (country = ''))
) STRICT, WITHOUT ROWID;

CREATE TABLE sealing_key (
    environment TEXT NOT NULL CHECK (environment <> ''),
    id          INTEGER NOT NULL CHECK (id BETWEEN 1 AND 4294967295),
    sealed      BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    retired_at  INTEGER NOT NULL,
    PRIMARY KEY (environment, id)
) STRICT, WITHOUT ROWID;

-- The record of changes: rows are added, never altered or removed.
CREATE TABLE change (
    seq     INTEGER NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL CHECK (actor <> ''),
    action  TEXT NOT NULL CHECK (action <> ''),
    subject TEXT NOT NULL CHECK (subject <> ''),
    detail  TEXT NOT NULL
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER change_is_next BEFORE INSERT ON change
WHEN NEW.seq <> ifnull((SELECT max(seq) FROM change), 0) + 1
BEGIN
    SELECT RAISE(ABORT, 'change rows are final');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER change_is_final BEFORE UPDATE ON change
BEGIN
    SELECT RAISE(ABORT, 'change rows are final');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER change_stays BEFORE DELETE ON change
BEGIN
    SELECT RAISE(ABORT, 'change rows are final');
END;
-- +goose StatementEnd

-- One row that counts the changes; the highest seq and this number are raised together.
CREATE TABLE revision (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    n    INTEGER NOT NULL
) STRICT;
INSERT INTO revision (only, n) VALUES (1, 0);

PRAGMA user_version = 1;
