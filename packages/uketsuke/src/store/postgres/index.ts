import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import { UketsukeError } from '../../domain/errors.ts'
import type { Change } from '../../domain/job.ts'
import { withValidIdentifiers } from '../guarded.ts'
import type { ClaimQuery, Inserted, Store, StoreFactory } from '../port.ts'
import { uncapped } from '../unfinished.ts'
import { adoptLostClaims, type Claimed, claim } from './claim.ts'
import { ClaimFronts } from './claim-front.ts'
import type { Sql } from './connection.ts'
import { createIndex } from './extra-index.ts'
import { addFragments, fragments } from './fragments.ts'
import { fronts } from './fronts.ts'
import { insert, keyed } from './insert.ts'
import { insertWithin } from './insert-in-transaction.ts'
import { holder, insertUnique } from './insert-unique.ts'
import { admit, keysWithRoom, markKeys } from './limits.ts'
import { commitListener } from './listener.ts'
import { LostClaims } from './lost-claims.ts'
import { createNotifier } from './notifier.ts'
import { hasStates, type News } from './notify-payload.ts'
import { type PostgresOptions, type PostgresSettings, resolveOptions } from './options.ts'
import * as queries from './queries.ts'
import { recordStore } from './records.ts'
import { endedIndex, prune, pruneType, remove } from './remove.ts'
import { renew, replace as replaceRows } from './replace.ts'
import { search } from './search.ts'
import { type OpenedSchema, start } from './start.ts'
import { time as timeBy } from './time.ts'
import { unclaimed } from './unclaimed.ts'
import { countFailed, unfinished } from './unfinished.ts'
import { countWaiting, waitingIndex } from './waiting.ts'

export { drizzleTx, knexTx, kyselyTx, prismaTx } from './adapters.ts'
export type { PostgresOptions } from './options.ts'

/**
 * Stores jobs in a dedicated schema of a PostgreSQL database (13 or later). Takes a connection string or options.
 * Requires the package `pg`. The schema is created or updated when the store starts. Leases and due times follow the
 * database's clock.
 * @throws {UketsukeError} `invalid-configuration` if an option is not valid
 */
export function postgres(options: string | PostgresOptions): StoreFactory {
  const settings = resolveOptions(options)
  return (clock) => withValidIdentifiers(store(settings, clock))
}

