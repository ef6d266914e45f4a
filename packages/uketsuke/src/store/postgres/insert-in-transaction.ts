import { UketsukeError } from '../../domain/errors.ts'
import { isTerminal, type Job } from '../../domain/job.ts'
import type { IdempotencyKey, Insert, Inserted } from '../port.ts'
import { decodeRow, encodeText } from '../text-encoding.ts'
import type { Transaction } from '../transaction.ts'
import { inSchema } from './connection.ts'
import { hasRare, insertNew } from './insert-new.ts'
import { tries } from './insert-unique.ts'
import { write } from './notify-payload.ts'
import { Parameters } from './parameters.ts'
import { asked, jobOf, type Row, toJob } from './rows.ts'
import type { DatabaseTime } from './time.ts'

/**
 * Inserts jobs one by one in the caller's transaction. All parameters are text and all returned columns have simple
 * types, because every driver and ORM supports these. NOTIFY is part of the transaction: it is sent if and when the
 * transaction commits.
 */
export async function insertWithin(
  transaction: Transaction,
  schema: string,
  time: DatabaseTime,
  inserts: readonly Insert[],
): Promise<Inserted[]> {
  const query = async (text: string, parameters: Parameters): Promise<Row[]> => {
    const values = parameters.values.map((value) => String(typeof value === 'object' ? '' : value))
    const result = await transaction.query(inSchema(schema, text), values)
    return (('rows' in result ? result.rows : result) as Row[]).map(decodeRow)
  }

  async function one({ job, key, uniqueKey }: Insert): Promise<Inserted> {
    if (key !== undefined && !(await take(job.owner, job.id, key))) {
      const found = await taken(job.owner, key)
      // Not found: the key was pruned in between and is free again.
      return found ?? one({ job, key, uniqueKey })
    }
    const held = uniqueKey === undefined ? null : await takeUnique(uniqueKey, job.id)
    if (held !== null) {
      if (key !== undefined) await pointTo(held.id, job.owner, key)
      return { job: held, created: false, deduplicated: true, fingerprint: key?.fingerprint ?? null }
    }
    const parameters = new Parameters()
    const row = parameters.add(
      JSON.stringify(Object.fromEntries(asked.map(([name, , value]) => [name, encodeText(value(job))]))),
    )
    const commit = { changed: [job], waiting: [job.queue] }
    const [channel, payload] = [parameters.add(schema), parameters.add(write(noSender, commit, null))]
    await query(
      `WITH ${insertNew(`json_populate_record(NULL::uketsuke.accepted, ${row}::text::json) AS new`, time.rankOfNew(parameters), hasRare(job))}
       SELECT id, pg_notify(${channel}::text, ${payload}::text)::text AS notified FROM accepted`,
      parameters,
    )
    return { job, created: true, fingerprint: key?.fingerprint ?? null }
  }

  /** Takes the key. Waits for a concurrent transaction that has inserted the same key. */
  async function take(owner: string, id: string, { route, key, fingerprint, expiresAt }: IdempotencyKey) {
    const parameters = new Parameters()
    const values = [owner, route, key, fingerprint, id].map((value) => `${parameters.add(encodeText(value))}::text`)
    const rows = await query(
      `INSERT INTO uketsuke.idempotency_keys (owner, route, key, fingerprint, job_id, expires_at)
       VALUES (${values.join(', ')}, ${parameters.add(String(expiresAt))}::text::bigint) ON CONFLICT DO NOTHING RETURNING job_id`,
      parameters,
    )
    return rows.length > 0
  }

  async function taken(owner: string, { route, key }: IdempotencyKey): Promise<Inserted | null> {
    const parameters = new Parameters()
    const [a, b, c] = [owner, route, key].map((value) => `${parameters.add(encodeText(value))}::text`)
    const [row] = await query(
      `SELECT taken.fingerprint, jobs.* FROM uketsuke.idempotency_keys AS taken
       LEFT JOIN ${jobOf('taken.job_id')} ON true WHERE (taken.owner, taken.route, taken.key) = (${a}, ${b}, ${c})`,
      parameters,
    )
    if (row === undefined) return null
    return { job: row.id === null ? null : toJob(row), created: false, fingerprint: row.fingerprint as string }
  }

  /** Takes the unique key, or returns the unfinished job that holds it. `insert-unique.ts` explains the steps. */
  async function takeUnique(uniqueKey: string, id: string): Promise<Job | null> {
    for (let tried = 0; tried < tries; tried++) {
      const parameters = new Parameters()
      const values = [uniqueKey, id].map((value) => `${parameters.add(encodeText(value))}::text`)
      const taken = await query(
        `INSERT INTO uketsuke.unique_keys (key, job_id) VALUES (${values.join(', ')}) ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id
         WHERE EXISTS (SELECT FROM uketsuke.ended WHERE ended.id = unique_keys.job_id) RETURNING job_id`,
        parameters,
      )
      if (taken.length > 0) return null
      const asked = new Parameters()
      const [row] = await query(
        `SELECT jobs.* FROM uketsuke.unique_keys AS held, ${jobOf('held.job_id')} WHERE held.key = ${asked.add(uniqueKey)}::text`,
        asked,
      )
      const job = row === undefined ? null : toJob(row)
      if (job !== null && !isTerminal(job)) return job
    }
    throw new UketsukeError('temporarily-unavailable', 'The unique key is in use by another transaction.')
  }

  async function pointTo(id: string, owner: string, { route, key }: IdempotencyKey): Promise<void> {
    const parameters = new Parameters()
    const [job, ...of] = [id, owner, route, key].map((value) => `${parameters.add(encodeText(value))}::text`)
    await query(
      `UPDATE uketsuke.idempotency_keys SET job_id = ${job} WHERE (owner, route, key) = (${of.join(', ')}) RETURNING job_id`,
      parameters,
    )
  }

  const inserted: Inserted[] = []
  for (const each of inserts) inserted.push(await one(each))
  return inserted
}

/** No store has this name, so all of them process the notification, including the caller's own. */
const noSender = '-'
