import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { truncate } from '../domain/text.ts'
import { readable } from '../domain/view.ts'
import { operators, type RecordStore } from '../store/records.ts'
import type { AuditEntry } from './wire.ts'

const kind = 'audit'
/** So many entries are kept. */
const most = 1_000
const latest = 2 ** 48

/** What operators did, for other operators. */
export class Audit {
  readonly #records: RecordStore
  readonly #clock: Clock
  readonly #log: Log
  #written = 0

  constructor(records: RecordStore, clock: Clock, log: Log) {
    this.#records = records
    this.#clock = clock
    this.#log = log
  }

  async write(entry: Omit<AuditEntry, 'at'>): Promise<void> {
    const at = this.#clock.now()
    this.#log.info({ ...entry }, 'dashboard action')
    const value = JSON.stringify({ ...entry, detail: entry.detail === null ? null : truncate(entry.detail, 500), at })
    // Records are listed by ascending id: counted down, the newest comes first.
    const id = `${(latest - at).toString(16).padStart(12, '0')}-${randomBytes(4).toString('hex')}`
    await this.#records.update(kind, operators, id, () => value)
    if (this.#written++ % 100 === 0) await this.#prune()
  }

  async #prune(): Promise<void> {
    const all = await this.#records.list(kind, operators, null, most + 500)
    for (const { id } of all.slice(most)) await this.#records.remove(kind, operators, id)
  }

  /** The newest first. */
  async read(limit: number): Promise<AuditEntry[]> {
    const records = await this.#records.list(kind, operators, null, limit)
    return records.flatMap(({ value }) => (readable(value) as AuditEntry | null) ?? [])
  }
}
