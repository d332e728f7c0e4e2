-- migrate:up
-- What a person said, as a companion may recall it: strictly one namespace per person.
-- Search filters by person first and then measures exact distances: at this size that is 1 ms
-- at full recall, where an index with a filter finds a fraction (docs/why/recall.md).

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE recollections (
    person      text        NOT NULL,
    message     text        NOT NULL,
    room        text        NOT NULL,
    companion   text        NOT NULL,
    words       text        NOT NULL,
    model       text        NOT NULL,               -- which embedding model made the vector
    embedding   vector(384),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, message)
);
CREATE INDEX recollections_by_companion ON recollections (person, companion, created_at);
