-- Instants are microseconds since 1970-01-01T00:00:00Z. Statuses, schedules and the JSON of entries,
-- events and mails are written as in the program's own JSON.

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    -- The agent's id in lower case: agents are the same whatever their case.
    agent_key TEXT NOT NULL,
    agent TEXT NOT NULL,
    database TEXT NOT NULL,
    company TEXT NOT NULL,
    city TEXT NOT NULL,
    neighborhood TEXT NOT NULL,
    year INTEGER,
    schedule TEXT NOT NULL,
    recipients TEXT NOT NULL,
    active INTEGER NOT NULL,
    declared INTEGER NOT NULL,
    -- No two jobs keep their backups in one folder.
    validated_folder TEXT NOT NULL UNIQUE,
    current_status TEXT NOT NULL,
    known_since INTEGER NOT NULL,
    covered_until INTEGER NOT NULL,
    -- Follows from schedule and covered_until; kept so that what is overdue can be looked up.
    deadline_at INTEGER,
    last_report_at INTEGER,
    last_checked_at INTEGER,
    silent_since INTEGER,
    incident_since INTEGER,
    last_good TEXT,
    UNIQUE (agent_key, database)
) STRICT;

CREATE INDEX jobs_by_deadline ON jobs (deadline_at)
    WHERE deadline_at IS NOT NULL AND silent_since IS NULL;

CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    agent_key TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    agent TEXT NOT NULL,
    file_name TEXT NOT NULL,
    operation_ended_at INTEGER,
    received_at INTEGER NOT NULL,
    -- Why it was rejected; NULL when it was taken.
    rejection TEXT,
    -- The databases that have to be tried again, as a JSON array.
    retry TEXT NOT NULL,
    UNIQUE (agent_key, sha256)
) STRICT;

CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES jobs (id),
    report_id INTEGER NOT NULL REFERENCES reports (id),
    recorded_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    entry TEXT NOT NULL
) STRICT;

CREATE INDEX entries_by_job ON entries (job_id, id);

CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    agent TEXT NOT NULL,
    database TEXT,
    status TEXT,
    event TEXT NOT NULL
) STRICT;

-- How far each consumer of events has come: the id of the last event that it is done with.
CREATE TABLE consumers (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;

INSERT INTO consumers (name, position) VALUES ('mail', 0);

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id INTEGER NOT NULL REFERENCES events (id),
    recipient TEXT NOT NULL,
    message_id TEXT NOT NULL,
    mail TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    last_attempt_at INTEGER,
    last_error TEXT
) STRICT;

-- When the last cycle was done, by the clock on the wall: how to tell that nobody watches any more.
CREATE TABLE last_cycle (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    done_at INTEGER NOT NULL,
    previous_done_at INTEGER
) STRICT;

CREATE INDEX deliveries_waiting ON deliveries (id) WHERE state = 'waiting';
CREATE INDEX deliveries_dead ON deliveries (id) WHERE state = 'dead';
