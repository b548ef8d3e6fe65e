-- A mail never changes, but what is known of its delivery does, twice at least. SQLite writes a row anew
-- as a whole, so what is long and stays has a table of its own.

CREATE TABLE mails (
    delivery_id INTEGER PRIMARY KEY REFERENCES deliveries (id),
    mail TEXT NOT NULL
) STRICT;

INSERT INTO mails (delivery_id, mail) SELECT id, mail FROM deliveries;

ALTER TABLE deliveries DROP COLUMN mail;
