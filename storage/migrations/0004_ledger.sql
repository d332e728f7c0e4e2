-- migrate:up
-- Money. Integers only, in microcredits. Each function below is one statement to its caller and
-- one commit; each is conditional and idempotent; each locks in the order hold, room, wallet.
-- A refusal raises an SQLSTATE of class KD and leaves no trace. Only now() decides what is late.
-- Why functions and not one large CTE: docs/why/money-in-functions.md.

CREATE TABLE wallets (
    person      text        PRIMARY KEY,
    timezone    text        NOT NULL DEFAULT 'UTC',
    lots        jsonb       NOT NULL DEFAULT '[]',  -- in spend order: [{id,kind,amount,expires,priority,promo,created}]
    held        bigint      NOT NULL DEFAULT 0 CHECK (held >= 0),
    spent       bigint      NOT NULL DEFAULT 0 CHECK (spent >= 0),
    minted      date,                               -- the last period an allowance was minted for
    ceiling_day bigint      CHECK (ceiling_day >= 0),
    ceilings    jsonb       NOT NULL DEFAULT '{}',  -- room -> the most that may be spent there
    today       date,
    spent_today bigint      NOT NULL DEFAULT 0,
    reversed    jsonb       NOT NULL DEFAULT '[]',  -- ids of lots taken back; what holds return of them goes too
    n           bigint      NOT NULL DEFAULT 0,     -- the last entry's number
    hash        bytea       NOT NULL DEFAULT '\x'   -- the last entry's hash
);

CREATE TABLE holds (
    person      text        NOT NULL,               -- who pays
    hold        text        NOT NULL,
    home        text,                               -- null: no room (an API completion)
    room        text,
    reply       text        NOT NULL,
    message     text,                               -- what is answered
    sender      text        NOT NULL,
    companion   text        NOT NULL,
    node        text        NOT NULL,
    state       text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'captured', 'released')),
    fence       bigint      NOT NULL,
    k           integer     NOT NULL DEFAULT 0,     -- how often it was extended
    amount      bigint      NOT NULL CHECK (amount >= 0),
    metered     bigint      NOT NULL DEFAULT 0 CHECK (metered >= 0),
    captured    bigint      NOT NULL DEFAULT 0 CHECK (captured >= 0),
    lots        jsonb       NOT NULL DEFAULT '[]',  -- what was taken from which lot
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    settled_at  timestamptz,
    n           bigint,                             -- the stored reply's number, if one was stored
    receipt     text,
    PRIMARY KEY (person, hold),
    CHECK (metered <= amount),
    CHECK (captured <= amount)
);
CREATE INDEX holds_open_by_room ON holds (home, room) WHERE state = 'open';
CREATE INDEX holds_by_end ON holds (settled_at);    -- what a dead node settled and may not have told
CREATE INDEX holds_open_by_age ON holds (expires_at) WHERE state = 'open';

CREATE TABLE entries (
    person      text        NOT NULL,
    n           bigint      NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('grant', 'capture', 'lapse', 'reverse', 'shortfall')),
    ref         text        NOT NULL,
    amount      bigint      NOT NULL CHECK (amount >= 0),
    balance     bigint      NOT NULL CHECK (balance >= 0), -- spendable and held, after this entry
    lots        jsonb       NOT NULL DEFAULT '[]',
    note        jsonb       NOT NULL DEFAULT '{}',
    at          timestamptz NOT NULL DEFAULT now(),
    prev        bytea       NOT NULL,
    hash        bytea       NOT NULL,
    PRIMARY KEY (person, n),
    UNIQUE (person, kind, ref)
);

CREATE TABLE receipts (
    person      text        NOT NULL,
    receipt     text        NOT NULL,
    reply       text        NOT NULL,
    doc         jsonb       NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, receipt)
);
CREATE INDEX receipts_by_reply ON receipts (person, reply);

CREATE FUNCTION entries_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries are append-only' USING ERRCODE = 'KD000';
END $$;
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION entries_are_append_only();
CREATE TRIGGER entries_never_emptied BEFORE TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION entries_are_append_only();

