-- Stretches in which people do not want to be told of some jobs. Those that ended stay as a record.

CREATE TABLE silences (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Which jobs, as JSON.
    matchers TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX silences_by_end ON silences (ends_at);
