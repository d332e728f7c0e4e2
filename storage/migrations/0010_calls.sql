-- migrate:up
-- Calls: one open call per room and per person, with its hold, its seconds and its quality. No
-- sound and no words are kept here. Opening and ending are one statement each, built on a turn's.

ALTER TABLE holds ADD COLUMN kind text NOT NULL DEFAULT 'reply' CHECK (kind IN ('reply', 'call'));

CREATE TABLE calls (
    home        text        NOT NULL,
    room        text        NOT NULL,
    call        text        NOT NULL,
    person      text        NOT NULL,                   -- who calls
    companion   text        NOT NULL,
    payer       text        NOT NULL,
    hold        text        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('voice', 'video')),
    transport   text        NOT NULL,                   -- of the last leg
    node        text        NOT NULL,
    legs        integer     NOT NULL DEFAULT 1,         -- how many connections it had
    seconds     bigint      NOT NULL DEFAULT 0 CHECK (seconds >= 0),  -- those that were metered
    cost        bigint      NOT NULL DEFAULT 0 CHECK (cost >= 0),
    reason      text,                                   -- why it ended
    message     text,                                   -- its entry in the room
    receipt     text,
    quality     jsonb       NOT NULL DEFAULT '{}',
    started_at  timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    PRIMARY KEY (home, room, call)
);
CREATE UNIQUE INDEX calls_by_id ON calls (call);
CREATE UNIQUE INDEX calls_one_per_room ON calls (home, room) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX calls_one_per_person ON calls (person) WHERE ended_at IS NULL;
CREATE INDEX calls_by_person ON calls (person, started_at);
CREATE INDEX calls_by_hold ON calls (payer, hold);
CREATE INDEX calls_by_age ON calls (started_at);

-- The hold and the call, or nothing at all. Refusals are those of `open_turn`, and a unique index
-- where the room or the person is in a call already.
CREATE FUNCTION open_call(
    p_person text, p_key text, p_digest bytea, p_answer jsonb,
    p_payer text, p_timezone text, p_allowance bigint, p_period text,
    p_home text, p_room text, p_fence bigint, p_node text, p_hold text, p_call text,
    p_companion text, p_amount bigint, p_least bigint, p_seconds integer, p_kind text, p_transport text,
    OUT outcome text, OUT answer jsonb, OUT granted bigint, OUT available bigint, OUT held bigint,
    OUT lots jsonb, OUT at_ms bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    o record;
BEGIN
    o := open_turn(p_person, p_key, p_digest, p_answer, p_payer, p_timezone, p_allowance, p_period,
                   p_home, p_room, p_fence, p_node, p_hold, p_call, p_companion, p_amount, p_least,
                   p_seconds, NULL, NULL, NULL, '', false);
    outcome := o.outcome; answer := o.answer; granted := o.granted; available := o.available;
    held := o.held; lots := o.lots; at_ms := o.at_ms;
    IF outcome = 'opened' AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.call = p_call) THEN
        UPDATE holds h SET kind = 'call' WHERE h.person = p_payer AND h.hold = p_hold;
        INSERT INTO calls (home, room, call, person, companion, payer, hold, kind, transport, node)
        VALUES (p_home, p_room, p_call, p_person, p_companion, p_payer, p_hold, p_kind, p_transport, p_node);
    END IF;
END $$;

-- Charge the seconds, give the rest back, store the entry in the room's branch in use. Again: nothing.
CREATE FUNCTION end_call(
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
        'companion', c.companion, 'receipt', receipt);
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
