BEGIN
    IF TG_OP = 'INSERT' AND TG_LEVEL = 'ROW' THEN
        IF NEW.seq = coalesce((SELECT max(seq) FROM change), 0) + 1
            AND NEW.prev = coalesce((SELECT hash FROM change WHERE seq = NEW.seq - 1), (SELECT hash FROM revision)) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'change rows are final';
END;
