-- What later backups are held against, of proven ones alone, so that it can be read without their JSON:
-- when the agent ended the backup, its size in bytes, and how many microseconds after the expected time
-- that was. The latter is not known of backups before this migration.

ALTER TABLE entries ADD COLUMN ended_at INTEGER;
ALTER TABLE entries ADD COLUMN size INTEGER;
ALTER TABLE entries ADD COLUMN delay INTEGER;

UPDATE entries SET
    ended_at = min(
        recorded_at,
        coalesce(
            CAST(unixepoch(entry ->> 'operation_ended_at') AS INTEGER) * 1000000, recorded_at
        )
    ),
    size = entry ->> 'actual_size'
WHERE status = 'SUCCESS';

-- Holds all that is read, so that the entries themselves are not.
CREATE INDEX entries_proven ON entries (job_id, id, ended_at, size, delay) WHERE size IS NOT NULL;

-- For how long there has been no other content, as JSON {since, backups}.
ALTER TABLE jobs ADD COLUMN same_content TEXT;
-- What the config of the job wants to be warned of, as JSON; NULL for what it says of all.
ALTER TABLE jobs ADD COLUMN warning_settings TEXT;
-- What was odd about the last good backup, as a JSON array.
ALTER TABLE jobs ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]';

UPDATE jobs SET same_content = (
    SELECT json_object(
        'since', strftime('%Y-%m-%dT%H:%M:%SZ', first.ended_at / 1000000, 'unixepoch'),
        'backups', (
            SELECT count(*) FROM entries
            WHERE entries.job_id = jobs.id AND entries.size IS NOT NULL AND entries.id >= first.id
        )
    )
    FROM entries AS first
    WHERE first.job_id = jobs.id AND first.size IS NOT NULL AND NOT first.entry ->> 'unchanged'
    ORDER BY first.id DESC
    LIMIT 1
);
