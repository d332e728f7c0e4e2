-- migrate:up
-- A call outlives its holder: what was agreed when it began is kept beside it, so that the next
-- holder goes on with the same meter, and `take_call` gives it the hold under its own fence.

ALTER TABLE calls ADD COLUMN terms jsonb NOT NULL DEFAULT '{}';

-- As before, with the terms. The older form stays for gateways that have not been renewed yet;
-- a call that they begin has no terms, and ends with its holder.
CREATE FUNCTION open_call(
    p_person text, p_key text, p_digest bytea, p_answer jsonb,
    p_payer text, p_timezone text, p_allowance bigint, p_period text,
    p_home text, p_room text, p_fence bigint, p_node text, p_hold text, p_call text,
    p_companion text, p_amount bigint, p_least bigint, p_seconds integer, p_kind text, p_transport text,
    p_terms jsonb,
    OUT outcome text, OUT answer jsonb, OUT granted bigint, OUT available bigint, OUT held bigint,
    OUT lots jsonb, OUT at_ms bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    o record;
BEGIN
    o := open_call(p_person, p_key, p_digest, p_answer, p_payer, p_timezone, p_allowance, p_period,
                   p_home, p_room, p_fence, p_node, p_hold, p_call, p_companion, p_amount, p_least,
                   p_seconds, p_kind, p_transport);
    outcome := o.outcome; answer := o.answer; granted := o.granted; available := o.available;
    held := o.held; lots := o.lots; at_ms := o.at_ms;
    UPDATE calls x SET terms = p_terms WHERE x.call = p_call AND outcome = 'opened';
END $$;

-- The hold and the call go to the next holder; whoever had them before can neither extend nor
-- settle any more. No row: there is no such open call, or a newer holder has the room.
CREATE FUNCTION take_call(p_payer text, p_hold text, p_fence bigint, p_node text, p_seconds integer,
    OUT k integer, OUT amount bigint, OUT person text, OUT companion text, OUT kind text,
    OUT transport text, OUT legs integer, OUT terms jsonb)
RETURNS SETOF record LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    h holds; c calls; v_fence bigint;
BEGIN
    SELECT * INTO h FROM holds x WHERE x.person = p_payer AND x.hold = p_hold FOR UPDATE;
    IF NOT FOUND OR h.state <> 'open' OR h.fence > p_fence THEN RETURN; END IF;
    SELECT r.fence INTO v_fence FROM rooms r WHERE r.home = h.home AND r.room = h.room FOR UPDATE;
    IF NOT FOUND OR v_fence > p_fence THEN RETURN; END IF;
    SELECT * INTO c FROM calls x WHERE x.payer = p_payer AND x.hold = p_hold FOR UPDATE;
    IF NOT FOUND OR c.ended_at IS NOT NULL THEN RETURN; END IF;
    UPDATE holds x SET fence = p_fence, node = p_node, expires_at = now() + make_interval(secs => p_seconds)
     WHERE x.person = p_payer AND x.hold = p_hold;
    UPDATE calls x SET node = p_node WHERE x.payer = p_payer AND x.hold = p_hold;
    k := h.k; amount := h.amount; person := c.person; companion := c.companion; kind := c.kind;
    transport := c.transport; legs := c.legs; terms := c.terms;
    RETURN NEXT;
END $$;
