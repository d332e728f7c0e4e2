-- migrate:up
-- A figure (GLB, VRM) for a companion: one's own, seen by oneself, or the house's, seen by all. The
-- file lies sealed beside the database (storage/blobs.py). And what headsets said of how they drew it.

CREATE TABLE companion_figures (
    person      text        NOT NULL,                   -- whose eyes alone see it; '' is everybody's
    companion   text        NOT NULL,
    figure      text        NOT NULL,                   -- its id, new with every file
    address     text        NOT NULL,                   -- of the sealed file
    bytes       bigint      NOT NULL CHECK (bytes > 0),
    about       jsonb       NOT NULL,                   -- what the check found
    depicts     text        NOT NULL CHECK (depicts IN ('me', 'somebody_who_agreed', 'nobody')),
    consent     text        NOT NULL,                   -- the version of what was agreed to
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, companion)
);
CREATE INDEX companion_figures_at ON companion_figures (address);

CREATE TABLE vr_sessions (
    person          text        NOT NULL,
    session         text        NOT NULL,               -- the client's own name for it
    call            text,                               -- of a call of this person, or none
    device          text        NOT NULL,
    mode            text        NOT NULL CHECK (mode IN ('vr', 'ar')),
    seconds         integer     NOT NULL CHECK (seconds >= 0),
    frames          bigint      NOT NULL CHECK (frames >= 0),
    dropped_frames  bigint      NOT NULL CHECK (dropped_frames >= 0),
    frame_rate      real        NOT NULL CHECK (frame_rate >= 0),
    latency_ms      real        NOT NULL CHECK (latency_ms >= 0),
    started_at      timestamptz NOT NULL DEFAULT now(),
    seen_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, session)
);
CREATE INDEX vr_sessions_of_call ON vr_sessions (call) WHERE call IS NOT NULL;
