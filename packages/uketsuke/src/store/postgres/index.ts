import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import { UketsukeError } from '../../domain/errors.ts'
import type { Change, Job } from '../../domain/job.ts'
import { withValidIdentifiers } from '../guarded.ts'
import type { ClaimQuery, Store, StoreFactory } from '../port.ts'
import { adoptLostClaims, type Claimed, claim } from './claim.ts'
import type { Sql } from './connection.ts'
import { insert } from './insert.ts'
import { insertWithin } from './insert-in-transaction.ts'
import { commitListener } from './listener.ts'
import { LostClaims } from './lost-claims.ts'
import { createNotifier } from './notifier.ts'
import { type PostgresOptions, type PostgresSettings, resolveOptions } from './options.ts'
import * as queries from './queries.ts'
import { prune, remove } from './remove.ts'
import { renew, replace as replaceRows } from './replace.ts'
import { type OpenedSchema, start } from './start.ts'
import { time as timeBy } from './time.ts'
import { unclaimed } from './unclaimed.ts'

export { drizzleTx, knexTx, kyselyTx, prismaTx } from './adapters.ts'
export type { PostgresOptions } from './options.ts'

/**
 * Jobs in a schema of their own in a PostgreSQL database (13 or later), opened by `migrate`. Needs the package `pg`. Leases and due
 * times are told by the database's clock.
 * @throws {UketsukeError} `invalid-configuration`
 */
export function postgres(options: string | PostgresOptions): StoreFactory {
  const settings = resolveOptions(options)
  return (clock) => withValidIdentifiers(store(settings, clock))
}

