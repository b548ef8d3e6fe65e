-- How deep the backups of the job are looked into; NULL for what the config says of all.
ALTER TABLE jobs ADD COLUMN verify TEXT;
