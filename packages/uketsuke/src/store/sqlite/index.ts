import { closeSync, fdatasyncSync, openSync, realpathSync } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import { performance } from '../../base/timers.ts'
import { UketsukeError } from '../../domain/errors.ts'
import { isLastAttempt } from '../../domain/job.ts'
import { withValidIdentifiers } from '../guarded.ts'
import type { Store, StoreFactory } from '../port.ts'
import { checkMigrated } from '../raw-tables.ts'
import { uncapped } from '../unfinished.ts'
import { fronts } from './backlog.ts'
import { Checkpoints } from './checkpoint.ts'
import { commitSignal } from './commit-signal.ts'
import { Connection, type Sql } from './connection.ts'
import { toOpenError } from './errors.ts'
import { addFragment, fragments } from './fragments.ts'
import { holder, insert, keyed } from './inserts.ts'
import { admit, keysWithRoom, markKeys } from './limits.ts'
import { commitListener } from './listener.ts'
import { migrate } from './migrations/index.ts'
import { canUseThreads, databasePath, open } from './open.ts'
import { indexEnded, pruneType } from './prune-type.ts'
import * as queries from './queries.ts'
import { appendRecords, getRecord, listRecords, removeRecord, updateRecord } from './records.ts'
import { search } from './search.ts'
import { unclaimed } from './unclaimed.ts'
import { countFailed, unfinished } from './unfinished.ts'
import { countWaiting, indexWaiting } from './waiting.ts'

/**
 * Stores jobs in a SQLite file on a local disk. Several processes on one machine can share the file. A relative path is
 * resolved immediately; the file is opened, and created if necessary, when the store starts. `:memory:` is a private
 * database that is lost when the store closes.
 * @throws {UketsukeError} `invalid-configuration` if the path does not name a file
 */
export function sqlite(path: string): StoreFactory {
  const file = databasePath(path)
  return (clock) => withValidIdentifiers(store(file, clock))
}

