-- The operators' plane: documents, transient rows and blobs (record 29), and the review that somebody works on.

-- +goose Up
CREATE TABLE review_3 (
    partner_id   TEXT NOT NULL REFERENCES partner (id),
    environment  TEXT NOT NULL CHECK (environment <> ''),
    state        TEXT NOT NULL CHECK (state IN ('requested', 'in_review', 'approved', 'suspended', 'closed')),
    requested_by TEXT NOT NULL CHECK (requested_by <> ''),
    approved_by  TEXT NOT NULL CHECK (approved_by <> requested_by),
    changed_at   INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    PRIMARY KEY (partner_id, environment),
    CHECK (state <> 'approved' OR approved_by <> '')
) STRICT, WITHOUT ROWID;
INSERT INTO review_3 SELECT partner_id, environment, state, requested_by, approved_by, changed_at, reason FROM review;
DROP TABLE review;
ALTER TABLE review_3 RENAME TO review;

-- body: the canonical JSON of what the kind is; in the chain of changes with all other columns.
CREATE TABLE document (
    kind        TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 40 AND kind NOT GLOB '*[^a-z_]*'),
    id          TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 200),
    partner_id  TEXT REFERENCES partner (id) CHECK (partner_id <> ''),
    environment TEXT NOT NULL,
    state       TEXT NOT NULL,
    alias       TEXT CHECK (alias <> ''),
    created_at  INTEGER NOT NULL CHECK (created_at <> 0),
    body        BLOB NOT NULL CHECK (length(body) BETWEEN 1 AND 262144),
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX document_alias ON document (kind, alias) WHERE alias IS NOT NULL;
CREATE INDEX document_order ON document (kind, created_at, id);
CREATE INDEX document_partner ON document (partner_id, kind) WHERE partner_id IS NOT NULL;

-- What ends by itself: sign-ins, sessions, idempotency keys. In no chain.
CREATE TABLE transient (
    kind       TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 40 AND kind NOT GLOB '*[^a-z_]*'),
    id         TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 200),
    owner      TEXT NOT NULL,
    expires_at INTEGER NOT NULL CHECK (expires_at <> 0),
    body       BLOB NOT NULL CHECK (length(body) <= 262144),
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX transient_owner ON transient (kind, owner);
CREATE INDEX transient_end ON transient (expires_at);

-- Attached files by their SHA-256; the document that names the digest vouches for them.
CREATE TABLE blob (
    digest  BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    content BLOB NOT NULL CHECK (length(content) BETWEEN 1 AND 10485760)
) STRICT;

-- What a partner, a person or a credential went through is looked up by its name, not by reading everything.
CREATE INDEX change_subject ON change (subject, seq);
CREATE INDEX change_actor ON change (actor, seq);
CREATE INDEX change_action ON change (action, seq);

PRAGMA user_version = 3;
