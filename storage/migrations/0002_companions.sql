-- migrate:up
-- Companions: the document is the truth, the columns beside it are what lists filter and sort by.
CREATE TABLE companions (
    companion   text        PRIMARY KEY,
    slug        text        NOT NULL UNIQUE,
    creator     text,                               -- a person, or null for the shipped cast
    doc         jsonb       NOT NULL,
    digest      text        NOT NULL,               -- of the document: unchanged ones are left alone
    name        text        NOT NULL,
    gender      text        NOT NULL,
    origin      text        NOT NULL,
    tier        text        NOT NULL CHECK (tier IN ('free', 'premium', 'exclusive')),
    rating      text        NOT NULL CHECK (rating IN ('general', 'teen', 'mature', 'explicit')),
    visibility  text        NOT NULL CHECK (visibility IN ('public', 'unlisted', 'private')),
    review      text        NOT NULL DEFAULT 'approved'
                            CHECK (review IN ('pending', 'approved', 'rejected', 'retired')),
    age         integer     NOT NULL CHECK (age >= 18),
    tags        text[]      NOT NULL DEFAULT '{}',
    languages   text[]      NOT NULL DEFAULT '{}',
    popularity  bigint      NOT NULL DEFAULT 0,     -- replies given
    words       tsvector    NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX companions_by_words ON companions USING gin (words);
CREATE INDEX companions_by_tags ON companions USING gin (tags);
CREATE INDEX companions_by_popularity ON companions (popularity DESC, companion)
    WHERE visibility = 'public' AND review = 'approved';
CREATE INDEX companions_by_creator ON companions (creator) WHERE creator IS NOT NULL;
