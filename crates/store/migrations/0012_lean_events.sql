-- An event that speaks of an entry refers to it, and its JSON leaves it out. In rows from before this
-- migration it stands in the JSON.
ALTER TABLE events ADD COLUMN entry_id INTEGER REFERENCES entries (id);

-- Whether there may be something to tell or to keep of it: most events are of backups that went well. Of
-- those that were planned before this migration nobody asks again.
ALTER TABLE events ADD COLUMN is_news INTEGER NOT NULL DEFAULT 0;
UPDATE events SET is_news = 1 WHERE id > (SELECT position FROM consumers WHERE name = 'mail');
CREATE INDEX events_news ON events (id) WHERE is_news;
