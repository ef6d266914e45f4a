/**
 * What waits, by type: a claim reads the front of each type that its worker runs, and never walks a backlog of others'. Building the index
 * takes a moment for each million of waiting jobs, in which nobody enqueues.
 */
export const dueByType = `
DROP INDEX uketsuke.jobs_due;
CREATE INDEX jobs_due ON uketsuke.jobs (queue, priority, type, due_at, id) WHERE due_at IS NOT NULL;
`
