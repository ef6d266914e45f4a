/**
 * Stores whole jobs, as `jobs` shows them, in the tables of their states. `from` selects them from rows called `new`. A job whose id exists
 * is left unchanged.
 */
export const insertWhole = (from: string): string => `
WITH new AS MATERIALIZED (SELECT * FROM ${from}), accepted AS (
  INSERT INTO uketsuke.accepted (id, queue, type, owner, priority, max_attempts, metadata, webhook_url, retry_of, parent, created_at, retain_for,
    input, trace, limit_key, batch, run_at, rank)
  SELECT id, queue, type, owner, priority, max_attempts, metadata, webhook_url, retry_of, parent, created_at, retain_for, input, trace,
    limit_key, batch, run_at, coalesce(rank, run_at * 1000) FROM new ON CONFLICT DO NOTHING RETURNING id
), stored AS (SELECT new.* FROM new JOIN accepted ON accepted.id = new.id), pending AS (
  INSERT INTO uketsuke.pending (rank, run_at, version, attempt, queue, priority, type, id, owner, limit_key, started_at, progress, progress_message, last_error)
  SELECT coalesce(rank, run_at * 1000), run_at, version, attempt, CASE WHEN parked = 1 THEN 'parked' ELSE queue END, priority, type, id, owner, limit_key, started_at,
    progress, progress_message, last_error
  FROM stored WHERE status = 'pending'
), running AS (
  INSERT INTO uketsuke.running (run_at, started_at, lease_until, cancel_requested_at, version, attempt, progress, id, queue, type, worker,
    limit_key, progress_message, last_error)
  SELECT run_at, started_at, lease_until, cancel_requested_at, version, attempt, progress, id, queue, type, worker, limit_key, progress_message,
    last_error
  FROM stored WHERE status = 'running'
) INSERT INTO uketsuke.ended (run_at, completed_at, expires_at, started_at, cancel_requested_at, version, attempt, progress, id, queue, type, status,
  worker, progress_message, last_error, error, output, files)
SELECT run_at, completed_at, expires_at, started_at, cancel_requested_at, version, attempt, progress, id, queue, type, status, worker,
  progress_message, last_error, error, output, files
FROM stored WHERE status NOT IN ('pending', 'running')`
