-- What nodes tell of themselves, as internal/store/postgres has it. These tables are added to a file of version 3 and leave its number as it
-- is: programs that know nothing of them go on using the file.
CREATE TABLE IF NOT EXISTS node (
    id            TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 30),
    name          TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    version       TEXT NOT NULL CHECK (length(version) <= 200),
    environments  TEXT NOT NULL CHECK (environments <> ''),
    revision      INTEGER NOT NULL CHECK (revision >= 0),
    max_staleness INTEGER NOT NULL CHECK (max_staleness > 0),
    trouble       TEXT NOT NULL CHECK (length(trouble) <= 500),
    started_at    INTEGER NOT NULL,
    beat_at       INTEGER NOT NULL,
    read_at       INTEGER NOT NULL,
    in_force_at   INTEGER NOT NULL,
    took          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS node_beat ON node (beat_at);

CREATE TABLE IF NOT EXISTS lease (
    name     TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 200),
    holder   TEXT NOT NULL CHECK (length(holder) = 30),
    term     INTEGER NOT NULL CHECK (term > 0),
    until_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS changed (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    n   INTEGER NOT NULL,
    at  INTEGER NOT NULL
) STRICT;
INSERT INTO changed (one, n, at) VALUES (1, 0, 0) ON CONFLICT (one) DO NOTHING;
