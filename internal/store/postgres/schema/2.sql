-- Version 2 adds what nodes tell of themselves. Programs of version 1 know nothing of it and go on beside those of version 2.
-- Nothing here is in the record of changes, and no backup brings it back. Every moment is one of this database's clock.

CREATE TABLE node (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 30),
    name          TEXT COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    version       TEXT COLLATE "C" NOT NULL CHECK (length(version) <= 200),
    environments  TEXT COLLATE "C" NOT NULL CHECK (environments <> ''),
    revision      BIGINT NOT NULL CHECK (revision >= 0),
    max_staleness BIGINT NOT NULL CHECK (max_staleness > 0),
    trouble       TEXT COLLATE "C" NOT NULL CHECK (length(trouble) <= 500),
    started_at    BIGINT NOT NULL,
    beat_at       BIGINT NOT NULL,
    read_at       BIGINT NOT NULL,
    in_force_at   BIGINT NOT NULL,
    took          BIGINT NOT NULL
);
CREATE INDEX node_beat ON node (beat_at);

CREATE TABLE lease (
    name     TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 200),
    holder   TEXT COLLATE "C" NOT NULL CHECK (length(holder) = 30),
    term     BIGINT NOT NULL CHECK (term > 0),
    until_at BIGINT NOT NULL
);

-- When the last change was made, and which one it was: a program of version 1 changes the register without saying so here.
CREATE TABLE changed (
    one SMALLINT NOT NULL PRIMARY KEY CHECK (one = 1),
    n   BIGINT NOT NULL,
    at  BIGINT NOT NULL
);
INSERT INTO changed (one, n, at) VALUES (1, 0, 0);
