/** What waits, by type: a claim reads the front of each type that its worker runs, and never walks a backlog of others'. */
export const dueByType = `
DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (queue, priority, type, run_at, id) WHERE status = 'pending';
`
