/**
 * Pending jobs by type: a claim reads the start of each type that its worker runs, and never scans a backlog of other
 * types. Building the index takes a moment per million pending jobs, during which inserts wait.
 */
export const dueByType = `
DROP INDEX uketsuke.jobs_due;
CREATE INDEX jobs_due ON uketsuke.jobs (queue, priority, type, due_at, id) WHERE due_at IS NOT NULL;
`
