-- migrate:up
-- Looks and interventions of those who run the service. A row is written before anything is shown
-- or done, and none is ever changed or deleted. No column here is named after a person, so erasing
-- an account leaves the log as it is: it names staff and rooms by id, never a member.

CREATE TABLE audit (
    n           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    who         text        NOT NULL,
    act         text        NOT NULL,                   -- rooms.list, watch.start, room.pause, ...
    room        text        NOT NULL DEFAULT '',
    why         text        NOT NULL DEFAULT '',        -- the reason given
    outcome     text        NOT NULL CHECK (outcome IN ('allowed', 'refused', 'failed', 'done')),
    note        text        NOT NULL DEFAULT ''         -- a direction's words, a message's id, an error's code
);
CREATE INDEX audit_by_who ON audit (who, at);
CREATE INDEX audit_by_room ON audit (room, n) WHERE room <> '';

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'KD000';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_never_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

ALTER TABLE rooms
    ADD COLUMN halted         text    NOT NULL DEFAULT '' CHECK (halted IN ('', 'paused', 'ended')),
    ADD COLUMN direction      text    NOT NULL DEFAULT '',  -- whispered to the companion; shown to nobody else
    ADD COLUMN direction_once boolean NOT NULL DEFAULT true;

ALTER TABLE messages ADD COLUMN by_staff boolean NOT NULL DEFAULT false;  -- staff wrote it in a companion's place
