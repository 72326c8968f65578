CREATE SCHEMA countersign_records;
CREATE TABLE countersign_records.version (version INTEGER NOT NULL, least INTEGER NOT NULL);
INSERT INTO countersign_records.version VALUES (1, 1);
CREATE TABLE countersign_records.stream (
    node    TEXT COLLATE "C" NOT NULL,
    scope   TEXT COLLATE "C" NOT NULL,
    record  TEXT COLLATE "C" NOT NULL,
    part    TEXT COLLATE "C" NOT NULL,
    segment BIGINT NOT NULL,
    place   BIGINT NOT NULL,
    head    TEXT NOT NULL,
    touched TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (node, scope, record, part)
);
CREATE TABLE countersign_records.piece (
    day     DATE NOT NULL,
    node    TEXT COLLATE "C" NOT NULL,
    scope   TEXT COLLATE "C" NOT NULL,
    record  TEXT COLLATE "C" NOT NULL,
    part    TEXT COLLATE "C" NOT NULL,
    segment BIGINT NOT NULL,
    place   BIGINT NOT NULL,
    encoded BYTEA NOT NULL,
    PRIMARY KEY (node, scope, record, part, segment, place, day)
) PARTITION BY RANGE (day);
ALTER TABLE countersign_records.piece ALTER COLUMN encoded SET STORAGE EXTERNAL;
