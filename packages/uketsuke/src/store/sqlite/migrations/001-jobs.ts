/**
 * Times are in milliseconds since the epoch. `input`, `output`, `metadata` and the errors are JSON text that no query
 * inspects. Columns that only the rules write have no CHECK: SQLite would evaluate it for every update, which costs a
 * third of the statement's time.
 */
export const jobs = `
CREATE TABLE jobs (
  id TEXT NOT NULL PRIMARY KEY,
  queue TEXT NOT NULL,
  type TEXT NOT NULL,
  owner TEXT NOT NULL,
  priority TEXT NOT NULL,
  status TEXT NOT NULL,
  version INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  progress INTEGER NOT NULL,
  progress_message TEXT,
  error TEXT,
  last_error TEXT,
  webhook_url TEXT,
  retry_of TEXT,
  parent TEXT,
  created_at INTEGER NOT NULL,
  run_at INTEGER NOT NULL,
  started_at INTEGER,
  completed_at INTEGER,
  cancel_requested_at INTEGER,
  retain_for INTEGER NOT NULL,
  expires_at INTEGER,
  worker TEXT,
  lease_until INTEGER,
  -- Last, because they may be long: the columns before them are read without following overflow pages.
  metadata TEXT,
  input TEXT NOT NULL,
  output TEXT
) STRICT;

-- Pending jobs in claim order: a claim reads the first rows and never scans jobs that are due later.
CREATE INDEX jobs_due ON jobs (queue, priority, run_at, id, type) WHERE status = 'pending';
CREATE INDEX jobs_leased ON jobs (lease_until, queue) WHERE status = 'running';
-- For pruning, and for counting finished jobs without reading the rows.
CREATE INDEX jobs_ended ON jobs (queue, status, expires_at) WHERE completed_at IS NOT NULL;
CREATE INDEX jobs_owned ON jobs (owner, id) WHERE queue = 'jobs';
-- Operators often list failed jobs, which are few among many.
CREATE INDEX jobs_failed ON jobs (id) WHERE status = 'failed';
CREATE INDEX jobs_parent ON jobs (parent) WHERE parent IS NOT NULL;

-- Attempts after which the job continued. Keyed by the version of the change that ended the attempt, because a release reuses the
-- attempt number.
CREATE TABLE attempts (
  job_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  worker TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  error TEXT,
  PRIMARY KEY (job_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
  owner TEXT NOT NULL,
  route TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  job_id TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  UNIQUE (owner, route, key)
) STRICT;
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

CREATE TABLE shared (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`
