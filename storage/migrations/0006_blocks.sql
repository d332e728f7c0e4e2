-- migrate:up
-- A companion that somebody blocked cannot answer them: said where every turn begins, so that no
-- cache and no other node can miss it.

CREATE FUNCTION blocked_companions_cannot_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM blocks WHERE person = NEW.sender AND companion = NEW.companion) THEN
        RAISE EXCEPTION 'the companion is blocked' USING ERRCODE = 'KD006';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER holds_not_for_blocked BEFORE INSERT ON holds
    FOR EACH ROW EXECUTE FUNCTION blocked_companions_cannot_answer();