function store(settings: PostgresSettings, clock: Clock): Store {
  const name = randomUUID()
  const time = timeBy(clock)
  const foreign = commitListener(clock, name)
  /** A claim is given up soon after its statement: what it got is found later. */
  const claimWithin = settings.statementTimeout + 4_000
  let found: (OpenedSchema & { tell: ReturnType<typeof createNotifier> }) | null = null
  let opening: Promise<void> | null = null

  async function open(): Promise<void> {
    const opened = await start(settings)
    found = { ...opened, tell: createNotifier(opened.connection, settings.schema, name) }
    await measure()
    if (opened.listens) await foreign.start(opened.driver.client, settings.schema)
    else foreign.poll()
  }

  const opened = () => {
    if (found === null) throw new UketsukeError('store-unusable', 'The store is not open: call migrate() first.')
    return found
  }
  const run = async <T>(work: (sql: Sql, maybeCommitted: boolean) => Promise<T>, within?: number) =>
    opened().connection.run(work, within)
  let measuring: Promise<void> | null = null
  /** Learns what time it is there; one measurement at a time. */
  function measure(): Promise<void> {
    measuring ??= run(async (sql) => {
      const sent = clock.now()
      time.measured(await queries.databaseTime(sql), sent)
    }).finally(() => {
      measuring = null
    })
    return measuring
  }
  const announce = (jobs: readonly Job[]) => opened().tell.announce(jobs)

  /** Commits, and tells others: right behind the statement of what it is to store, or else after its answer of what it stored. */
  async function commit<T>(
    work: (sql: Sql, maybeCommitted: boolean) => Promise<T>,
    hoped: readonly Job[],
    stored: (result: T) => readonly Job[],
    within?: number,
  ): Promise<T> {
    let told = false
    const result = await run((sql, maybeCommitted) => {
      const working = work(sql, maybeCommitted)
      told = opened().tell.follow(sql, hoped)
      return working
    }, within)
    if (!told) announce(stored(result))
    return result
  }

  const outcomes = (changes: readonly Change[]) =>
    changes.flatMap(({ after, spawn }) => (spawn === null ? [after] : [after, spawn]))
  const replace = (changes: readonly Change[]): Promise<boolean[]> =>
    commit(
      (sql, maybeCommitted) => replaceRows(sql, time, changes, maybeCommitted),
      changes.length > few ? [] : outcomes(changes),
      (swapped) => outcomes(changes.filter((_, i) => swapped[i])),
    )

  const lostClaims = new LostClaims()
  async function claimBy(query: ClaimQuery, mark: string): Promise<Claimed> {
    try {
      return await run((sql, maybeCommitted) => claim(sql, time, query, mark, maybeCommitted), claimWithin)
    } catch (error) {
      if (error instanceof UketsukeError && error.outcome === 'unknown') lostClaims.add(mark, query.leaseMs)
      throw error
    }
  }

  return {
    description: {
      get engine() {
        return `PostgreSQL ${found?.version ?? ''}`.trim()
      },
      get durability() {
        return found === null ? this.engine : durability(this.engine, found)
      },
    },
    group: { cap: 500, inFlight: 2 },
    now() {
      // The last measurement stands until there is another: where the database is away, time goes on.
      if (found !== null && time.isStale) measure().catch(() => {})
      return time.here()
    },
    async migrate() {
      opening ??= open()
      try {
        await opening
      } catch (error) {
        opening = null
        throw error
      }
    },
    insert: (inserts, waiting) =>
      commit(
        (sql, maybeCommitted) => insert(sql, time, inserts, maybeCommitted),
        // Whether a key is taken is known when it has been looked up.
        inserts.some(({ key }) => key !== undefined) ? [] : inserts.map(({ job }) => job),
        (inserted) => inserted.flatMap(({ job, created }) => (created && job !== null ? [job] : [])),
        waiting?.within,
      ),
    insertWithin: (transaction, inserts) => insertWithin(transaction, settings.schema, time, inserts),
    async claim(query) {
      const mark = randomUUID()
      const lost = lostClaims.marks()
      const found = lost.length > 0 ? await run((sql) => adoptLostClaims(sql, time, query, lost, mark)) : null
      const { jobs, unreadable } =
        found !== null && found.jobs.length + found.unreadable.length > 0 ? found : await claimBy(query, randomUUID())
      announce(jobs)
      if (unreadable.length > 0) await replace(unreadable)
      return jobs
    },
    replace,
    renew: (leases, leaseMs) => run((sql) => renew(sql, time, leases, leaseMs)),
    expiredLeases: (limit) => run((sql) => queries.expiredLeases(sql, time, limit)),
    unclaimed: (waited) => run((sql) => unclaimed(sql, time, waited)),
    nextDue: (queue, types) => run((sql) => queries.nextDue(sql, queue, types)),
    get: (owner, ids) => run((sql) => queries.get(sql, ids, owner)),
    newer: (known) => run((sql) => queries.newerThan(sql, known)),
    list: (query) => run((sql) => queries.listJobs(sql, query)),
    deliveries: (owner, parent) => run((sql) => queries.deliveries(sql, owner, parent)),
    attempts: (owner, id) => run((sql) => queries.attempts(sql, owner, id)),
    position: (job) => run((sql) => queries.position(sql, time, job.id)),
    remove: (owner, id) => run((sql, maybeCommitted) => remove(sql, owner, id, maybeCommitted)),
    prune: (limit) => run((sql) => prune(sql, time, limit)),
    stats: () => run(queries.stats),
    shared: (name, initial) => run((sql) => queries.shared(sql, name, initial)),
    onForeignCommit: foreign.listen,
    async close() {
      await opening?.catch(() => {})
      // Hints, and a connection that only listens: a server that says nothing is not waited for.
      await Promise.race([Promise.all([foreign.stop(), found?.tell.done()]), pause(500, null, { ref: false })])
      await found?.connection.close()
    },
  }
}

/** Whoever waits for the end of a job is told the sooner; the ends of many are told together, with the claims beside them. */
const few = 20

function durability(engine: string, { fsync, synchronousCommit, listens }: OpenedSchema): string {
  const hears = listens ? '' : '; other processes are heard by polling, without LISTEN'
  if (fsync !== 'on') return `${engine}, fsync=off: an accepted job may be lost with the machine${hears}`
  return `${engine}, fsync=on, synchronous_commit=${synchronousCommit}: an accepted job survives a crash of the server and of the machine${hears}`
}
