-- Deliveries are claimed under a lease and put off when they fail. SQLite can't change a column in
-- place, so the table is made anew.

CREATE TABLE new_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- NULL for a mail that tells of mails that were refused.
    event_id INTEGER REFERENCES events (id),
    -- The address alone, its ASCII letters in lower case.
    recipient TEXT NOT NULL,
    message_id TEXT NOT NULL,
    mail TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'dead', 'dropped')),
    planned_at INTEGER NOT NULL,
    -- While it waits: when it may be tried. While it is claimed: when the lease runs out.
    due_at INTEGER NOT NULL,
    lease_holder TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- How many of the attempts ended with "not now".
    deferrals INTEGER NOT NULL DEFAULT 0,
    last_attempt_at INTEGER,
    last_error TEXT,
    -- Who took the mail, and what was said.
    taken_by TEXT,
    answer TEXT,
    -- When the others were told that it is dead.
    told_at INTEGER
) STRICT;

INSERT INTO new_deliveries (
    id, event_id, recipient, message_id, mail, state, planned_at, due_at, attempts, last_attempt_at,
    last_error
)
SELECT
    deliveries.id, event_id,
    lower(iif(
        instr(recipient, '<') > 0,
        rtrim(substr(recipient, instr(recipient, '<') + 1), '> '),
        recipient
    )),
    message_id, mail, state, events.at, events.at, attempts,
    last_attempt_at, last_error
FROM deliveries JOIN events ON events.id = deliveries.event_id;

DROP TABLE deliveries;
ALTER TABLE new_deliveries RENAME TO deliveries;

-- With the recipient, so that those who have to wait are passed over without a look at their mails.
CREATE INDEX deliveries_due ON deliveries (due_at, id, recipient) WHERE state = 'waiting';
CREATE INDEX deliveries_claimed ON deliveries (lease_holder) WHERE lease_holder IS NOT NULL;
CREATE INDEX deliveries_waiting_since ON deliveries (planned_at) WHERE state = 'waiting';
CREATE INDEX deliveries_sent ON deliveries (last_attempt_at) WHERE state = 'sent';
CREATE INDEX deliveries_dead ON deliveries (id) WHERE state = 'dead';
CREATE INDEX deliveries_untold ON deliveries (id)
    WHERE state = 'dead' AND told_at IS NULL AND event_id IS NOT NULL;
CREATE INDEX deliveries_dropped ON deliveries (id) WHERE state = 'dropped';
CREATE INDEX deliveries_told ON deliveries (recipient, told_at) WHERE told_at IS NOT NULL;
CREATE INDEX deliveries_by_event ON deliveries (event_id);

-- When people last asked for mails to be tried at once: how a program that sends them learns of it.
CREATE TABLE last_retry (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    requested_at INTEGER NOT NULL
) STRICT;
