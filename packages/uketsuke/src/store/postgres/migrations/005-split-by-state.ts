/**
 * What was asked is inserted once and never changes (`accepted`). The state of a job is a row of its own, in exactly one of `pending`,
 * `running` and `ended`; a job that waits for its first attempt has no more than its place in `pending`. So a change writes a few dozen
 * bytes, not the whole job, and the tables in which rows come and go stay small. The view `jobs` shows each job as one row.
 *
 * To the planner, these two tables are nearly empty, so that it would rather scan all of them than look rows up. But there may be a million
 * dead entries. LATERAL with LIMIT leaves it no choice here, and `sameId` elsewhere.
 *
 * Columns with a fixed width come first, which saves padding. Rows of `pending` and `running` live for moments: they are vacuumed early
 * and without pauses, because claims read past dead entries.
 */
export const splitByState = `
ALTER TABLE uketsuke.jobs RENAME TO whole_jobs;
ALTER INDEX uketsuke.jobs_owned RENAME TO whole_jobs_owned;
ALTER INDEX uketsuke.jobs_parent RENAME TO whole_jobs_parent;

CREATE TABLE uketsuke.accepted (
  created_at bigint NOT NULL,
  run_at bigint NOT NULL,
  -- When the first attempt is due, by the database's clock. Part of the key in \`pending\`.
  due_at bigint NOT NULL,
  retain_for bigint NOT NULL,
  max_attempts integer NOT NULL,
  id text COLLATE "C" NOT NULL,
  queue text COLLATE "C" NOT NULL CHECK (queue IN ('jobs', 'deliveries')),
  type text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  priority text COLLATE "C" NOT NULL CHECK (priority IN ('normal', 'high')),
  webhook_url text,
  retry_of text,
  parent text COLLATE "C",
  metadata text,
  trace text,
  input text NOT NULL
);
INSERT INTO uketsuke.accepted
SELECT created_at, run_at, coalesce(due_at, run_at), retain_for, max_attempts, id, queue, type, owner, priority, webhook_url, retry_of, parent,
  metadata, trace, input
FROM uketsuke.whole_jobs;
ALTER TABLE uketsuke.accepted ADD PRIMARY KEY (id);
CREATE INDEX jobs_owned ON uketsuke.accepted (owner, id) WHERE queue = 'jobs';
CREATE INDEX jobs_parent ON uketsuke.accepted (parent) WHERE parent IS NOT NULL;

-- The key is the order of claims. The types come before the due time, so that a claim never reads a backlog of other types.
CREATE TABLE uketsuke.pending (
  due_at bigint NOT NULL,
  run_at bigint NOT NULL,
  version integer NOT NULL,
  attempt integer NOT NULL,
  queue text COLLATE "C" NOT NULL,
  priority text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  -- Of the last attempt, if there was one.
  started_at bigint,
  progress integer,
  progress_message text,
  last_error text,
  PRIMARY KEY (queue, priority, type, due_at, id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
INSERT INTO uketsuke.pending
SELECT due_at, run_at, version, attempt, queue, priority, type, id, owner, started_at, progress, progress_message, last_error
FROM uketsuke.whole_jobs WHERE due_at IS NOT NULL;
-- Jobs that wait for a further attempt are found by id here, all others by their first due time.
CREATE INDEX pending_again ON uketsuke.pending (id) WHERE version > 1;

CREATE TABLE uketsuke.running (
  run_at bigint NOT NULL,
  started_at bigint NOT NULL,
  lease_until bigint NOT NULL,
  cancel_requested_at bigint,
  version integer NOT NULL,
  attempt integer NOT NULL,
  progress integer NOT NULL,
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  queue text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  worker text COLLATE "C" NOT NULL,
  claimed text,
  progress_message text,
  last_error text
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
INSERT INTO uketsuke.running
SELECT run_at, started_at, lease_until, cancel_requested_at, version, attempt, progress, id, queue, type, worker, claimed, progress_message, last_error
FROM uketsuke.whole_jobs WHERE status = 'running';

-- The primary key is what makes a second end impossible.
CREATE TABLE uketsuke.ended (
  run_at bigint NOT NULL,
  completed_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  started_at bigint,
  cancel_requested_at bigint,
  version integer NOT NULL,
  attempt integer NOT NULL,
  progress integer NOT NULL,
  id text COLLATE "C" NOT NULL,
  queue text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  status text COLLATE "C" NOT NULL CHECK (status IN ('completed', 'failed', 'cancelled')),
  worker text COLLATE "C",
  progress_message text,
  last_error text,
  error text,
  output text
);
INSERT INTO uketsuke.ended
SELECT run_at, completed_at, expires_at, started_at, cancel_requested_at, version, attempt, progress, id, queue, type, status, worker,
  progress_message, last_error, error, output
FROM uketsuke.whole_jobs WHERE completed_at IS NOT NULL;
ALTER TABLE uketsuke.ended ADD PRIMARY KEY (id);
-- For pruning, and for counting without reading the rows.
CREATE INDEX ended_expiry ON uketsuke.ended (expires_at, queue, status);
-- Operators often list failed jobs, which are few among many.
CREATE INDEX ended_failed ON uketsuke.ended (id) WHERE status = 'failed';

DROP TABLE uketsuke.whole_jobs;

CREATE VIEW uketsuke.jobs AS
SELECT accepted.id, accepted.queue, accepted.type, accepted.owner, accepted.priority,
  CASE WHEN ended.id IS NOT NULL THEN ended.status WHEN running.id IS NOT NULL THEN 'running' ELSE 'pending' END AS status,
  coalesce(ended.version, running.version, pending.version, 1) AS version,
  coalesce(ended.attempt, running.attempt, pending.attempt, 0) AS attempt,
  accepted.max_attempts,
  coalesce(ended.progress, running.progress, pending.progress, 0) AS progress,
  coalesce(ended.progress_message, running.progress_message, pending.progress_message) AS progress_message,
  ended.error,
  coalesce(ended.last_error, running.last_error, pending.last_error) AS last_error,
  accepted.webhook_url, accepted.retry_of, accepted.parent, accepted.created_at,
  coalesce(ended.run_at, running.run_at, pending.run_at, accepted.run_at) AS run_at,
  coalesce(ended.started_at, running.started_at, pending.started_at) AS started_at,
  ended.completed_at,
  coalesce(ended.cancel_requested_at, running.cancel_requested_at) AS cancel_requested_at,
  accepted.retain_for, ended.expires_at,
  coalesce(ended.worker, running.worker) AS worker,
  running.lease_until,
  CASE WHEN ended.id IS NULL AND running.id IS NULL THEN coalesce(pending.due_at, accepted.due_at) END AS due_at,
  accepted.metadata, accepted.trace, accepted.input, ended.output
FROM uketsuke.accepted
LEFT JOIN LATERAL (SELECT * FROM uketsuke.ended WHERE ended.id = accepted.id LIMIT 1) AS ended ON true
LEFT JOIN LATERAL (SELECT * FROM uketsuke.running WHERE running.id = accepted.id LIMIT 1) AS running ON true
LEFT JOIN LATERAL (SELECT * FROM uketsuke.pending WHERE pending.id = accepted.id AND pending.version > 1 LIMIT 1) AS pending ON true;
`
