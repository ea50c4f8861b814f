-- What there is one of: always one row.
CREATE TABLE meta (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,              -- Unix ms; another one after a copy was restored
    keys_sequence INTEGER NOT NULL,      -- audit.sequence of the latest change of keys
    keys_rows INTEGER NOT NULL,
    keys_sum BLOB NOT NULL,              -- of keys.checksum, modulo 2^128
    operators_rows INTEGER NOT NULL,
    operators_sum BLOB NOT NULL,
    audit_first INTEGER NOT NULL,        -- the first record that was not pruned
    audit_before BLOB NOT NULL,          -- the hash of the one before it
    audit_last INTEGER NOT NULL,
    audit_hash BLOB NOT NULL,            -- of the last one
    checksum BLOB NOT NULL
);

CREATE TABLE apps (
    app_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    checksum BLOB NOT NULL
) WITHOUT ROWID;

-- On which keys may be used. Never changed: a key that gets other terms gets another row.
CREATE TABLE terms (
    terms_id INTEGER NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,         -- SHA-256 of the text
    text TEXT NOT NULL
);

CREATE TABLE keys (
    key_id TEXT NOT NULL PRIMARY KEY,
    app TEXT NOT NULL REFERENCES apps (app_id),
    kind TEXT NOT NULL,
    environment TEXT NOT NULL,
    state TEXT NOT NULL,
    digest BLOB NOT NULL,
    pepper TEXT,                         -- of the digest; NULL is plain SHA-256
    previous TEXT,                       -- JSON
    expires_at_ms INTEGER,               -- NULL is never
    text TEXT,                           -- of a publishable key only
    prefix TEXT,
    ill_checked INTEGER NOT NULL,
    name TEXT NOT NULL,
    terms INTEGER NOT NULL REFERENCES terms (terms_id),
    revocable_tokens INTEGER NOT NULL,
    metadata TEXT,                       -- JSON
    created_at_ms INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    version INTEGER NOT NULL,
    sequence INTEGER NOT NULL,           -- of the last audit record of the change
    checksum BLOB NOT NULL
) WITHOUT ROWID;

CREATE INDEX keys_by_sequence ON keys (sequence, key_id);
CREATE INDEX keys_by_app ON keys (app, key_id);

-- Which key a text belongs to, by its digest: the present one of each key, and the earlier ones that it lists.
CREATE TABLE texts (
    digest BLOB NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE operators (
    operator_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    digest BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,               -- NULL is never
    revoked INTEGER NOT NULL,
    checksum BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    sequence INTEGER NOT NULL PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL,                -- JSON
    hash BLOB NOT NULL
);

CREATE INDEX audit_by_target ON audit (target, sequence);

-- Requests that must not be done twice.
CREATE TABLE once (
    actor TEXT NOT NULL,
    name TEXT NOT NULL,
    request BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    keys TEXT NOT NULL,                  -- JSON: the ids of those it was about
    PRIMARY KEY (actor, name)
) WITHOUT ROWID;

CREATE INDEX once_by_time ON once (at_ms);

CREATE TABLE usage (
    key_id TEXT NOT NULL PRIMARY KEY,
    last_used_ms INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    refusals TEXT,                       -- JSON: code to count
    tallies TEXT,                        -- JSON
    checksum BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE keepsakes (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL,
    checksum BLOB NOT NULL
) WITHOUT ROWID;
