-- What is known to be damaged is asked for by people and monitoring systems, however much is kept.
CREATE INDEX validated_files_damaged ON validated_files (id) WHERE fault IS NOT NULL;

-- How much is due is summed up without a look at the rows.
DROP INDEX validated_files_by_check;
CREATE INDEX validated_files_by_check ON validated_files (checked_at, id, size);

-- Readers are told of kept backups that are damaged too.
CREATE TABLE new_notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES jobs (id),
    -- NULL for a warning and for damage.
    incident_id INTEGER REFERENCES incidents (id),
    -- The event that asked for it.
    event_id INTEGER NOT NULL REFERENCES events (id),
    -- The address alone, its ASCII letters in lower case; and as mails name it.
    recipient TEXT NOT NULL,
    reader TEXT NOT NULL,
    kind TEXT NOT NULL
        CHECK (kind IN ('alert', 'reminder', 'recovery', 'damage', 'warning', 'passed')),
    asked_at INTEGER NOT NULL,
    held_until INTEGER NOT NULL DEFAULT 0,
    held_by TEXT CHECK (held_by IN ('silence', 'maintenance', 'limit', 'undeliverable')),
    -- The mail that tells it; NULL until there is one.
    delivery_id INTEGER REFERENCES deliveries (id)
) STRICT;

INSERT INTO new_notifications (
    id, job_id, incident_id, event_id, recipient, reader, kind, asked_at, held_until, held_by,
    delivery_id
)
SELECT
    id, job_id, incident_id, event_id, recipient, reader, kind, asked_at, held_until, held_by,
    delivery_id
FROM notifications
ORDER BY id;

DROP TABLE notifications;
ALTER TABLE new_notifications RENAME TO notifications;

CREATE UNIQUE INDEX notifications_untold ON notifications (incident_id, recipient)
    WHERE delivery_id IS NULL AND incident_id IS NOT NULL;
CREATE INDEX notifications_pending ON notifications (recipient, id, held_until)
    WHERE delivery_id IS NULL;
CREATE INDEX notifications_by_incident ON notifications (incident_id) WHERE incident_id IS NOT NULL;
CREATE INDEX notifications_by_delivery ON notifications (delivery_id) WHERE delivery_id IS NOT NULL;
