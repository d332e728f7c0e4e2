-- migrate:up
-- Time spoken with companions outside of rooms (/v1/realtime): it counts for a plan's minutes a day
-- as calls do. One row a session; its hold is its name.

CREATE TABLE spoken_time (
    hold        text        PRIMARY KEY,
    person      text        NOT NULL,
    seconds     bigint      NOT NULL CHECK (seconds >= 0),  -- as far as was told
    started_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX spoken_time_by_person ON spoken_time (person, started_at);
