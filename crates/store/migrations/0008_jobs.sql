-- Jobs are added, paused and retired by people too, beside what the config declares and reports make
-- known.

-- Whether somebody added it with a command.
ALTER TABLE jobs ADD COLUMN added INTEGER NOT NULL DEFAULT 0;
-- {since, until, by, reason} as JSON; NULL when it is not paused.
ALTER TABLE jobs ADD COLUMN pause TEXT;
-- Stands in the pause too; kept so that the pauses that are over can be looked up.
ALTER TABLE jobs ADD COLUMN pause_until INTEGER;
ALTER TABLE jobs ADD COLUMN retired_at INTEGER;

CREATE INDEX jobs_by_pause_end ON jobs (pause_until) WHERE pause_until IS NOT NULL;
-- The config declares few of many jobs, and is compared with those at each start.
CREATE INDEX jobs_declared ON jobs (id) WHERE declared;
