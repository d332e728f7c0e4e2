-- migrate:up
-- Rooms and their message trees. Keys begin with `home`, the person who made the room, so that
-- a cluster (Citus) can keep a room and its messages on one shard.

CREATE TABLE rooms (
    home        text        NOT NULL,
    room        text        NOT NULL,
    title       text        NOT NULL DEFAULT '',
    status      text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'ended', 'archived')),
    payer       text        NOT NULL,               -- 'sender': who causes a turn pays; else a person's id
    n           bigint      NOT NULL DEFAULT 0,     -- the last message's number; dense
    changes     bigint      NOT NULL DEFAULT 0,     -- the last change's number; dense over inserts and updates
    fence       bigint      NOT NULL DEFAULT 0,     -- the holder's fencing token; older writers change 0 rows
    head        text,                               -- the last message of the branch in use
    spent       bigint      NOT NULL DEFAULT 0,     -- microcredits captured in this room
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (home, room)
);
CREATE UNIQUE INDEX rooms_by_id ON rooms (room);

CREATE TABLE members (
    home        text        NOT NULL,
    room        text        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('person', 'companion')),
    member      text        NOT NULL,
    since_n     bigint      NOT NULL DEFAULT 0,     -- earlier messages are not shown to this member
    read_n      bigint      NOT NULL DEFAULT 0,
    joined_at   timestamptz NOT NULL DEFAULT now(),
    left_at     timestamptz,
    PRIMARY KEY (home, room, kind, member)
);
CREATE INDEX members_by_member ON members (member, kind) WHERE left_at IS NULL;

CREATE TABLE messages (
    home        text        NOT NULL,
    room        text        NOT NULL,
    message     text        NOT NULL,
    n           bigint      NOT NULL,
    changed     bigint      NOT NULL,
    parent      text,
    continues   text,
    sender_kind text        NOT NULL CHECK (sender_kind IN ('person', 'companion', 'system')),
    sender      text        NOT NULL,
    parts       jsonb       NOT NULL,
    words       text        NOT NULL DEFAULT '',    -- the text of the parts, for search and recall
    status      text        NOT NULL DEFAULT 'completed',
    continuable boolean     NOT NULL DEFAULT false,
    edited      boolean     NOT NULL DEFAULT false,
    usage       jsonb,
    cost        bigint      NOT NULL DEFAULT 0,
    receipt     text,
    memories    jsonb       NOT NULL DEFAULT '[]',
    reactions   jsonb       NOT NULL DEFAULT '{}',
    key         text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (home, room, message),
    UNIQUE (home, room, n),
    UNIQUE (home, room, changed)
);
CREATE INDEX messages_by_parent ON messages (home, room, parent);
CREATE INDEX messages_by_words ON messages USING gin (to_tsvector('simple', words));

CREATE TABLE commands (
    person      text        NOT NULL,
    key         text        NOT NULL,
    digest      bytea       NOT NULL,               -- of the command's content: the same key with other content is refused
    answer      jsonb       NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, key)
);
CREATE INDEX commands_by_age ON commands (at);

CREATE TABLE reports (
    person      text        NOT NULL,
    report      text        NOT NULL,
    room        text        NOT NULL,
    message     text        NOT NULL,
    reason      text        NOT NULL,
    note        text        NOT NULL DEFAULT '',
    words       text        NOT NULL,
    words_sha256 bytea      NOT NULL,
    status      text        NOT NULL DEFAULT 'pending',
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, report)
);

CREATE TABLE blocks (
    person      text        NOT NULL,
    companion   text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, companion)
);

CREATE TABLE crises (                               -- counted for the yearly report; no words, no person
    at          timestamptz NOT NULL DEFAULT now(),
    category    text        NOT NULL
);
