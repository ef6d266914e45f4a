/**
 * The types of which a job of this queue and priority waits, as a WITH RECURSIVE query by `name`: one probe of `jobs_due` for each type,
 * however many jobs there are.
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
