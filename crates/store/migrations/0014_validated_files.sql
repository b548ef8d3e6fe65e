-- The copies in the validated tree. A copy that takes the place of another is a row of its own, with a new id.
CREATE TABLE validated_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES jobs (id),
    -- Relative to the validated tree.
    path TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    kept_at INTEGER NOT NULL,
    -- When its content was last looked at in the tree.
    checked_at INTEGER NOT NULL,
    -- What was wrong with it then, as JSON; NULL when nothing was.
    fault TEXT
) STRICT;

CREATE INDEX validated_files_by_job ON validated_files (job_id, id);
CREATE INDEX validated_files_by_check ON validated_files (checked_at, id);

-- The copy that stands for an entry; NULL when there is none, or none any more.
ALTER TABLE entries ADD COLUMN validated_file_id INTEGER
    REFERENCES validated_files (id) ON DELETE SET NULL;
CREATE INDEX entries_validated ON entries (validated_file_id, recorded_at)
    WHERE validated_file_id IS NOT NULL;

-- What was kept before this migration: the last copy of each job. Of those before it nobody knows which
-- were removed by hand, as there was no other way.
INSERT INTO validated_files (job_id, path, sha256, size, kept_at, checked_at)
SELECT job_id, entry ->> '$.validated_path', entry ->> '$.actual_sha256', entry ->> '$.actual_size',
       recorded_at, recorded_at
FROM entries
WHERE id IN (
    SELECT max(id) FROM entries
    WHERE status = 'SUCCESS' AND entry ->> '$.validated_path' IS NOT NULL
    GROUP BY job_id
)
ORDER BY id;

UPDATE entries SET validated_file_id = validated_files.id
FROM validated_files
WHERE entries.status = 'SUCCESS'
  AND validated_files.path = entries.entry ->> '$.validated_path'
  AND validated_files.sha256 = entries.entry ->> '$.actual_sha256';
