/**
 * A fragment is the result of a step or a chunk of live output. It is inserted while its attempt runs, and goes with its job. `files` lists
 * what the last attempt has saved.
 */
export const fragmentsAndFiles = `
CREATE TABLE fragments (
  job_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (job_id, kind, key)
) STRICT;
ALTER TABLE jobs ADD COLUMN files TEXT;
`
