-- What one reader is told of an incident or of a warning: asked for first, then told by a mail, which may
-- tell of many.

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES jobs (id),
    -- NULL for a warning.
    incident_id INTEGER REFERENCES incidents (id),
    -- The event that asked for it.
    event_id INTEGER NOT NULL REFERENCES events (id),
    -- The address alone, its ASCII letters in lower case; and as mails name it.
    recipient TEXT NOT NULL,
    reader TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('alert', 'reminder', 'recovery', 'warning', 'passed')),
    asked_at INTEGER NOT NULL,
    held_until INTEGER NOT NULL DEFAULT 0,
    held_by TEXT CHECK (held_by IN ('silence', 'maintenance', 'limit', 'undeliverable')),
    -- The mail that tells it; NULL until there is one.
    delivery_id INTEGER REFERENCES deliveries (id)
) STRICT;

CREATE UNIQUE INDEX notifications_untold ON notifications (incident_id, recipient)
    WHERE delivery_id IS NULL AND incident_id IS NOT NULL;
CREATE INDEX notifications_pending ON notifications (recipient, id, held_until)
    WHERE delivery_id IS NULL;
CREATE INDEX notifications_by_incident ON notifications (incident_id) WHERE incident_id IS NOT NULL;

INSERT INTO notifications (
    job_id, incident_id, event_id, recipient, reader, kind, asked_at, delivery_id
)
SELECT
    incidents.job_id, incidents.id, deliveries.event_id, deliveries.recipient, mail ->> 'to', 'alert',
    deliveries.planned_at, deliveries.id
FROM deliveries
JOIN incidents ON incidents.id = deliveries.incident_id
JOIN mails ON mails.delivery_id = deliveries.id
WHERE deliveries.event_id IS NOT NULL;

DROP INDEX deliveries_by_incident;
ALTER TABLE deliveries DROP COLUMN incident_id;

-- When the mail is dated: what an hour may hold is counted by that.
ALTER TABLE deliveries ADD COLUMN dated_at INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET dated_at = planned_at;
CREATE INDEX deliveries_dated ON deliveries (recipient, dated_at);
CREATE INDEX deliveries_sent_to ON deliveries (recipient, dated_at) WHERE state = 'sent';
CREATE INDEX deliveries_waiting_for ON deliveries (recipient, dated_at) WHERE state = 'waiting';

-- The last good backup before the end of an incident.
ALTER TABLE incidents ADD COLUMN last_good TEXT;
UPDATE incidents SET last_good = (
    SELECT nullif(event -> '$.job.last_good', 'null') FROM events WHERE events.id = event_id
) WHERE closed_at IS NULL;

-- Faults of the whole system.
CREATE TABLE faults (
    code TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    fault TEXT NOT NULL,
    reminders INTEGER NOT NULL,
    remind_at INTEGER,
    closed_at INTEGER,
    is_told INTEGER NOT NULL,
    PRIMARY KEY (code, opened_at)
) STRICT;

CREATE INDEX faults_by_opening ON faults (opened_at);

CREATE UNIQUE INDEX faults_open ON faults (code) WHERE closed_at IS NULL;
