-- When the last digest was written.
CREATE TABLE last_digest (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    written_at INTEGER NOT NULL
) STRICT;

-- What has happened since is looked up by job.
CREATE INDEX incidents_closed ON incidents (closed_at) WHERE closed_at IS NOT NULL;

-- How many jobs are watched is asked for whenever some are missing.
CREATE INDEX jobs_watched ON jobs (id) WHERE active AND pause IS NULL AND retired_at IS NULL;
