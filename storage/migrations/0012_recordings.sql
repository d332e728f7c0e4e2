-- migrate:up
-- Sound that people leave here. The sound itself lies in sealed files (storage/blobs.py); the key
-- that opens them lies here, so that neither the folder nor a dump alone can be listened to.

CREATE TABLE house_keys (
    name        text        PRIMARY KEY,
    secret      bytea       NOT NULL
);

CREATE TABLE recordings (
    recording   text        PRIMARY KEY,
    person      text        NOT NULL,                   -- whose sound it is
    kind        text        NOT NULL CHECK (kind IN ('voice_note', 'call')),
    address     text        NOT NULL,                   -- of the sealed file; one person's equal sounds share it
    media_type  text        NOT NULL,
    bytes       bigint      NOT NULL CHECK (bytes > 0),
    ms          integer     NOT NULL CHECK (ms >= 0),
    waveform    jsonb       NOT NULL DEFAULT '[]',
    transcript  text        NOT NULL DEFAULT '',
    language    text        NOT NULL DEFAULT '',
    room        text,                                   -- where it was sent; null until then
    message     text,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX recordings_of ON recordings (person, created_at DESC);
CREATE INDEX recordings_at ON recordings (address);
CREATE INDEX recordings_unsent ON recordings (created_at) WHERE message IS NULL AND kind = 'voice_note';
