import { performance, setImmediate } from '../base/timers.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Change, Job, Lease } from '../domain/job.ts'
import type { NewFragment } from './fragments.ts'
import type { Insert, Store, Waiting } from './port.ts'

/** The rows of one call. They succeed or fail together and are never split between commits. */
interface Call<Row, Result> {
  readonly rows: readonly Row[]
  /** When the call was made, as a `performance.now()` time. */
  readonly since: number
  resolve(results: Result[]): void
  reject(error: unknown): void
}

interface BatchQueue<Row, Result> {
  commit(rows: readonly Row[]): Promise<Result[]>
  /** Resolves when no call is waiting or in flight. */
  idle(): Promise<void>
}

/**
 * Group commit: while a commit of a method is in flight, further calls collect for the next one. An idle method commits
 * at the end of the current turn of the event loop. There is no timer and no added delay, and each promise resolves
 * after its own commit. `cap` and `capBytes` limit the rows and the text of one commit (a single larger call is
 * committed alone); `inFlight` limits the concurrent commits of one method.
 */
export function batched(
  store: Store,
  size: Partial<NonNullable<Store['group']>> & { acceptTimeout?: number } = {},
): Store {
  const { acceptTimeout } = size
  const { cap, capBytes, inFlight } = { cap: 500, capBytes: 8 << 20, inFlight: 1, ...store.group, ...size }
  const inserts = batchQueue((rows: Insert[], waiting?: Waiting) => store.insert(rows, waiting), {
    timeout: acceptTimeout,
    // The server works on one group while this process prepares the next.
    further: 50,
    cap,
    capBytes,
    inFlight,
    textOf: ({ job }) => text(job),
  })
  // At most one swap per job and commit: a second one would lose to the first.
  const changes = batchQueue((rows: Change[]) => store.replace(rows), {
    cap,
    capBytes,
    inFlight,
    textOf: ({ after }) => after.output?.length ?? 0,
    idOf: (row) => row.before.id,
  })
  const fragments = batchQueue((rows: NewFragment[]) => store.addFragments(rows), {
    cap,
    capBytes,
    inFlight,
    textOf: ({ value }) => value.length,
  })
  const renewals = new Map<number, BatchQueue<Lease, number | null>>()
  const renewalsOf = (leaseMs: number) => {
    const known = renewals.get(leaseMs)
    if (known !== undefined) return known
    const fresh = batchQueue((rows: Lease[]) => store.renew(rows, leaseMs), {
      cap,
      capBytes,
      inFlight: 1,
      textOf: () => 0,
    })
    renewals.set(leaseMs, fresh)
    return fresh
  }

  return {
    get description() {
      return store.description
    },
    migrate: () => store.migrate(),
    insert: (rows) => inserts.commit(rows),
    // Part of the caller's transaction, so there is nothing to group.
    ...(store.insertWithin && { insertWithin: store.insertWithin.bind(store) }),
    replace: (rows) => changes.commit(rows),
    renew: (rows, leaseMs) => renewalsOf(leaseMs).commit(rows),
    claim: (query) => store.claim(query),
    expiredLeases: (limit) => store.expiredLeases(limit),
    ...(store.unclaimed && { unclaimed: store.unclaimed.bind(store) }),
    nextDue: (queue, types) => store.nextDue(queue, types),
    get: (owner, ids) => store.get(owner, ids),
    newer: (known) => store.newer(known),
    keysWithRoom: (types, limit) => store.keysWithRoom(types, limit),
    admit: (keys, rule) => store.admit(keys, rule),
    markKeys: (types) => store.markKeys(types),
    fronts: () => store.fronts(),
    batch: (owner, id) => store.batch(owner, id),
    list: (query) => store.list(query),
    deliveries: (owner, parent) => store.deliveries(owner, parent),
    failedDeliveries: (owner, since, after, limit) => store.failedDeliveries(owner, since, after, limit),
    attempts: (owner, id) => store.attempts(owner, id),
    position: (job) => store.position(job),
    remove: (owner, id) => store.remove(owner, id),
    prune: (limit) => store.prune(limit),
    addFragments: (rows) => fragments.commit(rows),
    fragments: (query) => store.fragments(query),
    stats: () => store.stats(),
    indexEnded: () => store.indexEnded(),
    pruneType: (type, kept, limit) => store.pruneType(type, kept, limit),
    countFailed: (most) => store.countFailed(most),
    unfinished: (most) => store.unfinished(most),
    search: (query) => store.search(query),
    shared: (name, initial) => store.shared(name, initial),
    keyed: (owner, route, key) => store.keyed(owner, route, key),
    holder: (uniqueKey) => store.holder(uniqueKey),
    indexWaiting: () => store.indexWaiting(),
    countWaiting: (owner, most) => store.countWaiting(owner, most),
    records: store.records,
    onForeignCommit: (fn, only) => store.onForeignCommit(fn, only),
    async close() {
      await Promise.all([inserts, changes, fragments, ...renewals.values()].map((one) => one.idle()))
      await store.close()
    },
  }
}

/** The length of a new job's user text in characters. The rest of a row is short. */
const text = (job: Job): number => job.input.length + (job.metadata?.length ?? 0)

