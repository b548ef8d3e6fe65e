-- When the last digest was written.
CREATE TABLE last_digest (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    written_at INTEGER NOT NULL
) STRICT;

-- How many jobs are watched is asked for whenever some are missing.
CREATE INDEX jobs_watched ON jobs (id) WHERE active AND pause IS NULL AND retired_at IS NULL;
