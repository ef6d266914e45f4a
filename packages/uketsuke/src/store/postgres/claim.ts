import { performance } from '../../base/timers.ts'
import { change } from '../../domain/change.ts'
import type { Change, Job, Priority } from '../../domain/job.ts'
import { inStartOrder } from '../../domain/job.ts'
import { fail } from '../../domain/rules.ts'
import { corrupt, failure } from '../failure.ts'
import type { ClaimQuery } from '../port.ts'
import { ClaimFronts, type Front, fromStart } from './claim-front.ts'
import type { Sql } from './connection.ts'
import { Parameters } from './parameters.ts'
import type { DatabaseTime } from './time.ts'

export interface Claimed {
  readonly jobs: Job[]
  /** Changes that fail the claimed jobs whose rows cannot be read. */
  readonly unreadable: Change[]
}

/**
 * The rule `claim` in one statement: it scans the key of `pending` once per priority and type, from the start of the range, and
 * skips rows that another claim has locked. Jobs of other types are never read. `claimToken` identifies this claim, so
 * that a claim whose response was lost can find its jobs.
 */
export async function claim(
  sql: Sql,
  time: DatabaseTime,
  query: ClaimQuery,
  claimToken: string,
  maybeCommitted: boolean,
  fronts = new ClaimFronts(),
): Promise<Claimed> {
  const found = maybeCommitted ? await lost(sql, claimToken) : null
  if (found !== null) return read(found, query)
  // Claims of one priority are rare.
  const known = query.priority === undefined ? fronts : new ClaimFronts()
  for (let from = known.of(query); ; from = fromStart) {
    const began = performance.now()
    const rows = await take(sql, time, query, claimToken, from)
    const [end = []] = rows.splice(
      rows.findLastIndex(([id]) => id === null),
      1,
    )
    const [high, normal, , , now] = end.slice(-5) as [number | null, number | null, null, null, number]
    known.found(query, from, began, rows.length === query.limit, { high, normal, now })
    if (rows.length > 0 || from === fromStart) return read(rows, query, now)
  }
}

/**
 * Takes over the jobs of this worker's earlier claims whose responses were lost, with a new lease. `claimToken`
 * replaces their tokens, so that no job is found twice.
 */
export async function adoptLostClaims(
  sql: Sql,
  time: DatabaseTime,
  query: ClaimQuery,
  lostTokens: string[],
  claimToken: string,
): Promise<Claimed> {
  const parameters = new Parameters()
  const rows = await sql.tuples(
    `WITH started AS (
       UPDATE uketsuke.running SET lease_until = ${time.now(parameters)} + ${parameters.add(query.leaseMs)}::bigint, claimed = ${parameters.add(claimToken)}
       WHERE queue = ${parameters.add(query.queue)} AND worker = ${parameters.add(query.worker)} AND claimed = ANY(${parameters.add(lostTokens)}::text[])
       RETURNING *
     ) ${ofRunning}`,
    parameters.values,
  )
  return read(rows, query)
}

/** `startedAt` is that of rows without one. */
function read(rows: readonly unknown[][], query: ClaimQuery, startedAt = 0): Claimed {
  const [jobs, unreadable]: [Job[], Change[]] = [[], []]
  for (const row of rows) {
    const job = claimed(row, query, startedAt)
    if (job.lastError !== corrupt) jobs.push(job)
    else {
      const now = job.startedAt ?? job.createdAt
      const after = fail({ ...job, lastError: null }, now, corrupt, now)
      if (after !== null) unreadable.push(change(job, after, now))
    }
  }
  return { jobs: jobs.sort(inStartOrder), unreadable }
}

