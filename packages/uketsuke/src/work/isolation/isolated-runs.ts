import type { Clock } from '../../base/clock.ts'
import type { JobContext } from '../../definition/context.ts'
import type { Isolation } from '../../definition/isolated.ts'
import { type Host, startHost } from './host.ts'
import { runIn } from './run.ts'

/** How long a handler may take to obey its signal, and how long an idle host is kept, in milliseconds. */
const [graceMs, idleMs] = [5_000, 30_000]

/**
 * Runs handlers in threads and processes of their own, one at a time in each. A handler that ignores its signal is killed after a grace
 * period, and so is one whose attempt has ended without it.
 */
export class IsolatedRuns {
  readonly #clock: Clock
  /** The idle hosts of each module, with the timers that end them. */
  readonly #idle = new Map<Isolation, { host: Host; cancelTimer(): void }[]>()
  readonly #busy = new Set<Host>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What runs the handler of a type, in place of a function. */
  of(isolation: Isolation): (context: JobContext<unknown>) => Promise<unknown> {
    return (context) => this.#run(isolation, context)
  }

  async #run(isolation: Isolation, context: JobContext<unknown>): Promise<unknown> {
    context.signal.throwIfAborted()
    const host = this.#take(isolation)
    this.#busy.add(host)
    let cancelKill = () => {}
    let ended = false
    const abort = () => {
      const { name, message } = context.signal.reason as DOMException
      host.send({ kind: 'abort', name, message })
      cancelKill = this.#clock.after(graceMs, () => host.kill())
    }
    context.signal.addEventListener('abort', abort)
    try {
      return await runIn(host, context, () => {
        ended = true
      })
    } finally {
      cancelKill()
      context.signal.removeEventListener('abort', abort)
      this.#busy.delete(host)
      if (!ended) this.#keep(isolation, host)
    }
  }

  #take(isolation: Isolation): Host {
    const found = this.#idle.get(isolation)?.pop()
    found?.cancelTimer()
    const host = found?.host ?? startHost(isolation)
    host.idle(false)
    return host
  }

  /** A host that has ended is forgotten. */
  #keep(isolation: Isolation, host: Host): void {
    const idle = this.#idle.get(isolation) ?? []
    this.#idle.set(isolation, idle)
    const forget = () => {
      const at = idle.findIndex((one) => one.host === host)
      if (at !== -1) idle.splice(at, 1)[0]?.cancelTimer()
    }
    host.onMessage = () => {}
    host.onEnd = forget
    const cancelTimer = this.#clock.after(
      idleMs,
      () => {
        forget()
        host.kill()
      },
      { background: true },
    )
    host.idle(true)
    idle.push({ host, cancelTimer })
  }

  /** Ends all of them. Their attempts have been given back, or have ended. */
  close(): void {
    for (const host of this.#busy) host.kill()
    for (const idle of this.#idle.values()) {
      for (const { host, cancelTimer } of idle) {
        cancelTimer()
        host.kill()
      }
    }
    this.#idle.clear()
  }
}