interface BatchQueueOptions<Row> {
  cap: number
  capBytes: number
  inFlight: number
  /** The least number of rows for which a further concurrent commit starts. Default: `cap`. */
  further?: number
  /** The length of a row's text in characters. Statements are built in memory, and engines limit their size. */
  textOf(row: Row): number
  /**
   * Milliseconds from a call to its deadline. A call that has waited for half of it is rejected; the rest is left for
   * the commit.
   */
  timeout?: number | undefined
  /** Rows with the same id go into different commits, in call order. */
  idOf?(row: Row): string
}

function batchQueue<Row, Result>(
  run: (rows: Row[], waiting?: Waiting) => Promise<Result[]>,
  { cap, capBytes, inFlight, timeout, textOf, idOf, further = cap }: BatchQueueOptions<Row>,
): BatchQueue<Row, Result> {
  let waiting: Call<Row, Result>[] = []
  let size = 0
  const flushing = new Set<Promise<void>>()
  /**
   * The ids of each commit in flight. One set per commit, because one shared set would retain memory (see
   * `RunningJobs`).
   */
  let underWay: ReadonlySet<string>[] = []

  /** Flushes that have begun and will take their share of the waiting rows. */
  let taking = 0

  function take(): { batch: Call<Row, Result>[]; ids: ReadonlySet<string> } {
    const batch: Call<Row, Result>[] = []
    const passedOver: Call<Row, Result>[] = []
    const ids = new Set<string>()
    let rows = 0
    let bytes = 0
    let looked = 0
    const share = Math.min(cap, Math.ceil(size / taking--))
    for (const call of waiting) {
      let more = 0
      for (const row of call.rows) more += textOf(row)
      if (rows > 0 && (rows + call.rows.length > share || bytes + more > capBytes)) break
      looked++
      if (idOf !== undefined && !claims(call, ids, underWay, idOf)) {
        passedOver.push(call)
        continue
      }
      batch.push(call)
      rows += call.rows.length
      bytes += more
    }
    waiting = passedOver.concat(waiting.slice(looked))
    size -= rows
    return { batch, ids }
  }

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      taking++
      // A synchronous store never has a commit in flight across turns: yielding one turn lets the next requests arrive.
      await new Promise((resolve) => setImmediate(resolve))
      const { batch, ids } = take()
      // Every waiting call has an id in flight. The flush that commits it picks them up afterwards.
      if (batch.length === 0) return
      underWay.push(ids)
      await settle(timeout === undefined ? batch : inTime(batch, timeout), run, timeout)
      underWay = underWay.filter((one) => one !== ids)
    }
  }

  /** A further concurrent commit waits for enough rows. Otherwise small groups would be committed instead of filling up. */
  function start(): void {
    const enough = Math.min(cap, further * (taking + 1))
    if (flushing.size >= inFlight || (flushing.size > 0 && size < enough)) return
    const one = flush().finally(() => {
      flushing.delete(one)
      // Calls that arrived after the last check of this flush.
      if (waiting.length > 0) start()
    })
    flushing.add(one)
  }

  return {
    commit: (rows) =>
      new Promise((resolve, reject) => {
        waiting.push({ rows, since: performance.now(), resolve, reject })
        size += rows.length
        start()
      }),
    async idle() {
      while (flushing.size > 0) await Promise.all(flushing)
    },
  }
}

/**
 * Whether none of a call's ids is in `ids` or in flight. Adds them to `ids` even if the call must wait, so that no
 * later call overtakes it.
 */
function claims<Row>(
  { rows }: Call<Row, unknown>,
  ids: Set<string>,
  underWay: readonly ReadonlySet<string>[],
  idOf: (row: Row) => string,
): boolean {
  const free = rows.every((row) => !ids.has(idOf(row)) && !underWay.some((commit) => commit.has(idOf(row))))
  for (const row of rows) ids.add(idOf(row))
  return free
}

/** Rejects the calls that have waited too long to be started. They have not been stored. */
function inTime<Row, Result>(batch: Call<Row, Result>[], timeout: number): Call<Row, Result>[] {
  const oldest = performance.now() - timeout / 2
  const late = batch.filter(({ since }) => since < oldest)
  if (late.length === 0) return batch
  const error = new UketsukeError('temporarily-unavailable', 'The store is overloaded; nothing was stored.', {
    retryAfter: 1,
  })
  for (const call of late) call.reject(error)
  return batch.filter(({ since }) => since >= oldest)
}

/**
 * Halves a failed batch until the bad row is alone, so that it does not fail other calls. Does not retry if the store
 * is down.
 */
async function settle<Row, Result>(
  batch: Call<Row, Result>[],
  run: (rows: Row[], waiting?: Waiting) => Promise<Result[]>,
  timeout?: number,
): Promise<void> {
  if (batch.length === 0) return
  try {
    const rows: Row[] = []
    for (const call of batch) for (const row of call.rows) rows.push(row)
    const since = batch[0]?.since ?? performance.now()
    const within = (timeout ?? 0) - (performance.now() - since)
    const results = await (timeout === undefined ? run(rows) : run(rows, { since, within }))
    let next = 0
    for (const call of batch) {
      call.resolve(results.slice(next, next + call.rows.length))
      next += call.rows.length
    }
  } catch (error) {
    const down = error instanceof UketsukeError && error.code === 'temporarily-unavailable'
    if (down || batch.length === 1) {
      for (const call of batch) call.reject(error)
      return
    }
    const half = Math.ceil(batch.length / 2)
    await settle(batch.slice(0, half), run, timeout)
    await settle(batch.slice(half), run, timeout)
  }
}
