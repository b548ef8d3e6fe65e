-- The staged file that was last proven for each job: what need not be read again for as long as it stays
-- what it was. Apart from the jobs, which many read who do not ask for it.

CREATE TABLE proven_files (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id),
    -- Its name, identity and content as JSON, which nothing here looks into.
    file TEXT NOT NULL
) STRICT;
