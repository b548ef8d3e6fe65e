-- Each incident is a record of its own: when it opened, what the job became, who was told.

CREATE TABLE incidents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES jobs (id),
    opened_at INTEGER NOT NULL,
    -- The last good backup before it; without one, when the job became known.
    good_until INTEGER NOT NULL,
    -- What the job became, as a JSON array of {at, status}.
    changes TEXT NOT NULL,
    -- How many reminders have been written since the last change, and when the next one is due.
    reminders INTEGER NOT NULL,
    remind_at INTEGER,
    acknowledged_at INTEGER,
    acknowledged_by TEXT,
    closed_at INTEGER,
    -- The event that last changed it.
    event_id INTEGER NOT NULL REFERENCES events (id),
    UNIQUE (job_id, opened_at)
) STRICT;

CREATE UNIQUE INDEX incidents_open ON incidents (job_id) WHERE closed_at IS NULL;
CREATE INDEX incidents_to_remind ON incidents (remind_at)
    WHERE remind_at IS NOT NULL AND acknowledged_at IS NULL AND closed_at IS NULL;

ALTER TABLE deliveries ADD COLUMN incident_id INTEGER REFERENCES incidents (id);
CREATE INDEX deliveries_by_incident ON deliveries (incident_id) WHERE incident_id IS NOT NULL;

-- Incidents that are open by now: known by their last alert, and people are reminded of them as if a week
-- had passed.
INSERT INTO incidents (job_id, opened_at, good_until, changes, reminders, remind_at, event_id)
SELECT
    jobs.id,
    jobs.incident_since,
    coalesce(
        CAST(unixepoch(jobs.last_good ->> 'ended_at') AS INTEGER) * 1000000, jobs.known_since
    ),
    json_array(json_object(
        'at', strftime('%Y-%m-%dT%H:%M:%SZ', jobs.incident_since / 1000000, 'unixepoch'),
        'status', jobs.current_status
    )),
    0,
    jobs.incident_since + 604800000000,
    last.id
FROM jobs
JOIN events AS last ON last.id = (
    SELECT max(id) FROM events
    WHERE events.type IN ('JobMissing', 'JobDegraded')
        AND events.agent = jobs.agent AND events.database = jobs.database
)
WHERE jobs.incident_since IS NOT NULL
    AND last.id <= (SELECT position FROM consumers WHERE name = 'mail');

UPDATE deliveries SET incident_id = (
    SELECT incidents.id FROM incidents
    JOIN events ON events.id = deliveries.event_id
    JOIN jobs ON jobs.id = incidents.job_id
    WHERE jobs.agent = events.agent AND jobs.database = events.database
        AND events.at >= incidents.opened_at
)
WHERE event_id >= (
    SELECT min(id) FROM events WHERE at >= (SELECT min(opened_at) FROM incidents)
);
