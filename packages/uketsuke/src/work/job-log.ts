import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { describe } from '../base/thrown.ts'
import type { Job } from '../domain/job.ts'
import { type LogLine, longestLog } from '../domain/log-line.ts'
import { truncate } from '../domain/text.ts'
import { jobLogKind, type RecordStore } from '../store/records.ts'

interface Parts {
  records: RecordStore
  clock: Clock
  log: Log
}

const writeMs = 1_000
/** The longest line, in characters. */
const longestLine = 4_000

/** What the handlers of this process log, kept with their jobs: written together, about once a second. */
export class JobLog {
  readonly #parts: Parts
  #pending = new Map<string, { id: string; owner: string; value: string }>()
  #cancelTimer: (() => void) | null = null

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** A logger that also keeps its lines with the job. */
  of(job: Pick<Job, 'id' | 'owner'>, attempt: number, log: Log): Log {
    let number = 0
    const kept = (level: LogLine['level'], bound: object) => (fields: object, message: string) => {
      number++
      this.#add(job, { at: this.#parts.clock.now(), attempt, number, level, message }, { ...bound, ...fields })
    }
    const both = (to: Log, bound: object): Log => {
      const say = (level: LogLine['level']) => {
        const keep = kept(level, bound)
        return (fields: object, message: string) => {
          to[level](fields, message)
          keep(fields, message)
        }
      }
      return {
        info: say('info'),
        warn: say('warn'),
        error: say('error'),
        child: (fields) => both(to.child(fields), { ...bound, ...fields }),
      }
    }
    return both(log, {})
  }

  #add({ id, owner }: Pick<Job, 'id' | 'owner'>, line: Omit<LogLine, 'fields'>, fields: object): void {
    const pending = this.#pending.get(id) ?? { id, owner, value: '' }
    pending.value += `${written(line, fields)}\n`
    // Now and then, since each cut is a copy.
    if (pending.value.length > 2 * longestLog) pending.value = pending.value.slice(-longestLog)
    this.#pending.set(id, pending)
    this.#cancelTimer ??= this.#parts.clock.after(writeMs, () => void this.write(), { background: true })
  }

  /** Writes the lines so far. Never rejects: the logger has them too. */
  async write(): Promise<void> {
    if (this.#cancelTimer === null) return
    this.#cancelTimer()
    this.#cancelTimer = null
    const entries = [...this.#pending.values()]
    this.#pending = new Map()
    try {
      await this.#parts.records.append(jobLogKind, entries, longestLog)
    } catch (error) {
      this.#parts.log.warn({ err: error, jobs: entries.length }, 'failed to keep log lines with their jobs')
    }
  }
}

/** One line of JSON. Fields that JSON cannot hold, or that are too long, are left out. */
function written(line: Omit<LogLine, 'fields'>, fields: object): string {
  const short = { ...line, message: truncate(String(line.message ?? ''), 1_000) }
  try {
    const plain = 'err' in fields ? { ...fields, err: describe(fields.err) } : fields
    const text = JSON.stringify(Object.keys(plain).length === 0 ? short : { ...short, fields: plain })
    if (text.length <= longestLine) return text
  } catch {
    // A cycle, a BigInt or a throwing getter.
  }
  return JSON.stringify({ ...short, fields: { omitted: true } })
}
