/** What happened to the jobs of one type in one period. */
export interface TypeTally {
  completed: number
  failed: number
  cancelled: number
  /** Attempts after which the job is tried again. */
  retried: number
  /** How long attempts waited after they were due. */
  wait: Durations
  /** How long attempts took. */
  run: Durations
}

/** Counts by bucket: bucket `n` holds durations of up to 2^(n/2) milliseconds. */
export type Durations = Record<number, number>

/** What one process counted in one period. */
export interface Tally {
  types: Record<string, TypeTally>
  /** Webhooks by registered endpoint: delivered and failed attempts. */
  endpoints: Record<string, { delivered: number; failed: number }>
}

export const emptyTally = (): Tally => ({ types: {}, endpoints: {} })

const emptyTypeTally = (): TypeTally => ({ completed: 0, failed: 0, cancelled: 0, retried: 0, wait: {}, run: {} })

/** Names come from users: `__proto__` must be a key like any other. */
export function typeIn(tally: Tally, type: string): TypeTally {
  if (!Object.hasOwn(tally.types, type)) define(tally.types, type, emptyTypeTally())
  return tally.types[type]!
}

export function endpointIn(tally: Tally, id: string): { delivered: number; failed: number } {
  if (!Object.hasOwn(tally.endpoints, id)) define(tally.endpoints, id, { delivered: 0, failed: 0 })
  return tally.endpoints[id]!
}

function define<T>(of: Record<string, T>, name: string, value: T): void {
  Object.defineProperty(of, name, { value, enumerable: true, writable: true, configurable: true })
}

const longestBucket = 64

export function observe(durations: Durations, ms: number): void {
  const bucket = Math.min(longestBucket, Math.max(0, Math.ceil(2 * Math.log2(Math.max(1, ms)))))
  durations[bucket] = (durations[bucket] ?? 0) + 1
}

/** The longest duration in a bucket, in milliseconds. */
export const bucketEnd = (bucket: number): number => Math.round(2 ** (bucket / 2))

/** Adds `more` to `tally`. */
export function addTally(tally: Tally, more: Tally): void {
  for (const [type, counts] of Object.entries(more.types)) addTypeTally(typeIn(tally, type), counts)
  for (const [id, { delivered, failed }] of Object.entries(more.endpoints)) {
    const to = endpointIn(tally, id)
    to.delivered += delivered
    to.failed += failed
  }
}

function addTypeTally(to: TypeTally, more: TypeTally): void {
  for (const name of ['completed', 'failed', 'cancelled', 'retried'] as const) to[name] += more[name]
  for (const name of ['wait', 'run'] as const) {
    for (const [bucket, count] of Object.entries(more[name])) {
      to[name][Number(bucket)] = (to[name][Number(bucket)] ?? 0) + count
    }
  }
}

/** Adds up the counts of several types or periods. */
export function sumOf(counts: Iterable<TypeTally>): TypeTally {
  const sum = emptyTypeTally()
  for (const one of counts) addTypeTally(sum, one)
  return sum
}

/** The end of the bucket that holds this share of the durations, in milliseconds. Null without durations. */
export function percentile(durations: Durations, share: number): number | null {
  const buckets = Object.entries(durations).map(([bucket, count]) => [Number(bucket), count] as const)
  const total = buckets.reduce((sum, [, count]) => sum + count, 0)
  let below = 0
  for (const [bucket, count] of buckets.sort(([a], [b]) => a - b)) {
    below += count
    if (below >= total * share) return bucketEnd(bucket)
  }
  return null
}
