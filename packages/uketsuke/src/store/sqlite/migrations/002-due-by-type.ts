/**
 * Pending jobs by type: a claim reads the start of each type that its worker runs, and never scans a backlog of other
 * types.
 */
export const dueByType = `
DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (queue, priority, type, run_at, id) WHERE status = 'pending';
`
