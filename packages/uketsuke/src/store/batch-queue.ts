import { performance, setImmediate } from '../base/timers.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Change, Job, Lease } from '../domain/job.ts'
import type { Insert, Store, Waiting } from './port.ts'

/** One caller's rows: they share its fate, and never part. */
interface Call<Row, Result> {
  readonly rows: readonly Row[]
  /** When it was asked for, on the process's own monotonic clock. */
  readonly since: number
  resolve(results: Result[]): void
  reject(error: unknown): void
}

interface Lane<Row, Result> {
  commit(rows: readonly Row[]): Promise<Result[]>
  /** Resolves when nothing is waiting or in flight. */
  idle(): Promise<void>
}

/**
 * Many callers, one commit: while a commit of a verb is in flight, the next one fills; an idle verb flushes at the end of the present
 * turn of the event loop. No timer, no added delay, and every promise resolves after its own commit. `cap` is how many rows one commit
 * takes at most and `capBytes` how much text (one call with more goes alone), `inFlight` how many commits of a verb are under way at a time.
 */
export function batched(
  store: Store,
  size: Partial<NonNullable<Store['group']>> & { acceptTimeout?: number } = {},
): Store {
  const { acceptTimeout } = size
  const { cap, capBytes, inFlight } = { cap: 500, capBytes: 8 << 20, inFlight: 1, ...store.group, ...size }
  const inserts = lane((rows: Insert[], waiting?: Waiting) => store.insert(rows, waiting), {
    timeout: acceptTimeout,
    cap,
    capBytes,
    inFlight,
    textOf: ({ job }) => text(job),
  })
  // A swap by version is one per job and commit: the second would be told that it lost to the first.
  const changes = lane((rows: Change[]) => store.replace(rows), {
    cap,
    capBytes,
    inFlight,
    textOf: ({ after }) => after.output?.length ?? 0,
    idOf: (row) => row.before.id,
  })
  const renewals = new Map<number, Lane<Lease, number | null>>()
  const renewalsOf = (leaseMs: number) => {
    const known = renewals.get(leaseMs)
    if (known !== undefined) return known
    const fresh = lane((rows: Lease[]) => store.renew(rows, leaseMs), { cap, capBytes, inFlight: 1, textOf: () => 0 })
    renewals.set(leaseMs, fresh)
    return fresh
  }

  return {
    get description() {
      return store.description
    },
    migrate: () => store.migrate(),
    insert: (rows) => inserts.commit(rows),
    // Somebody else's commit: there is nothing to group.
    ...(store.insertWithin && { insertWithin: store.insertWithin.bind(store) }),
    replace: (rows) => changes.commit(rows),
    renew: (rows, leaseMs) => renewalsOf(leaseMs).commit(rows),
    claim: (query) => store.claim(query),
    expiredLeases: (limit) => store.expiredLeases(limit),
    ...(store.unclaimed && { unclaimed: store.unclaimed.bind(store) }),
    nextDue: (queue, types) => store.nextDue(queue, types),
    get: (owner, ids) => store.get(owner, ids),
    newer: (known) => store.newer(known),
    list: (query) => store.list(query),
    deliveries: (owner, parent) => store.deliveries(owner, parent),
    attempts: (owner, id) => store.attempts(owner, id),
    position: (job) => store.position(job),
    remove: (owner, id) => store.remove(owner, id),
    prune: (limit) => store.prune(limit),
    stats: () => store.stats(),
    shared: (name, initial) => store.shared(name, initial),
    onForeignCommit: (fn) => store.onForeignCommit(fn),
    async close() {
      await Promise.all([inserts, changes, ...renewals.values()].map((one) => one.idle()))
      await store.close()
    },
  }
}

/** What users' texts of a new job amount to, in characters; the rest of a row is short. */
const text = (job: Job): number => job.input.length + (job.metadata?.length ?? 0)

interface LaneOptions<Row> {
  cap: number
  capBytes: number
  inFlight: number
  /** How much text a row brings, in characters: a statement is built in memory, and no engine takes one of any size. */
  textOf(row: Row): number
  /** Milliseconds from the call to its end: one that has waited for half of that is refused, and the commit has the rest. */
  timeout?: number | undefined
  /** Rows of the same id go into different commits, in the order in which they came. */
  idOf?(row: Row): string
}

function lane<Row, Result>(
  run: (rows: Row[], waiting?: Waiting) => Promise<Result[]>,
  { cap, capBytes, inFlight, timeout, textOf, idOf }: LaneOptions<Row>,
): Lane<Row, Result> {
  let waiting: Call<Row, Result>[] = []
  let size = 0
  const flushing = new Set<Promise<void>>()
  /** The ids of each commit that is under way. A set a commit: one that all shared would keep its past alive (see `Roster`). */
  let underWay: ReadonlySet<string>[] = []

  function take(): { batch: Call<Row, Result>[]; ids: ReadonlySet<string> } {
    const batch: Call<Row, Result>[] = []
    const passedOver: Call<Row, Result>[] = []
    const ids = new Set<string>()
    let rows = 0
    let bytes = 0
    let looked = 0
    for (const call of waiting) {
      let more = 0
      for (const row of call.rows) more += textOf(row)
      if (rows > 0 && (rows + call.rows.length > cap || bytes + more > capBytes)) break
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
      // A synchronous store leaves no time in flight: this turn is what lets the next requests come in.
      await new Promise((resolve) => setImmediate(resolve))
      const { batch, ids } = take()
      // All that waits has an id that is under way; whoever commits that comes back for them.
      if (batch.length === 0) return
      underWay.push(ids)
      await settle(timeout === undefined ? batch : inTime(batch, timeout), run, timeout)
      underWay = underWay.filter((one) => one !== ids)
    }
  }

  /** A further commit is worth its while for a full group only: smaller ones would go alone instead of filling. */
  function start(): void {
    if (flushing.size >= inFlight || (flushing.size > 0 && size < cap * flushing.size)) return
    const one = flush().finally(() => {
      flushing.delete(one)
      // What came in after the last look of this one.
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
 * Whether none of a call's ids is in `ids` or under way. They are in `ids` from now on, also if it must wait: a later call may not
 * overtake it.
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

/** Refuses what has waited for too long to be begun; it has not been stored. */
function inTime<Row, Result>(batch: Call<Row, Result>[], timeout: number): Call<Row, Result>[] {
  const oldest = performance.now() - timeout / 2
  const late = batch.filter(({ since }) => since < oldest)
  if (late.length === 0) return batch
  const error = new UketsukeError('temporarily-unavailable', 'The store does not keep up; nothing was stored.', {
    retryAfter: 1,
  })
  for (const call of late) call.reject(error)
  return batch.filter(({ since }) => since >= oldest)
}

/** One bad row must not fail its neighbours: the batch is halved until it stands alone. A store that is down is not asked again. */
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
