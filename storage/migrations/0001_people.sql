-- migrate:up
-- People, how they sign in, and what they consented to. Per-person keys begin with the person.

CREATE TABLE people (
    person       text        PRIMARY KEY,
    email        text        NOT NULL,
    username     text        NOT NULL,
    password     text        NOT NULL,               -- argon2id
    display_name text        NOT NULL,
    birth_date   date        NOT NULL,
    country      text        NOT NULL,
    timezone     text        NOT NULL,
    language     text        NOT NULL,
    role         text        NOT NULL DEFAULT 'member' CHECK (role IN ('member', 'moderator', 'admin')),
    plan         text        NOT NULL,
    status       text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'deleted')),
    level        text        NOT NULL DEFAULT 'declared' CHECK (level IN ('declared', 'contact', 'document', 'bank')),
    interests    jsonb       NOT NULL DEFAULT '[]',
    preferences  jsonb       NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_sign_in timestamptz,
    deleted_at   timestamptz
);
CREATE UNIQUE INDEX people_by_email ON people (lower(email));
CREATE UNIQUE INDEX people_by_username ON people (lower(username));

CREATE TABLE consents (                              -- append-only
    person      text        NOT NULL,
    n           bigint      GENERATED ALWAYS AS IDENTITY,
    purpose     text        NOT NULL,
    version     text        NOT NULL,
    granted     boolean     NOT NULL,
    address     text        NOT NULL,
    agent       text        NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, n)
);

CREATE TABLE sign_ins (
    person      text        NOT NULL,
    sign_in     text        NOT NULL,
    device      text        NOT NULL,
    address     text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    used_at     timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz,
    reason      text,
    PRIMARY KEY (person, sign_in)
);

CREATE TABLE refresh_tokens (                        -- only hashes; one family per sign-in
    token       bytea       PRIMARY KEY,             -- sha256
    person      text        NOT NULL,
    sign_in     text        NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
CREATE INDEX refresh_tokens_by_sign_in ON refresh_tokens (person, sign_in);

CREATE TABLE api_keys (
    person      text        NOT NULL,
    api_key     text        NOT NULL,                -- its id, shown in lists
    secret      bytea       NOT NULL UNIQUE,         -- sha256
    name        text        NOT NULL,
    scopes      text[]      NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    used_at     timestamptz,
    revoked_at  timestamptz,
    PRIMARY KEY (person, api_key)
);

CREATE TABLE reset_codes (
    person      text        PRIMARY KEY,
    code        bytea       NOT NULL,                -- sha256, salted with the person
    tries       integer     NOT NULL DEFAULT 0,
    expires_at  timestamptz NOT NULL
);

CREATE TABLE signing_keys (                          -- all nodes sign and check with these
    kid         text        PRIMARY KEY,
    private     bytea       NOT NULL,                -- Ed25519, PEM
    created_at  timestamptz NOT NULL DEFAULT now()
);
