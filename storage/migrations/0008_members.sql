-- migrate:up
-- Rooms for several people: who owns one, who is muted, from where a newcomer may read, and the
-- invitations by which people come in. Only a code's hash is kept.

ALTER TABLE members
    ADD COLUMN role      text    NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member')),
    ADD COLUMN muted     boolean NOT NULL DEFAULT false,
    ADD COLUMN since_log text    NOT NULL DEFAULT '';   -- 'generation:pos': log entries up to it are not theirs
UPDATE members SET role = 'owner' WHERE kind = 'person' AND member = home;
CREATE UNIQUE INDEX members_one_owner ON members (home, room) WHERE role = 'owner' AND left_at IS NULL;

ALTER TABLE rooms ADD COLUMN shares_history boolean NOT NULL DEFAULT false;

CREATE TABLE invitations (
    home        text        NOT NULL,
    room        text        NOT NULL,
    invitation  text        NOT NULL,
    code_hash   bytea       NOT NULL,
    person      text        NOT NULL DEFAULT '',        -- for this person only; empty: for whoever has the code
    uses_left   integer     NOT NULL CHECK (uses_left >= 0),
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (home, room, invitation)
);
CREATE UNIQUE INDEX invitations_by_code ON invitations (code_hash);
CREATE INDEX invitations_by_person ON invitations (person) WHERE person <> '';

CREATE TABLE person_blocks (
    person      text        NOT NULL,
    member      text        NOT NULL,                   -- the one who is blocked
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, member)
);
