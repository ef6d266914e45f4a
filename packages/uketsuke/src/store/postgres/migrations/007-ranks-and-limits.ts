/**
 * The due time becomes the rank in the order of claims, in microseconds. In `pending`, the queue of a job is `parked` until the limits of
 * its key admit it. Such a job is found there by its id, because an admission moves it. Marks tell which keys may have room for parked jobs,
 * and from when on. They are only inserted and deleted, so that no commit waits for another. `key_states` has what admissions remember.
 */
export const ranksAndLimits = `
DROP VIEW uketsuke.jobs;
ALTER TABLE uketsuke.accepted RENAME COLUMN due_at TO rank;
ALTER TABLE uketsuke.accepted ADD COLUMN limit_key text COLLATE "C", ADD COLUMN batch text COLLATE "C";
ALTER TABLE uketsuke.pending RENAME COLUMN due_at TO rank;
ALTER TABLE uketsuke.pending ADD COLUMN limit_key text COLLATE "C";
ALTER TABLE uketsuke.running ADD COLUMN limit_key text COLLATE "C";
UPDATE uketsuke.accepted SET rank = accepted.rank * 1000 FROM uketsuke.pending WHERE pending.id = accepted.id;
UPDATE uketsuke.pending SET rank = rank * 1000;

DROP INDEX uketsuke.pending_again;
CREATE INDEX pending_by_id ON uketsuke.pending (id) WHERE version > 1 OR limit_key IS NOT NULL;
-- Created again where it is needed: it now has the parked jobs, too.
DROP INDEX IF EXISTS uketsuke.pending_owned;
CREATE INDEX pending_limited ON uketsuke.pending (limit_key, queue, priority, rank, id) WHERE limit_key IS NOT NULL;
CREATE INDEX running_limited ON uketsuke.running (limit_key) WHERE limit_key IS NOT NULL;
CREATE INDEX accepted_batch ON uketsuke.accepted (batch, id) WHERE batch IS NOT NULL;

CREATE TABLE uketsuke.limit_marks (
  look_at bigint NOT NULL,
  type text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX limit_marks_due ON uketsuke.limit_marks (type, look_at, key);
CREATE INDEX limit_marks_by_key ON uketsuke.limit_marks (key, look_at);

CREATE TABLE uketsuke.key_states (key text COLLATE "C" NOT NULL PRIMARY KEY, state text NOT NULL);

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
  CASE WHEN ended.id IS NULL AND running.id IS NULL THEN coalesce(pending.rank, accepted.rank) END AS rank,
  CASE WHEN ended.id IS NULL AND running.id IS NULL AND pending.queue = 'parked' THEN 1 END AS parked,
  accepted.limit_key, accepted.batch, accepted.metadata, accepted.trace, accepted.input, ended.output
FROM uketsuke.accepted
LEFT JOIN LATERAL (SELECT * FROM uketsuke.ended WHERE ended.id = accepted.id LIMIT 1) AS ended ON true
LEFT JOIN LATERAL (SELECT * FROM uketsuke.running WHERE running.id = accepted.id LIMIT 1) AS running ON true
LEFT JOIN LATERAL (SELECT * FROM uketsuke.pending 
  WHERE pending.id = accepted.id AND (pending.version > 1 OR pending.limit_key IS NOT NULL) LIMIT 1) AS pending ON true;
`
