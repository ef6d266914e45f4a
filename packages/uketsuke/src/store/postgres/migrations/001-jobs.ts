/**
 * Times are in milliseconds since the epoch. `input`, `output`, `metadata` and the errors are JSON text that no query
 * inspects.
 *
 * `due_at` is not null exactly while a job is pending. Neither `status` nor `lease_until` is in an index that covers
 * all rows, so that progress and renewals are HOT updates, which change the row's page and no index. With `COLLATE
 * "C"`, ids are compared byte by byte in every locale.
 */
export const jobs = `
CREATE TABLE uketsuke.jobs (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  queue text COLLATE "C" NOT NULL CHECK (queue IN ('jobs', 'deliveries')),
  type text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  priority text COLLATE "C" NOT NULL CHECK (priority IN ('normal', 'high')),
  status text COLLATE "C" NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
  version integer NOT NULL,
  attempt integer NOT NULL,
  max_attempts integer NOT NULL,
  progress integer NOT NULL,
  progress_message text,
  error text,
  last_error text,
  webhook_url text,
  retry_of text,
  parent text COLLATE "C",
  created_at bigint NOT NULL,
  run_at bigint NOT NULL,
  started_at bigint,
  completed_at bigint,
  cancel_requested_at bigint,
  retain_for bigint NOT NULL,
  expires_at bigint,
  worker text COLLATE "C",
  lease_until bigint,
  due_at bigint CHECK ((due_at IS NOT NULL) = (status = 'pending')),
  claimed text,
  metadata text,
  input text NOT NULL,
  output text
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- Pending jobs in claim order: a claim reads the first rows and never scans jobs that are due later.
CREATE INDEX jobs_due ON uketsuke.jobs (queue, priority, due_at, id) WHERE due_at IS NOT NULL;
-- Running jobs: so few rows that the search for expired leases reads all of them.
CREATE INDEX jobs_running ON uketsuke.jobs (queue) WHERE worker IS NOT NULL AND completed_at IS NULL;
-- For pruning, and for counting finished jobs without reading the rows.
CREATE INDEX jobs_ended ON uketsuke.jobs (expires_at, queue, status) WHERE expires_at IS NOT NULL;
CREATE INDEX jobs_owned ON uketsuke.jobs (owner, id) WHERE queue = 'jobs';
-- Operators often list failed jobs, which are few among many.
CREATE INDEX jobs_failed ON uketsuke.jobs (id) WHERE status = 'failed';
CREATE INDEX jobs_parent ON uketsuke.jobs (parent) WHERE parent IS NOT NULL;

-- Attempts after which the job continued. Keyed by the version of the change that ended the attempt, because a release reuses the
-- attempt number.
CREATE TABLE uketsuke.attempts (
  job_id text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  attempt integer NOT NULL,
  worker text NOT NULL,
  started_at bigint NOT NULL,
  ended_at bigint NOT NULL,
  outcome text NOT NULL,
  error text,
  PRIMARY KEY (job_id, version)
);

CREATE TABLE uketsuke.idempotency_keys (
  owner text COLLATE "C" NOT NULL,
  route text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  fingerprint text NOT NULL,
  job_id text COLLATE "C" NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (owner, route, key)
);
CREATE INDEX idempotency_keys_expiry ON uketsuke.idempotency_keys (expires_at);

CREATE TABLE uketsuke.shared (name text COLLATE "C" NOT NULL PRIMARY KEY, value text NOT NULL);
`
