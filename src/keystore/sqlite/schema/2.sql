-- Since when a key has its text. NULL, of keys from before, is since it was made; the checksum of a row is then what it was without this.
ALTER TABLE keys ADD COLUMN text_since_ms INTEGER;
