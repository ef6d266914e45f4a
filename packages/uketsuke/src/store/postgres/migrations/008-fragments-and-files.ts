/**
 * A fragment is the result of a step or a chunk of live output. It is inserted while its attempt runs, and goes with its job. `files` lists
 * what the last attempt has saved.
 */
export const fragmentsAndFiles = `
CREATE TABLE uketsuke.fragments (
  job_id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (job_id, kind, key)
);

DROP VIEW uketsuke.jobs;
ALTER TABLE uketsuke.ended ADD COLUMN files text;
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
  accepted.limit_key, accepted.batch, accepted.metadata, accepted.trace, accepted.input, ended.output, ended.files
FROM uketsuke.accepted
LEFT JOIN LATERAL (SELECT * FROM uketsuke.ended WHERE ended.id = accepted.id LIMIT 1) AS ended ON true
LEFT JOIN LATERAL (SELECT * FROM uketsuke.running WHERE running.id = accepted.id LIMIT 1) AS running ON true
LEFT JOIN LATERAL (SELECT * FROM uketsuke.pending 
  WHERE pending.id = accepted.id AND (pending.version > 1 OR pending.limit_key IS NOT NULL) LIMIT 1) AS pending ON true;
`
