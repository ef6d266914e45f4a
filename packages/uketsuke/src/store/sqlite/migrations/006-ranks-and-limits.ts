/**
 * `rank` is the order of claims, and `parked` jobs are not claimed before they are admitted. Marks tell which keys may have room for parked
 * jobs, and from when on. `key_states` has what admissions remember of a key.
 */
export const ranksAndLimits = `
ALTER TABLE jobs ADD COLUMN limit_key TEXT;
ALTER TABLE jobs ADD COLUMN batch TEXT;
ALTER TABLE jobs ADD COLUMN rank INTEGER;
ALTER TABLE jobs ADD COLUMN parked INTEGER;
UPDATE jobs SET rank = run_at * 1000 WHERE status = 'pending';
DROP INDEX jobs_due;
-- A process of an earlier version writes no rank: it may go on while others start.
CREATE INDEX jobs_due ON jobs (queue, priority, type, coalesce(rank, run_at * 1000), id) WHERE status = 'pending' AND parked IS NULL;
-- All jobs of a key that have not ended: to count them, and to admit the parked ones in the order of claims.
CREATE INDEX jobs_limited ON jobs (limit_key, status, parked, priority, rank, id) WHERE limit_key IS NOT NULL AND completed_at IS NULL;
CREATE INDEX jobs_parked ON jobs (queue, priority, type, coalesce(rank, run_at * 1000), id) WHERE status = 'pending' AND parked = 1;
CREATE INDEX jobs_batch ON jobs (batch) WHERE batch IS NOT NULL;

CREATE TABLE limit_marks (
  type TEXT NOT NULL,
  look_at INTEGER NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (type, look_at, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX limit_marks_by_key ON limit_marks (key, look_at);

CREATE TABLE key_states (key TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
`