function take(sql: Sql, time: DatabaseTime, query: ClaimQuery, claimToken: string, from: Front) {
  const { queue, types, limit, worker, leaseMs, priority: only } = query
  const parameters = new Parameters()
  const [now, most, of] = [time.now(parameters), parameters.add(limit), parameters.add(queue)]
  const rank = `(${now} * 1000)`
  const begin = { high: parameters.add(from.high), normal: parameters.add(from.normal) }
  const due = (priority: Priority, type: string) =>
    `uketsuke.pending WHERE queue = ${of} AND priority = '${priority}' AND type = ${type} AND rank <= ${rank} AND rank >= ${begin[priority]}::bigint`
  // Never lock more rows than are claimed: another claim would skip the locked rows although it could take them.
  const lock = (priority: Priority, type: string, room: string) =>
    `SELECT ctid AS place, rank FROM ${due(priority, type)} ORDER BY rank, id LIMIT ${room} FOR UPDATE SKIP LOCKED`
  const one = parameters.add(types.length === 1 ? (types[0] as string) : types)
  const turn =
    types.length === 1
      ? (priority: Priority, room: string) => `${priority} AS MATERIALIZED (${lock(priority, `${one}::text`, room)})`
      : (priority: Priority, room: string) => {
          // First count how many of the earliest due jobs each type has, then lock that many per type, or the next
          // unlocked ones.
          const front = `SELECT each.type, first.rank, first.id FROM unnest(${one}::text[]) AS each (type), LATERAL (
            SELECT rank, id FROM ${due(priority, 'each.type')} ORDER BY rank, id LIMIT ${room}) AS first
            ORDER BY rank, id LIMIT ${room}`
          return `${priority}_shares AS MATERIALIZED (SELECT type, count(*) AS share FROM (${front}) AS front GROUP BY type),
            ${priority} AS MATERIALIZED (SELECT place, rank FROM ${priority}_shares AS shares,
              LATERAL (${lock(priority, 'shares.type', 'shares.share')}) AS locked)`
        }
  // By ctid rather than id: a join by id would give the planner a choice. RETURNING does not define an order. The last row, without an id,
  // has what all others would repeat: the latest due times, and when the attempts start.
  return sql.tuples(
    `WITH ${turn('high', only === 'normal' ? '0' : `${most}::int`)},
     ${turn('normal', only === 'high' ? '0' : `(${most}::int - (SELECT count(*) FROM high))`)},
     taken AS (DELETE FROM uketsuke.pending WHERE ctid = ANY(ARRAY(SELECT place FROM high) || ARRAY(SELECT place FROM normal)) RETURNING *),
     started AS (
       INSERT INTO uketsuke.running (id, queue, type, limit_key, run_at, version, attempt, last_error, progress, started_at, worker, lease_until, claimed)
       SELECT id, queue, type, limit_key, run_at, version + 1, attempt + 1, last_error, 0, ${now}, ${parameters.add(worker)},
         ${now} + ${parameters.add(leaseMs)}::bigint, ${parameters.add(claimToken)} FROM taken
     ) ${returned('taken', 'version + 1', 'attempt + 1', 'NULL::bigint', 'NULL::bigint')}
     FROM taken, ${asked('taken')}
     UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       (SELECT max(rank) FROM high), (SELECT max(rank) FROM normal), NULL, NULL, ${now}`,
    parameters.values,
  )
}

/** One look-up for each row. A plan that was made while the table was nearly empty would scan it. */
const asked = (of: string) => `LATERAL (SELECT * FROM uketsuke.accepted WHERE accepted.id = ${of}.id LIMIT 1) AS asked`

/** What the claimer does not already know. `of` are the rows of the claimed jobs, which have the other columns. */
const returned = (of: string, version: string, attempt: string, cancelRequestedAt: string, startedAt: string) =>
  `SELECT asked.id, asked.type, asked.owner, asked.priority, ${version}, ${attempt}, asked.max_attempts, asked.input, ${of}.last_error,
    asked.metadata, asked.webhook_url, asked.retry_of, asked.parent, asked.trace, asked.limit_key, asked.batch, asked.created_at, ${of}.run_at, ${cancelRequestedAt},
    asked.retain_for, ${startedAt}`
const ofRunning = `${returned('started', 'version', 'attempt', 'cancel_requested_at', 'started_at')}
  FROM started, ${asked('started')}`

type Text = string | null
/** Its columns, in this order. */
type Returned = [
  ...[
    id: string,
    type: string,
    owner: string,
    priority: Job['priority'],
    version: number,
    attempt: number,
    maxAttempts: number,
  ],
  ...[input: string, lastError: Text, metadata: Text, webhookUrl: Text, retryOf: Text, parent: Text, trace: Text],
  ...[limitKey: Text, batch: Text],
  ...[createdAt: number, runAt: number, cancelRequestedAt: number | null, retainFor: number, startedAt: number | null],
]

function claimed(row: readonly unknown[], { queue, worker, leaseMs }: ClaimQuery, now: number): Job {
  // By place: to iterate over each row would cost a fifth of what a claim allocates.
  const { 0: id, 1: type, 2: owner, 3: priority, 4: version, 5: attempt, 6: maxAttempts, 7: input } = row as Returned
  const { 8: lastError, 9: metadata, 10: webhookUrl, 11: retryOf, 12: parent, 13: trace } = row as Returned
  const { 14: limitKey, 15: batch, 16: createdAt, 17: runAt, 18: cancelRequestedAt } = row as Returned
  const { 19: retainFor, 20: ownStart } = row as Returned
  const startedAt = ownStart ?? now
  return {
    id,
    queue,
    type,
    owner,
    priority,
    status: 'running',
    version,
    attempt,
    maxAttempts,
    progress: 0,
    progressMessage: null,
    input,
    output: null,
    files: null,
    error: null,
    lastError: failure(lastError),
    metadata,
    webhookUrl,
    retryOf,
    parent,
    trace,
    limitKey,
    batch,
    createdAt,
    runAt,
    rank: null,
    parked: false,
    startedAt,
    completedAt: null,
    cancelRequestedAt,
    retainFor,
    expiresAt: null,
    worker,
    leaseUntil: startedAt + leaseMs,
  }
}

async function lost(sql: Sql, claimToken: string): Promise<unknown[][] | null> {
  const rows = await sql.tuples(`WITH started AS (SELECT * FROM uketsuke.running WHERE claimed = $1) ${ofRunning}`, [
    claimToken,
  ])
  return rows.length > 0 ? rows : null
}
