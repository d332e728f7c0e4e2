-- migrate:up
-- What is left when a person is erased: the law keeps the money, nothing keeps the name.
-- The chain of entries covers the person's id, so it is hashed anew over the stand-in's: it proves
-- the same amounts in the same order, of somebody who cannot be found any more.

CREATE OR REPLACE FUNCTION entries_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('kindred.forgetting', true) = OLD.person THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'entries are append-only' USING ERRCODE = 'KD000';
END $$;

CREATE FUNCTION consents_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'consents are append-only' USING ERRCODE = 'KD000';
END $$;
CREATE TRIGGER consents_append_only BEFORE UPDATE ON consents
    FOR EACH ROW EXECUTE FUNCTION consents_are_append_only();

-- False, and nothing done, while one of their replies is still being paid for.
CREATE FUNCTION forget_payer(p_person text, p_stand_in text) RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    e entries; v_note jsonb; v_prev bytea := '\x'; v_hash bytea := '\x';
BEGIN
    PERFORM 1 FROM wallets WHERE person = p_person FOR UPDATE;
    IF EXISTS (SELECT 1 FROM holds WHERE state = 'open'
                AND (person = p_person OR sender = p_person OR home = p_person)) THEN
        RETURN false;
    END IF;
    PERFORM set_config('kindred.forgetting', p_person, true);
    FOR e IN SELECT * FROM entries WHERE person = p_person ORDER BY n LOOP
        v_note := e.note - 'room' - 'reply' - 'note';
        v_hash := entry_hash(v_prev, p_stand_in, e.n, e.kind, e.ref, e.amount, e.balance, e.lots, v_note, e.at);
        UPDATE entries SET person = p_stand_in, note = v_note, prev = v_prev, hash = v_hash
         WHERE person = p_person AND n = e.n;
        v_prev := v_hash;
    END LOOP;
    PERFORM set_config('kindred.forgetting', '', true);
    UPDATE wallets SET person = p_stand_in, hash = v_hash, timezone = 'UTC', ceilings = '{}'
     WHERE person = p_person;
    UPDATE receipts SET person = p_stand_in, doc = doc - 'room' - 'reply' - 'memories' - 'prompt'
     WHERE person = p_person;
    UPDATE holds SET person = p_stand_in WHERE person = p_person;
    UPDATE holds SET sender = p_stand_in WHERE sender = p_person;
    UPDATE holds SET home = NULL, room = NULL, message = NULL WHERE home = p_person;
    RETURN true;
END $$;

CREATE INDEX people_closed ON people (deleted_at) WHERE status = 'deleted';
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);
CREATE INDEX holds_by_home ON holds (home) WHERE home IS NOT NULL;
CREATE INDEX holds_by_sender ON holds (sender);
CREATE INDEX messages_by_sender ON messages (sender) WHERE sender_kind = 'person';
