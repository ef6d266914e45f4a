/**
 * The types that have a pending job of this queue and priority, as a WITH RECURSIVE query called `name`. One probe of
 * `jobs_due` per type, regardless of the number of jobs.
 */
export function waitingTypes(name: string, queue: string, priority: string): string {
  const first = (more: string) => `
    SELECT type FROM uketsuke.jobs WHERE queue = ${queue} AND priority = ${priority} AND due_at IS NOT NULL ${more}
    ORDER BY type LIMIT 1`
  return `${name} AS (
    (${first('')})
    UNION ALL
    SELECT (${first(`AND type > ${name}.type`)}) FROM ${name} WHERE ${name}.type IS NOT NULL
  )`
}
