import type { Clock } from '../base/clock.ts'
import { longWaitMs } from '../base/finding.ts'
import type { Log } from '../base/log.ts'
import type { Store } from '../store/port.ts'
import { isPaused, operators, pausedTypeKind } from '../store/records.ts'

const every = 60_000

/**
 * Warns once a minute about due jobs that no worker seems to run, because no worker was started or none has their type. Every process
 * that has opened the store checks, since there may be no worker at all. `mine`: the types that this process runs.
 */
export class NoWorkerWarning {
  readonly #parts: { store: Store; clock: Clock; log: Log }
  readonly #mine: () => ReadonlySet<string>
  #cancel: (() => void) | null = null
  #stopped = false

  constructor(parts: { store: Store; clock: Clock; log: Log }, mine: () => ReadonlySet<string>) {
    this.#parts = parts
    this.#mine = mine
  }

  start(): void {
    if (this.#stopped || this.#parts.store.unclaimed === undefined) return
    this.#cancel ??= this.#parts.clock.after(every, () => void this.#look(), { background: true })
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  async #look(): Promise<void> {
    const { store, log } = this.#parts
    this.#cancel = null
    try {
      const found = (await store.unclaimed?.(longWaitMs)) ?? []
      const mine = this.#mine()
      const others = found.filter(({ type }) => !mine.has(type))
      const paused = others.length === 0 ? [] : await store.records.list(pausedTypeKind, operators, null, 1_000)
      const names = new Set(paused.map(({ id }) => id))
      for (const one of others.filter(({ type }) => !isPaused(names, type)))
        log.warn({ type: one.type, waitedMs: one.waited }, sentence(one))
    } catch {
      // The callers that need the store report its outage.
    }
    this.start()
  }
}

const sentence = ({ type, waited }: { type: string; waited: number }) =>
  `no worker seems to run jobs of type ${JSON.stringify(type)}: one has been due for ${Math.round(waited / 1_000)} s; call jobs.work() in a process that has this type`
