import type { Job } from '../domain/job.ts'
import {
  chunkKey,
  chunkKind,
  headerKind,
  headerOf,
  isOpen,
  numberKey,
  type Offset,
  type StreamHeader,
  type StreamMode,
} from '../domain/live-output.ts'
import type { FragmentQuery } from '../store/fragments.ts'
import type { Store } from '../store/port.ts'

/** How many fragments one read returns at most. */
const page = 32

/** Where a reader begins: at the start, behind all that is stored, or at an offset. */
export type Start = 'start' | 'now' | Offset

/** What a read has found. */
export interface OutputPart {
  readonly mode: StreamMode
  /** The bytes as they were written; of JSON, each message with a comma behind it. */
  readonly data: Buffer
  readonly next: Offset
  /** Nothing more is stored. */
  readonly upToDate: boolean
  /** Nothing more will come. */
  readonly closed: boolean
}

type Reading = Pick<Store, 'fragments' | 'get'>

type Read = (job: Job, mode: StreamMode | null, number: number | null, start: Start) => Promise<OutputPart | null>

/**
 * Reads the stream of a job: that of a number, or the last. Null if it does not exist and will not. `mode` is that of the job's type. `job`
 * must have been read before this call: then the stream of a run that has ended is complete.
 */
export async function readOutput(
  store: Reading,
  job: Job,
  mode: StreamMode | null,
  number: number | null,
  start: Start,
): Promise<OutputPart | null> {
  const last = await lastNumber(store, job)
  const wanted = number ?? (typeof start === 'object' ? start.number : Math.max(1, last))
  const header = wanted > last ? null : await headerAt(store, job, wanted)
  if (header === null && (mode === null || (wanted > last && !mayCome(job, wanted, last)))) return null
  const known = header ?? { mode: mode ?? 'text' }
  const present = await runOf(store, job, header)
  if (present === null) return null
  // A run that wrote nothing has an empty stream, which is closed once a later one has begun.
  const open = wanted >= last && isOpen(present, header)
  const from = start === 'now' ? await endOf(store, job, wanted) : start === 'start' ? 0 : start.bytes
  const chunks = await store.fragments({ ...of(job), kind: chunkKind(wanted), after: chunkKey(from), limit: page })
  const pieces = chunks.map(({ key, value }) => {
    const bytes = Buffer.from(value, known.mode === 'binary' ? 'base64' : 'utf8')
    // An offset within a fragment is one that a client made up, or that of an earlier layout.
    const begin = Number(key) - bytes.length
    return begin < from ? bytes.subarray(from - begin) : bytes
  })
  const end = chunks.length === 0 ? from : Number(chunks.at(-1)?.key)
  const upToDate = chunks.length < page
  return {
    mode: known.mode,
    data: Buffer.concat(pieces),
    next: { number: wanted, bytes: end },
    upToDate,
    closed: upToDate && !open,
  }
}

/** Reads that are the same at the same time are one: all readers of a job wake up together. */
export function sharedReads(store: Reading): Read {
  const underWay = new Map<string, Promise<OutputPart | null>>()
  return (job, mode, number, start) => {
    const key = JSON.stringify([job.id, job.version, number, start])
    const known = underWay.get(key)
    if (known !== undefined) return known
    const read = readOutput(store, job, mode, number, start).finally(() => underWay.delete(key))
    underWay.set(key, read)
    return read
  }
}

/**
 * The job as it is to decide whether a stream is closed. A job that was read before the header may not know the run that writes it yet, so it
 * is read again. Null if it was deleted.
 */
async function runOf(store: Reading, job: Job, header: StreamHeader | null): Promise<Job | null> {
  if (job.completedAt !== null || isOpen(job, header)) return job
  const [present] = await store.get(job.owner, [job.id])
  return present ?? null
}

/** Whether a stream can be followed before it exists. That of a job without output is empty. */
const mayCome = (job: Job, wanted: number, last: number): boolean =>
  job.completedAt === null ? wanted <= Math.max(last, job.attempt) + 1 : wanted === 1 && last === 0

const of = ({ id: jobId, owner }: Job): Pick<FragmentQuery, 'owner' | 'jobId'> => ({ owner, jobId })

async function lastNumber(store: Reading, job: Job): Promise<number> {
  const [last] = await store.fragments({ ...of(job), kind: headerKind, after: null, descending: true, limit: 1 })
  return Number(last?.key ?? 0)
}

async function headerAt(store: Reading, job: Job, number: number): Promise<StreamHeader | null> {
  const after = numberKey(number - 1)
  const [found] = await store.fragments({ ...of(job), kind: headerKind, after, limit: 1 })
  return found?.key === numberKey(number) ? headerOf(found.value) : null
}

async function endOf(store: Reading, job: Job, number: number): Promise<number> {
  const [last] = await store.fragments({ ...of(job), kind: chunkKind(number), after: null, descending: true, limit: 1 })
  return Number(last?.key ?? 0)
}
