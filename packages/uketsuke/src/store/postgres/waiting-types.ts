/**
 * The types that have a pending job of this queue and priority, as a WITH RECURSIVE query called `name`. One probe of
 * `pending` per type, regardless of the number of jobs.
 */
export function waitingTypes(name: string, queue: string, priority: string): string {
  const first = (more: string) => `
    SELECT type FROM uketsuke.pending WHERE queue = ${queue} AND priority = ${priority} ${more}
    ORDER BY type LIMIT 1`
  return `${name} AS (
    (${first('')})
    UNION ALL
    SELECT (${first(`AND type > ${name}.type`)}) FROM ${name} WHERE ${name}.type IS NOT NULL
  )`
}