function store(path: string, clock: Clock): Store {
  const volatile = path === ':memory:'
  let version = ''
  let opening: Promise<Connection> | null = null

  const connection = (): Promise<Connection> => {
    if (opening === null) throw new UketsukeError('store-unusable', 'The store is not open: call migrate() first.')
    return opening
  }
  const read = async <T>(query: (sql: Sql) => T) => (await connection()).read(query)
  const write = async <T>(work: (sql: Sql) => T) => (await connection()).write(work)
  // A lease need not be synced: the power failure that would lose it also ends its worker. The claim of a last attempt
  // is synced, because that attempt must not run twice.
  const lease = async <T>(work: (sql: Sql) => T) => (await connection()).write(work, { deferSync: true })
  const committed = commitSignal(path)
  const foreign = commitListener(clock, committed, () =>
    read((sql) => sql.get('PRAGMA data_version')?.data_version as number),
  )

  async function start(): Promise<Connection> {
    let db: Connection | null = null
    try {
      db = new Connection(await open(path), committed.send)
      version = await db.read((sql) => {
        sql.script(settings)
        return sql.get('SELECT sqlite_version() AS version')?.version as string
      })
      const mode = await db.read((sql) => sql.get('PRAGMA journal_mode = WAL')?.journal_mode)
      if (mode !== 'wal' && !volatile) {
        throw new UketsukeError(
          'store-unusable',
          `"${path}" is on a file system without support for a write-ahead log: put it on a local disk.`,
        )
      }
      await migrate(db, path)
      await db.read((sql) => checkMigrated(`SQLite "${path}"`, (note) => queries.note(sql, note)))
      if (!volatile && canUseThreads()) db.keptShortBy(new Checkpoints(path, backstop(db)))
      return db
    } catch (error) {
      await db?.close()
      throw toOpenError(path, error)
    }
  }

  return {
    description: {
      get engine() {
        return `SQLite ${version}`.trim()
      },
      get durability() {
        if (volatile) return `${this.engine}, in memory: accepted jobs are lost when the process ends`
        return `${this.engine}, WAL, synchronous=FULL: an accepted job survives a crash of the process and of the machine`
      },
    },
    defaultFiles: volatile ? 'memory' : { folder: `${path}-files` },
    async migrate() {
      opening ??= start()
      try {
        await opening
      } catch (error) {
        opening = null
        throw error
      }
    },
    insert: async (inserts, waiting) =>
      (await connection()).write((sql) => insert(sql, inserts), { since: waiting?.since }),
    async claim(query) {
      // Idle workers poll often: they must not take the write lock to find that nothing is due.
      const since = performance.now()
      const db = await connection()
      const next = await db.read((sql) => queries.nextDue(sql, query.queue, query.types), since)
      if (next === null || next > clock.now()) return []
      const jobs = await db.write((sql) => queries.claim(sql, query, clock.now()), { deferSync: true, since })
      if (!volatile && jobs.some(isLastAttempt)) syncWal(path)
      return jobs
    },
    replace: (changes) => write((sql) => changes.map((one) => queries.replace(sql, one))),
    renew: (leases, leaseMs) => lease((sql) => leases.map((one) => queries.renew(sql, one, clock.now() + leaseMs))),
    expiredLeases: (limit) => read((sql) => queries.expiredLeases(sql, clock.now(), limit)),
    unclaimed: (waited) => read((sql) => unclaimed(sql, clock.now(), waited)),
    nextDue: (queue, types) => read((sql) => queries.nextDue(sql, queue, types)),
    get: (owner, ids) => read((sql) => ids.map((id) => queries.get(sql, owner, id))),
    newer: (known) => read((sql) => known.flatMap((one) => queries.newerThan(sql, one))),
    list: (query) => read((sql) => queries.listJobs(sql, query)),
    search: (query) => read((sql) => search(sql, query)),
    deliveries: (owner, parent) => read((sql) => queries.deliveries(sql, owner, parent)),
    failedDeliveries: (owner, since, after, limit) =>
      read((sql) => queries.failedDeliveries(sql, owner, since, after, limit)),
    attempts: (owner, id) => read((sql) => queries.attempts(sql, owner, id)),
    position: (job) => read((sql) => queries.position(sql, job, clock.now())),
    remove: (owner, id) => write((sql) => queries.remove(sql, owner, id)),
    prune: (limit) => write((sql) => queries.prune(sql, clock.now(), limit)),
    keysWithRoom: (types, limit) => read((sql) => keysWithRoom(sql, types, clock.now(), limit)),
    admit: (keys, rule) => write((sql) => admit(sql, keys, rule, clock.now())),
    markKeys: (types) => write((sql) => markKeys(sql, types, clock.now())),
    batch: (owner, id) => read((sql) => queries.batch(sql, owner, id)),
    fronts: () => read((sql) => fronts(sql, clock.now())),
    addFragments: (added) => write((sql) => added.map((one) => addFragment(sql, one))),
    fragments: (query) => read((sql) => fragments(sql, query)),
    stats: () => read(queries.stats),
    countFailed: (most) => read((sql) => countFailed(sql, most)),
    unfinished: (most = uncapped) => read((sql) => unfinished(sql, clock.now(), most)),
    shared: (name, initial) => write((sql) => queries.shared(sql, name, initial)),
    keyed: (owner, route, key) => read((sql) => keyed(sql, owner, route, key)),
    holder: (uniqueKey) => read((sql) => holder(sql, uniqueKey)),
    indexWaiting: () => write(indexWaiting),
    indexEnded: () => write(indexEnded),
    pruneType: (type, kept, limit) => write((sql) => pruneType(sql, type, kept, limit)),
    countWaiting: (owner, most) => read((sql) => countWaiting(sql, owner, most)),
    records: {
      get: (kind, owner, id) => read((sql) => getRecord(sql, kind, owner, id)),
      list: (kind, owner, after, limit) => read((sql) => listRecords(sql, kind, owner, after, limit)),
      update: (kind, owner, id, change) => write((sql) => updateRecord(sql, kind, owner, id, change)),
      append: (kind, entries, most) => write((sql) => appendRecords(sql, kind, entries, most)),
      remove: (kind, owner, id) => write((sql) => removeRecord(sql, kind, owner, id)),
    },
    onForeignCommit: foreign.listen,
    async close() {
      foreign.stop()
      const db = await opening?.catch(() => null)
      await db?.close()
    },
  }
}

/**
 * synchronous=FULL: every commit is on disk before it is acknowledged, except for leases. busy_timeout=0: see
 * `Connection`. The log is checkpointed every 4000 pages (16 MB; a page that changes often is copied once) until
 * `Checkpoints` takes over. The log file is reused, because a growing file is slow to sync, and is truncated to 32 MiB
 * if a long reader or a large batch made it grow further.
 */
const settings = `
PRAGMA busy_timeout = 0;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 4000;
PRAGMA journal_size_limit = 33554432;
PRAGMA cache_size = -32768;
PRAGMA trusted_schema = OFF;
`

/** While the thread makes the checkpoints, SQLite makes one only if the log still grows to 64 MB. */
const backstop = (db: Connection) => (threadActive: boolean) =>
  db.script(`PRAGMA wal_autocheckpoint = ${threadActive ? 16_000 : 4_000}`)

/**
 * Syncs all commits to disk. SQLite holds no locks on its log, so closing the file here loses none. Errors are ignored:
 * the next commit syncs the same bytes and reports them, and what was committed stays committed.
 */
function syncWal(path: string): void {
  try {
    const log = openSync(`${realpathSync(path)}-wal`, 'r+')
    try {
      fdatasyncSync(log)
    } finally {
      closeSync(log)
    }
  } catch {
    // See above.
  }
}