function store(settings: PostgresSettings, clock: Clock): Store {
  const name = randomUUID()
  const time = timeBy(clock)
  const foreign = commitListener(clock, name)
  /** A claim is abandoned soon after its statement timeout. Jobs that it claimed are found later by its token. */
  const claimWithin = settings.statementTimeout + 4_000
  let found: (OpenedSchema & { notifier: ReturnType<typeof createNotifier> }) | null = null
  let opening: Promise<void> | null = null

  async function open(): Promise<void> {
    const opened = await start(settings)
    const { connection, driver, notificationKey: key } = opened
    const channel = settings.schema
    found = { ...opened, notifier: createNotifier(connection, channel, name, key) }
    await measure()
    if (opened.listens) await foreign.start({ connect: driver.client, channel, key })
    else foreign.poll()
  }

  const opened = () => {
    if (found === null) throw new UketsukeError('store-unusable', 'The store is not open: call migrate() first.')
    return found
  }
  const run = async <T>(work: (sql: Sql, maybeCommitted: boolean) => Promise<T>, within?: number) =>
    opened().connection.run(work, within)
  let measuring: Promise<void> | null = null
  /** Measures the database's clock; at most one measurement at a time. */
  function measure(): Promise<void> {
    measuring ??= run(async (sql) => {
      const sent = clock.now()
      time.measured(await queries.databaseTime(sql), sent)
    }).finally(() => {
      measuring = null
    })
    return measuring
  }
  /**
   * Commits and notifies other processes: if possible with a notification about `expected` pipelined behind the
   * statement, else after its response about what was stored. With `isExpected`, few jobs are sent along, as soon as
   * the response confirms them: another writer may have been first.
   */
  async function commit<T>(
    work: (sql: Sql, maybeCommitted: boolean) => Promise<T>,
    expected: News | null,
    stored: (result: T) => News,
    { within, isExpected }: { within?: number | undefined; isExpected?: (result: T) => boolean } = {},
  ): Promise<T> {
    const { notifier } = opened()
    let notified = false
    const result = await run(async (sql, maybeCommitted) => {
      const working = work(sql, maybeCommitted)
      if (expected !== null && isExpected !== undefined && hasStates(expected)) {
        // Sealed while the server works.
        const send = notifier.withStates(sql, expected)
        const result = await working
        notified = isExpected(result) && send()
        return result
      }
      notified = expected !== null && notifier.follow(sql, expected)
      return working
    }, within)
    if (!notified) notifier.announce(stored(result))
    return result
  }

  const replace = (changes: readonly Change[]): Promise<boolean[]> => {
    const newsOf = (some: readonly Change[]) => opened().notifier.newsOfChanges(some, time.here())
    return commit(
      (sql, maybeCommitted) => replaceRows(sql, time, changes, maybeCommitted),
      changes.length > pipelineLimit ? null : newsOf(changes),
      (swapped) => newsOf(changes.filter((_, i) => swapped[i])),
      { isExpected: (swapped) => !swapped.includes(false) },
    )
  }

  const lostClaims = new LostClaims()
  const claimFronts = new ClaimFronts()
  async function claimBy(query: ClaimQuery, claimToken: string): Promise<Claimed> {
    try {
      return await run(
        (sql, maybeCommitted) => claim(sql, time, query, claimToken, maybeCommitted, claimFronts),
        claimWithin,
      )
    } catch (error) {
      if (error instanceof UketsukeError && error.outcome === 'unknown') lostClaims.add(claimToken, query.leaseMs)
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
      // Uses the last measurement until a new one arrives, so that time goes on while the database is unreachable.
      const here = time.here()
      if (found !== null && time.isStaleAt(here)) measure().catch(() => {})
      return here
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
    async insert(inserts, waiting) {
      const newsOf = (inserted: readonly Inserted[]) =>
        opened().notifier.newsOf(inserted.flatMap(({ job, created }) => (created && job !== null ? [job] : [])))
      if (inserts.some(({ uniqueKey }) => uniqueKey !== undefined)) {
        const inserted = await opened().connection.transaction(
          (sql, maybeCommitted) => insertUnique(sql, time, inserts, maybeCommitted),
          { within: waiting?.within },
        )
        opened().notifier.announce(newsOf(inserted))
        return inserted
      }
      return commit(
        (sql, maybeCommitted) => insert(sql, time, inserts, maybeCommitted),
        // With keys, what is stored is known only after the response.
        inserts.some(({ key }) => key !== undefined) ? null : opened().notifier.newsOf(inserts.map(({ job }) => job)),
        newsOf,
        { within: waiting?.within },
      )
    },
    insertWithin: (transaction, inserts) => insertWithin(transaction, settings.schema, time, inserts),
    async claim(query) {
      const claimToken = randomUUID()
      const lost = lostClaims.tokens()
      const found = lost.length > 0 ? await run((sql) => adoptLostClaims(sql, time, query, lost, claimToken)) : null
      const { jobs, unreadable } =
        found !== null && found.jobs.length + found.unreadable.length > 0 ? found : await claimBy(query, randomUUID())
      const { notifier } = opened()
      notifier.announce(notifier.newsOf(jobs))
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
    search: (query) => run((sql) => search(sql, query)),
    deliveries: (owner, parent) => run((sql) => queries.deliveries(sql, owner, parent)),
    failedDeliveries: (owner, since, after, limit) =>
      run((sql) => queries.failedDeliveries(sql, owner, since, after, limit)),
    attempts: (owner, id) => run((sql) => queries.attempts(sql, owner, id)),
    position: (job) => run((sql) => queries.position(sql, time, job.id)),
    remove: (owner, id) => run((sql, maybeCommitted) => remove(sql, owner, id, maybeCommitted)),
    prune: (limit) => run((sql) => prune(sql, time, limit)),
    keysWithRoom: (types, limit) => run((sql) => keysWithRoom(sql, time, types, limit)),
    async admit(keys, rule) {
      const jobs = await opened().connection.transaction((sql) => admit(sql, time, settings.schema, keys, rule))
      const { notifier } = opened()
      notifier.announce(notifier.newsOf(jobs))
      return jobs
    },
    markKeys: (types) => run((sql) => markKeys(sql, time, types)),
    batch: (owner, id) => run((sql) => queries.batch(sql, owner, id)),
    fronts: () => run((sql) => fronts(sql, time)),
    addFragments: (added) => run((sql) => addFragments(sql, added)),
    fragments: (query) => run((sql) => fragments(sql, query)),
    stats: () => run(queries.stats),
    countFailed: (most) => run((sql) => countFailed(sql, most)),
    unfinished: (most = uncapped) => run((sql) => unfinished(sql, time.here(), most)),
    shared: (name, initial) => run((sql) => queries.shared(sql, name, initial)),
    keyed: (owner, route, key) => run((sql) => keyed(sql, owner, route, key)),
    holder: (uniqueKey) => run((sql) => holder(sql, uniqueKey)),
    indexWaiting: () => createIndex(opened().connection, settings.schema, waitingIndex),
    indexEnded: () => createIndex(opened().connection, settings.schema, endedIndex),
    pruneType: (type, kept, limit) => run((sql) => pruneType(sql, type, kept, limit)),
    countWaiting: (owner, most) => run((sql) => countWaiting(sql, owner, most)),
    records: recordStore(run, (work) => opened().connection.transaction(work)),
    onForeignCommit: foreign.listen,
    async close() {
      await opening?.catch(() => {})
      // Only notifications and the listening connection: do not wait longer for an unresponsive server.
      await Promise.race([Promise.all([foreign.stop(), found?.notifier.done()]), pause(500, null, { ref: false })])
      await found?.connection.close()
    },
  }
}

/**
 * Up to this many changes, the notification is pipelined, which informs waiting clients sooner. Larger batches are
 * announced together, along with concurrent claims.
 */
const pipelineLimit = 20

function durability(engine: string, { fsync, synchronousCommit, listens }: OpenedSchema): string {
  const polling = listens ? '' : '; changes by other processes are found by polling, without LISTEN'
  if (fsync !== 'on') return `${engine}, fsync=off: an accepted job may be lost if the machine crashes${polling}`
  return `${engine}, fsync=on, synchronous_commit=${synchronousCommit}: an accepted job survives a crash of the server and of the machine${polling}`
}
