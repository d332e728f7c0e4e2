-- migrate:up
-- A face of one's own for a companion: the portrait we cut from what was sent, and what its sender
-- said of it. It is shown to its owner alone. What was agreed to is kept in `consents` as well.

CREATE TABLE companion_pictures (
    person      text        NOT NULL,
    companion   text        NOT NULL,
    picture     text        NOT NULL,                   -- its id, new with every picture
    portrait    bytea       NOT NULL CHECK (octet_length(portrait) <= 1048576),
    depicts     text        NOT NULL CHECK (depicts IN ('me', 'somebody_who_agreed', 'nobody')),
    consent     text        NOT NULL,                   -- the version of what was agreed to
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, companion)
);
