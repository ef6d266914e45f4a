import { createHash } from 'node:crypto'
import type { Failure } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { operators, type RecordStore } from '../store/records.ts'

export const errorGroupKind = 'error-group'

/** Errors of the same cause: of one type, with one code and, apart from ids and numbers, one message. Times in ms since the epoch. */
export interface ErrorGroup {
  readonly type: string
  readonly code: string
  /** With `*` in place of ids, numbers and quoted texts. */
  readonly message: string
  readonly count: number
  readonly firstSeen: number
  readonly lastSeen: number
  /** The last job with it. */
  readonly jobId: string
}

/** At most so many groups are kept; those seen last win. */
const mostGroups = 500
/** And so many between two writes of one process. */
const mostPending = 100

/** Groups the errors of one process between two writes. */
export class ErrorGroups {
  #pending = new Map<string, ErrorGroup>()

  add(job: Pick<Job, 'id' | 'type'>, error: Failure, at: number): void {
    // Operators see what was thrown; the message is the one for clients.
    const [message = ''] = normalized(error.thrown ?? error.message).split('\n', 1)
    const id = fingerprint(job.type, error.code, message)
    const known = this.#pending.get(id)
    if (known === undefined && this.#pending.size >= mostPending) return
    const { count, firstSeen } = known ?? { count: 0, firstSeen: at }
    const { code } = error
    this.#pending.set(id, { type: job.type, code, message, count: count + 1, firstSeen, lastSeen: at, jobId: job.id })
  }

  async write(records: RecordStore): Promise<void> {
    const pending = this.#pending
    this.#pending = new Map()
    for (const [id, group] of pending) {
      await records.update(errorGroupKind, operators, id, (value) => JSON.stringify(merged(parse(value), group)))
    }
    if (pending.size > 0) await forgetOld(records)
  }
}

async function forgetOld(records: RecordStore): Promise<void> {
  const stored = await readErrorGroups(records)
  for (const { id } of stored.slice(mostGroups)) await records.remove(errorGroupKind, operators, id)
}

/** Those seen last first. */
export async function readErrorGroups(records: RecordStore): Promise<(ErrorGroup & { id: string })[]> {
  const stored = await records.list(errorGroupKind, operators, null, mostGroups + 2 * mostPending)
  return stored
    .flatMap(({ id, value }) => {
      const group = parse(value)
      return group === null ? [] : [{ ...group, id }]
    })
    .sort((a, b) => b.lastSeen - a.lastSeen)
}

const merged = (known: ErrorGroup | null, more: ErrorGroup): ErrorGroup =>
  known === null
    ? more
    : { ...more, count: known.count + more.count, firstSeen: Math.min(known.firstSeen, more.firstSeen) }

function parse(value: string | null): ErrorGroup | null {
  try {
    return value === null ? null : (JSON.parse(value) as ErrorGroup)
  } catch {
    return null
  }
}

const fingerprint = (...parts: string[]) =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)

/** Replaces what differs between two errors of the same cause. */
export const normalized = (message: string): string =>
  message
    .slice(0, 500)
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '*')
    .replace(/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g, '*')
    .replace(/"[^"]*"|'[^']*'|`[^`]*`/g, '*')
    .replace(/\b0x[0-9a-f]+\b|\b[0-9a-f]{16,}\b/gi, '*')
    .replace(/\d+(\.\d+)?/g, '*')
