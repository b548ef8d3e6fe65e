-- Since when a copy is being removed; NULL for one that is kept. Its file may be gone already.
ALTER TABLE validated_files ADD COLUMN removing_since INTEGER;

-- Nobody looks again at what goes.
DROP INDEX validated_files_by_check;
CREATE INDEX validated_files_by_check ON validated_files (checked_at, id, size, removing_since)
    WHERE removing_since IS NULL;

-- The jobs that had a backup with a copy since it was last decided which of their copies stay, and those of
-- which a copy is being removed.
CREATE TABLE unpruned_jobs (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id)
) STRICT;

INSERT INTO unpruned_jobs (job_id) SELECT DISTINCT job_id FROM validated_files;

CREATE TRIGGER entries_unpruned AFTER INSERT ON entries WHEN NEW.validated_file_id IS NOT NULL
BEGIN
    INSERT INTO unpruned_jobs (job_id) VALUES (NEW.job_id) ON CONFLICT DO NOTHING;
END;

-- The folders, relative to the validated tree, whose list of copies is not what it was when it was last
-- written. That of a path is what is left without all that follows the last slash.
CREATE TABLE stale_manifests (
    folder TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO stale_manifests (folder)
SELECT rtrim(rtrim(path, replace(path, '/', '')), '/') FROM validated_files;

-- `OR IGNORE` would give way to what the statement that sets a trigger off says of conflicts.
CREATE TRIGGER validated_files_new AFTER INSERT ON validated_files
BEGIN
    INSERT INTO stale_manifests (folder)
    VALUES (rtrim(rtrim(NEW.path, replace(NEW.path, '/', '')), '/'))
    ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER validated_files_changed AFTER UPDATE OF path, sha256, removing_since ON validated_files
BEGIN
    INSERT INTO stale_manifests (folder)
    VALUES (rtrim(rtrim(OLD.path, replace(OLD.path, '/', '')), '/')),
           (rtrim(rtrim(NEW.path, replace(NEW.path, '/', '')), '/'))
    ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER validated_files_gone AFTER DELETE ON validated_files
BEGIN
    INSERT INTO stale_manifests (folder)
    VALUES (rtrim(rtrim(OLD.path, replace(OLD.path, '/', '')), '/'))
    ON CONFLICT DO NOTHING;
END;
