-- migrate:up
-- Calls that are recorded. While one is, its sound is kept part by part, so that a crash costs
-- seconds; when the call has ended the parts become one recording (0012) and are gone.

ALTER TABLE recordings ADD COLUMN call text;            -- of which call
CREATE INDEX recordings_of_call ON recordings (call) WHERE call IS NOT NULL;
CREATE INDEX recordings_of_calls_by_age ON recordings (created_at) WHERE kind = 'call';

CREATE TABLE tapes (
    recording   text        PRIMARY KEY,
    person      text        NOT NULL,                   -- who calls: it will be theirs
    room        text        NOT NULL,
    call        text        NOT NULL,
    agreed      text[]      NOT NULL,                   -- everybody who was in the room
    begun_at    timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz
);
CREATE INDEX tapes_of_call ON tapes (call);
CREATE INDEX tapes_of_person ON tapes (person);
CREATE INDEX tapes_of_room ON tapes (room);

CREATE TABLE tape_parts (
    recording   text        NOT NULL REFERENCES tapes ON DELETE CASCADE,
    n           integer     NOT NULL,
    person      text        NOT NULL,
    address     text        NOT NULL,                   -- of the sealed file
    bytes       bigint      NOT NULL CHECK (bytes > 0),
    ms          integer     NOT NULL CHECK (ms >= 0),
    waveform    jsonb       NOT NULL DEFAULT '[]',
    PRIMARY KEY (recording, n)
);
CREATE INDEX tape_parts_of ON tape_parts (person);
CREATE INDEX tape_parts_at ON tape_parts (address);

-- Whether each of these people agrees to this now. Nobody: no.
CREATE FUNCTION all_agree(p_people text[], p_purpose text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(bool_and(coalesce((SELECT c.granted FROM consents c
             WHERE c.person = p.person AND c.purpose = p_purpose ORDER BY c.n DESC LIMIT 1), false)), false)
      FROM unnest(p_people) p(person)
$$;

-- Whether these are all the people in a room.
CREATE FUNCTION are_all_of_room(p_people text[], p_room text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (SELECT 1 FROM rooms o JOIN members m ON m.home = o.home AND m.room = o.room
         WHERE o.room = p_room AND m.kind = 'person' AND m.left_at IS NULL
           AND m.member <> ALL (p_people))
$$;

CREATE FUNCTION recordings_of_call(p_call text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(t.recording ORDER BY t.begun_at), '[]') FROM tapes t
     WHERE t.call = p_call AND EXISTS (SELECT 1 FROM tape_parts p WHERE p.recording = t.recording)
$$;

-- As before (0010); the entry names what was recorded, however the call ended.
CREATE OR REPLACE FUNCTION end_call(
    p_payer text, p_hold text, p_fence bigint, p_metered bigint, p_call_seconds bigint, p_reason text,
    p_message text, p_receipt text, p_receipt_doc jsonb, p_quality jsonb,
    OUT outcome text, OUT captured bigint, OUT n bigint, OUT parent text, OUT seconds bigint,
    OUT reason text, OUT message text, OUT receipt text,
    OUT available bigint, OUT held bigint, OUT lots jsonb, OUT at_ms bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    s record; c calls; r rooms; v_part jsonb;
BEGIN
    s := settle_turn(p_payer, p_hold, p_fence, p_metered, NULL, NULL, NULL, '', 'completed', false,
                     NULL, '[]', CASE WHEN p_metered > 0 THEN p_receipt END, p_receipt_doc);
    outcome := s.outcome; captured := s.captured; receipt := s.receipt; available := s.available;
    held := s.held; lots := s.lots; at_ms := s.at_ms;
    SELECT * INTO c FROM calls x WHERE x.payer = p_payer AND x.hold = p_hold FOR UPDATE;
    IF NOT FOUND OR c.ended_at IS NOT NULL THEN
        seconds := c.seconds; reason := c.reason; message := c.message;
        SELECT m.n, m.parent INTO n, parent FROM messages m
         WHERE m.home = c.home AND m.room = c.room AND m.message = c.message;
        RETURN;
    END IF;
    seconds := greatest(c.seconds, p_call_seconds); reason := p_reason; message := p_message;
    v_part := jsonb_build_object('type', 'call', 'call', c.call, 'kind', c.kind, 'reason', p_reason,
        'seconds', seconds, 'cost_microcredits', captured, 'person', c.person,
        'companion', c.companion, 'receipt', receipt, 'recordings', recordings_of_call(c.call));
    SELECT * INTO r FROM rooms x WHERE x.home = c.home AND x.room = c.room FOR UPDATE;
    IF FOUND THEN
        parent := r.head;
        UPDATE rooms x SET n = x.n + 1, changes = x.changes + 1, head = p_message,
               spent = x.spent + end_call.captured, updated_at = now()
         WHERE x.home = c.home AND x.room = c.room RETURNING x.n INTO n;
        INSERT INTO messages (home, room, message, n, changed, parent, sender_kind, sender, parts, cost, receipt)
        VALUES (c.home, c.room, p_message, n, r.changes + 1, r.head, 'system', c.call,
                jsonb_build_array(v_part), captured, receipt);
    END IF;
    UPDATE calls x SET seconds = end_call.seconds, cost = end_call.captured, reason = p_reason,
           message = p_message, receipt = end_call.receipt, ended_at = now(),
           quality = CASE WHEN p_quality = '{}' THEN x.quality ELSE p_quality END
     WHERE x.home = c.home AND x.room = c.room AND x.call = c.call;
END $$;