CREATE FUNCTION lots_total(lots jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(sum((lot->>'amount')::bigint), 0)::bigint FROM jsonb_array_elements(lots) lot
$$;

-- Spend order: priority, earliest expiry (none last), promotional before paid, oldest.
CREATE FUNCTION lots_sorted(lots jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(lot ORDER BY (lot->>'priority')::int,
                    (lot->>'expires')::bigint NULLS LAST, (lot->>'promo')::boolean DESC,
                    (lot->>'created')::bigint, lot->>'id'), '[]')
      FROM jsonb_array_elements(lots) lot WHERE (lot->>'amount')::bigint > 0
$$;

-- Take `wanted` from the front of `lots`: what was taken (the same lots, smaller) and what is left.
CREATE FUNCTION lots_take(lots jsonb, wanted bigint, OUT taken jsonb, OUT remain jsonb)
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
DECLARE
    lot jsonb; have bigint; part bigint;
BEGIN
    taken := '[]'; remain := '[]';
    FOR lot IN SELECT * FROM jsonb_array_elements(lots) LOOP
        have := (lot->>'amount')::bigint;
        part := least(have, wanted);
        wanted := wanted - part;
        IF part > 0 THEN taken := taken || jsonb_set(lot, '{amount}', to_jsonb(part)); END IF;
        IF have > part THEN remain := remain || jsonb_set(lot, '{amount}', to_jsonb(have - part)); END IF;
    END LOOP;
END $$;

-- Put `back` into `lots`: parts of one lot join again.
CREATE FUNCTION lots_join(lots jsonb, back jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT lots_sorted(coalesce(jsonb_agg(lot), '[]')) FROM (
        SELECT (array_agg(lot))[1] || jsonb_build_object('amount', sum((lot->>'amount')::bigint)) AS lot
          FROM jsonb_array_elements(lots || back) lot GROUP BY lot->>'id') joined
$$;

-- An entry's link in the chain: the one before, and everything the entry says.
CREATE FUNCTION entry_hash(p_prev bytea, p_person text, p_n bigint, p_kind text, p_ref text,
                           p_amount bigint, p_balance bigint, p_lots jsonb, p_note jsonb, p_at timestamptz)
RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(p_prev || convert_to(concat_ws('|', p_person, p_n, p_kind, p_ref, p_amount, p_balance,
           p_lots::text, p_note::text, (extract(epoch FROM p_at) * 1000000)::bigint), 'UTF8'))
$$;

-- Append an entry to a locked wallet's chain; false if this (kind, ref) is there already.
CREATE FUNCTION entry_append(INOUT w wallets, p_kind text, p_ref text, p_amount bigint,
                             p_lots jsonb, p_note jsonb, OUT added boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_hash bytea; v_balance bigint := lots_total(w.lots) + w.held; v_at timestamptz := now();
BEGIN
    v_hash := entry_hash(w.hash, w.person, w.n + 1, p_kind, p_ref, p_amount, v_balance, p_lots, p_note, v_at);
    INSERT INTO entries (person, n, kind, ref, amount, balance, lots, note, at, prev, hash)
    VALUES (w.person, w.n + 1, p_kind, p_ref, p_amount, v_balance, p_lots, p_note, v_at, w.hash, v_hash)
    ON CONFLICT (person, kind, ref) DO NOTHING;
    added := FOUND;
    IF added THEN
        w.n := w.n + 1; w.hash := v_hash;
    END IF;
END $$;

-- Lock a wallet (made if new), let lapsed lots lapse, and mint the period's allowance once.
CREATE FUNCTION wallet_fresh(p_person text, p_timezone text, p_allowance bigint, p_period text)
RETURNS wallets LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    w wallets; v_now_ms bigint := (extract(epoch FROM now()) * 1000)::bigint;
    v_local timestamp; v_start date; v_end timestamptz; v_lapsed jsonb; v_lot jsonb; e record;
    v_changed boolean := false;
BEGIN
    SELECT * INTO w FROM wallets WHERE person = p_person FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO wallets (person, timezone) VALUES (p_person, p_timezone) ON CONFLICT DO NOTHING;
        SELECT * INTO w FROM wallets WHERE person = p_person FOR UPDATE;
    END IF;
    SELECT coalesce(jsonb_agg(lot), '[]') INTO v_lapsed FROM jsonb_array_elements(w.lots) lot
     WHERE (lot->>'expires')::bigint <= v_now_ms;
    IF v_lapsed <> '[]' THEN
        SELECT coalesce(jsonb_agg(lot ORDER BY i), '[]') INTO w.lots
          FROM jsonb_array_elements(w.lots) WITH ORDINALITY l(lot, i)
         WHERE coalesce((lot->>'expires')::bigint > v_now_ms, true);
        e := entry_append(w, 'lapse', 'lapse:' || w.n, lots_total(v_lapsed), v_lapsed, '{}');
        w := e.w;
        v_changed := true;
    END IF;
    IF p_allowance > 0 AND p_period <> 'never' THEN
        v_local := now() AT TIME ZONE p_timezone;
        v_start := date_trunc(p_period, v_local)::date;
        IF w.minted IS NULL OR v_start > w.minted THEN
            v_end := (v_start + ('1 ' || p_period)::interval) AT TIME ZONE p_timezone;
            w.timezone := p_timezone;  -- who travels keeps the day begun, then lives by the new clock
            v_lot := jsonb_build_object('id', p_period || ':' || v_start, 'kind', 'daily',
                'amount', p_allowance, 'expires', (extract(epoch FROM v_end) * 1000)::bigint,
                'priority', 10, 'promo', true, 'created', v_now_ms);
            w.lots := lots_join(w.lots, jsonb_build_array(v_lot));
            w.minted := v_start;
            e := entry_append(w, 'grant', 'allowance:' || v_start, p_allowance,
                              jsonb_build_array(v_lot), '{"origin": "allowance"}');
            w := e.w;
            v_changed := true;
        END IF;
    END IF;
    IF v_changed THEN
        UPDATE wallets SET lots = w.lots, minted = w.minted, timezone = w.timezone, n = w.n,
               hash = w.hash WHERE person = p_person;
    END IF;
    RETURN w;
END $$;

-- What may be spent now: the lots, within the day's and the room's ceiling.
CREATE FUNCTION wallet_spendable(w wallets, p_home text, p_room text, OUT available bigint, OUT ceiling text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_today date := (now() AT TIME ZONE w.timezone)::date; v_left bigint; v_spent bigint;
BEGIN
    available := lots_total(w.lots);
    IF w.ceiling_day IS NOT NULL THEN
        v_spent := CASE WHEN w.today = v_today THEN w.spent_today ELSE 0 END;
        v_left := greatest(w.ceiling_day - v_spent - w.held, 0);
        IF v_left < available THEN available := v_left; ceiling := 'day'; END IF;
    END IF;
    IF p_room IS NOT NULL AND w.ceilings ? p_room THEN
        SELECT coalesce(sum(h.captured + CASE WHEN h.state = 'open' THEN h.amount ELSE 0 END), 0)
          INTO v_spent FROM holds h WHERE h.person = w.person AND h.home = p_home AND h.room = p_room;
        v_left := greatest((w.ceilings->>p_room)::bigint - v_spent, 0);
        IF v_left < available THEN available := v_left; ceiling := 'room'; END IF;
    END IF;
END $$;

-- Commit 1 of a turn: the command, the message and the hold, or nothing at all.
CREATE FUNCTION open_turn(
    p_sender text, p_key text, p_digest bytea, p_answer jsonb,
    p_payer text, p_timezone text, p_allowance bigint, p_period text,
    p_home text, p_room text, p_fence bigint, p_node text,
    p_hold text, p_reply text, p_companion text, p_amount bigint, p_least bigint, p_seconds integer,
    p_message text, p_parent text, p_parts jsonb, p_words text, p_edited boolean,
    OUT outcome text, OUT answer jsonb, OUT n bigint, OUT granted bigint, OUT available bigint,
    OUT held bigint, OUT lots jsonb, OUT at_ms bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_room rooms; w wallets; v_can record; v_take record; v_digest bytea;
BEGIN
    at_ms := (extract(epoch FROM now()) * 1000)::bigint;
    IF p_key IS NOT NULL THEN
        INSERT INTO commands (person, key, digest, answer)
        VALUES (p_sender, p_key, p_digest, p_answer) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT c.digest, c.answer INTO v_digest, answer FROM commands c
             WHERE c.person = p_sender AND c.key = p_key;
            outcome := CASE WHEN v_digest = p_digest THEN 'repeated' ELSE 'key_reused' END;
            -- The very same request once more: its answer was lost on the way, its hold stands.
            SELECT 'opened', h.amount, m.n INTO outcome, granted, n
              FROM holds h LEFT JOIN messages m
                ON m.home = h.home AND m.room = h.room AND m.message = p_message
             WHERE outcome = 'repeated' AND h.person = p_payer AND h.hold = p_hold AND h.state = 'open'
             UNION ALL SELECT outcome, NULL, NULL LIMIT 1;
            RETURN;
        END IF;
    END IF;
    IF p_room IS NOT NULL THEN
        SELECT * INTO v_room FROM rooms r WHERE r.home = p_home AND r.room = p_room FOR UPDATE;
        IF NOT FOUND OR v_room.fence > p_fence THEN
            RAISE EXCEPTION 'another holder has the room' USING ERRCODE = 'KD001';
        END IF;
    END IF;
    w := wallet_fresh(p_payer, p_timezone, p_allowance, p_period);
    v_can := wallet_spendable(w, p_home, p_room);
    IF p_amount > 0 AND v_can.available < p_least THEN
        RAISE EXCEPTION 'not enough credits' USING ERRCODE =
            CASE WHEN v_can.ceiling IS NULL THEN 'KD002' ELSE 'KD003' END,
            DETAIL = jsonb_build_object('available', v_can.available, 'needed', p_least,
                                        'ceiling', v_can.ceiling)::text;
    END IF;
    granted := least(p_amount, v_can.available);
    v_take := lots_take(w.lots, granted);
    IF granted > 0 THEN
        UPDATE wallets u SET lots = v_take.remain, held = u.held + granted WHERE u.person = p_payer;
        w.lots := v_take.remain; w.held := w.held + granted;
    END IF;
    INSERT INTO holds (person, hold, home, room, reply, message, sender, companion, node, fence,
                       amount, lots, expires_at)
    VALUES (p_payer, p_hold, p_home, p_room, p_reply, coalesce(p_message, p_parent), p_sender,
            p_companion, p_node, p_fence, granted, v_take.taken, now() + make_interval(secs => p_seconds));
    IF p_room IS NOT NULL THEN
        UPDATE rooms r SET fence = p_fence, updated_at = now(),
               n = r.n + (p_message IS NOT NULL)::int, changes = r.changes + (p_message IS NOT NULL)::int,
               head = coalesce(p_message, r.head)
         WHERE r.home = p_home AND r.room = p_room RETURNING r.n INTO n;
    END IF;
    IF p_message IS NOT NULL THEN
        INSERT INTO messages (home, room, message, n, changed, parent, sender_kind, sender, parts,
                              words, edited, key)
        VALUES (p_home, p_room, p_message, n, v_room.changes + 1, p_parent, 'person', p_sender,
                p_parts, p_words, p_edited, p_key);
    END IF;
    outcome := 'opened'; answer := p_answer; available := lots_total(w.lots); held := w.held;
    lots := w.lots;
END $$;

-- Commit 2 of a turn: charge what was delivered, give the rest back, store the reply. Again: nothing.
CREATE FUNCTION settle_turn(
    p_payer text, p_hold text, p_fence bigint, p_metered bigint,
    p_parent text, p_continues text, p_parts jsonb, p_words text, p_status text,
    p_continuable boolean, p_usage jsonb, p_memories jsonb, p_receipt text, p_receipt_doc jsonb,
    OUT outcome text, OUT captured bigint, OUT n bigint, OUT receipt text, OUT available bigint,
    OUT held bigint, OUT lots jsonb, OUT at_ms bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    h holds; w wallets; v_room rooms; v_take record; v_lapsed jsonb; v_taken_back jsonb; v_gone bigint;
    v_today date; e record; v_now_ms bigint := (extract(epoch FROM now()) * 1000)::bigint;
BEGIN
    at_ms := v_now_ms;
    SELECT * INTO h FROM holds x WHERE x.person = p_payer AND x.hold = p_hold FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such hold' USING ERRCODE = 'KD004';
    END IF;
    IF h.state <> 'open' THEN
        outcome := 'already'; captured := h.captured; n := h.n; receipt := h.receipt;
        SELECT lots_total(x.lots), x.held, x.lots INTO available, held, lots
          FROM wallets x WHERE x.person = p_payer;
        RETURN;
    END IF;
    IF h.room IS NOT NULL THEN
        SELECT * INTO v_room FROM rooms r WHERE r.home = h.home AND r.room = h.room FOR UPDATE;
        IF v_room.fence > p_fence OR h.fence > p_fence THEN
            RAISE EXCEPTION 'another holder has the room' USING ERRCODE = 'KD001';
        END IF;
    END IF;
    captured := least(p_metered, h.amount);
    SELECT * INTO w FROM wallets x WHERE x.person = p_payer FOR UPDATE;
    v_take := lots_take(h.lots, captured);
    SELECT coalesce(jsonb_agg(lot) FILTER (WHERE fate = 'reversed'), '[]'),
           coalesce(jsonb_agg(lot) FILTER (WHERE fate = 'lapsed'), '[]'),
           coalesce(jsonb_agg(lot) FILTER (WHERE fate = 'back'), '[]')
      INTO v_taken_back, v_lapsed, lots
      FROM (SELECT lot, CASE WHEN w.reversed ? (lot->>'id') THEN 'reversed'
                             WHEN (lot->>'expires')::bigint <= v_now_ms THEN 'lapsed' ELSE 'back' END AS fate
              FROM jsonb_array_elements(v_take.remain) lot) x;
    v_gone := lots_total(v_taken_back) + lots_total(v_lapsed);
    v_today := (now() AT TIME ZONE w.timezone)::date;
    w.lots := lots_join(w.lots, lots);
    w.held := w.held - h.amount + v_gone;  -- each entry below says the balance after itself
    w.spent := w.spent + captured;
    w.spent_today := CASE WHEN w.today = v_today THEN w.spent_today ELSE 0 END + captured;
    w.today := v_today;
    IF captured > 0 THEN
        e := entry_append(w, 'capture', p_hold, captured, v_take.taken,
                          jsonb_build_object('reply', h.reply, 'room', h.room, 'receipt', p_receipt));
        w := e.w;
    END IF;
    IF v_taken_back <> '[]' THEN
        w.held := w.held - lots_total(v_taken_back);
        e := entry_append(w, 'reverse', 'hold:' || p_hold, lots_total(v_taken_back), v_taken_back, '{}');
        w := e.w;
    END IF;
    IF v_lapsed <> '[]' THEN
        w.held := w.held - lots_total(v_lapsed);
        e := entry_append(w, 'lapse', 'hold:' || p_hold, lots_total(v_lapsed), v_lapsed, '{}');
        w := e.w;
    END IF;
    UPDATE wallets x SET lots = w.lots, held = w.held, spent = w.spent, spent_today = w.spent_today,
           today = w.today, n = w.n, hash = w.hash WHERE x.person = p_payer;
    receipt := p_receipt;
    IF p_receipt IS NOT NULL THEN
        INSERT INTO receipts (person, receipt, reply, doc)
        VALUES (p_payer, p_receipt, h.reply, p_receipt_doc || jsonb_build_object(
                'cost_microcredits', captured, 'held_microcredits', h.amount,
                'released_microcredits', h.amount - captured, 'at', v_now_ms));
    END IF;
    IF h.room IS NOT NULL AND p_parts IS NOT NULL THEN
        UPDATE rooms r SET n = r.n + 1, changes = r.changes + 1, fence = p_fence, head = h.reply,
               spent = r.spent + settle_turn.captured, updated_at = now()
         WHERE r.home = h.home AND r.room = h.room RETURNING r.n INTO n;
        INSERT INTO messages (home, room, message, n, changed, parent, continues, sender_kind, sender,
                              parts, words, status, continuable, usage, cost, receipt, memories)
        VALUES (h.home, h.room, h.reply, n, v_room.changes + 1, coalesce(p_parent, h.message),
                p_continues, 'companion', h.companion, p_parts, p_words, p_status, p_continuable,
                p_usage, captured, p_receipt, p_memories);
    END IF;
    UPDATE holds x SET state = CASE WHEN settle_turn.captured > 0 THEN 'captured' ELSE 'released' END,
           metered = settle_turn.captured, captured = settle_turn.captured, settled_at = now(),
           n = settle_turn.n, receipt = p_receipt
     WHERE x.person = p_payer AND x.hold = p_hold;
    outcome := 'settled'; available := lots_total(w.lots); held := w.held; lots := w.lots;
END $$;

-- Grow an open hold by what there is, at most `p_more`. Repeating the same `p_k` changes nothing.
CREATE FUNCTION extend_hold(p_payer text, p_hold text, p_fence bigint, p_k integer, p_more bigint,
                            p_metered bigint, p_seconds integer)
RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    h holds; w wallets; v_more bigint; v_take record;
BEGIN
    SELECT * INTO h FROM holds WHERE person = p_payer AND hold = p_hold FOR UPDATE;
    IF NOT FOUND OR h.state <> 'open' OR h.fence > p_fence THEN
        RAISE EXCEPTION 'the hold is not open' USING ERRCODE = 'KD004';
    END IF;
    IF h.k <> p_k THEN RETURN h.amount; END IF;
    w := wallet_fresh(p_payer, 'UTC', 0, 'never');  -- a lapsed lot pays for nothing more
    v_more := least(p_more, (wallet_spendable(w, h.home, h.room)).available);
    v_take := lots_take(w.lots, v_more);
    UPDATE wallets SET lots = v_take.remain, held = held + v_more WHERE person = p_payer;
    UPDATE holds SET amount = amount + v_more, lots = lots || v_take.taken, k = k + 1,
           metered = greatest(metered, least(p_metered, amount)),
           expires_at = now() + make_interval(secs => p_seconds)
     WHERE person = p_payer AND hold = p_hold;
    RETURN h.amount + v_more;
END $$;

-- Put a lot into a wallet, once per ref.
CREATE FUNCTION grant_credits(p_person text, p_timezone text, p_lot jsonb, p_ref text, p_note jsonb,
                              OUT added boolean, OUT available bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    w wallets; e record; v_lot jsonb;
BEGIN
    w := wallet_fresh(p_person, p_timezone, 0, 'never');
    v_lot := p_lot || jsonb_build_object('created', (extract(epoch FROM now()) * 1000)::bigint);
    added := NOT EXISTS (SELECT 1 FROM entries WHERE person = p_person AND kind = 'grant' AND ref = p_ref);
    IF added THEN
        w.lots := lots_join(w.lots, jsonb_build_array(v_lot));
        e := entry_append(w, 'grant', p_ref, (v_lot->>'amount')::bigint, jsonb_build_array(v_lot), p_note);
        w := e.w;
        UPDATE wallets SET lots = w.lots, n = w.n, hash = w.hash WHERE person = p_person;
    END IF;
    available := lots_total(w.lots);
END $$;

-- Take a grant back from its own lots; what is spent already becomes a shortfall entry, never a debt.
CREATE FUNCTION reverse_grant(p_person text, p_ref text, OUT taken bigint, OUT missing bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    w wallets; v_grant entries; v_ids text[]; v_mine jsonb; e record;
BEGIN
    SELECT * INTO w FROM wallets WHERE person = p_person FOR UPDATE;
    SELECT * INTO v_grant FROM entries WHERE person = p_person AND kind = 'grant' AND ref = p_ref;
    IF w.person IS NULL OR v_grant.person IS NULL THEN
        RAISE EXCEPTION 'there is no such grant' USING ERRCODE = 'KD005';
    END IF;
    SELECT amount INTO taken FROM entries WHERE person = p_person AND kind = 'reverse' AND ref = p_ref;
    IF FOUND THEN
        missing := v_grant.amount - taken;
        RETURN;
    END IF;
    SELECT array_agg(lot->>'id') INTO v_ids FROM jsonb_array_elements(v_grant.lots) lot;
    SELECT coalesce(jsonb_agg(lot), '[]') INTO v_mine FROM jsonb_array_elements(w.lots) lot
     WHERE lot->>'id' = ANY (v_ids);
    taken := lots_total(v_mine);
    missing := v_grant.amount - taken;
    SELECT lots_sorted(coalesce(jsonb_agg(lot), '[]')) INTO w.lots
      FROM jsonb_array_elements(w.lots) lot WHERE NOT lot->>'id' = ANY (v_ids);
    e := entry_append(w, 'reverse', p_ref, taken, v_mine, '{}');
    w := e.w;
    IF missing > 0 THEN
        e := entry_append(w, 'shortfall', p_ref, missing, '[]', '{}');
        w := e.w;
    END IF;
    UPDATE wallets SET lots = w.lots, n = w.n, hash = w.hash, reversed = reversed || to_jsonb(v_ids)
     WHERE person = p_person;
END $$;
