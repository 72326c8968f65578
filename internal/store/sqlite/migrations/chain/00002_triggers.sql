-- Run after the old change rows have been hashed and copied.
DROP TABLE change_1;

CREATE TRIGGER change_is_next BEFORE INSERT ON change
WHEN NEW.seq <> ifnull((SELECT max(seq) FROM change), 0) + 1
    OR NEW.prev <> ifnull((SELECT hash FROM change WHERE seq = NEW.seq - 1), (SELECT hash FROM revision))
BEGIN
    SELECT RAISE(ABORT, 'change rows are final');
END;
CREATE TRIGGER change_is_final BEFORE UPDATE ON change
BEGIN
    SELECT RAISE(ABORT, 'change rows are final');
END;
CREATE TRIGGER change_stays BEFORE DELETE ON change
BEGIN
    SELECT RAISE(ABORT, 'change rows are final');
END;

PRAGMA user_version = 2;
