import { Program, type Role } from '../crash/support.ts'
import { until } from '../until.ts'
import type { Setup } from './setup.ts'

export type Kind = 'api' | 'worker'

/** The clock error of each process in milliseconds, within the timestamp tolerance of webhook signatures. */
const skews: Record<Kind, number[]> = { api: [0, 240_000], worker: [0, 240_000, -240_000] }

/**
 * Two API and three worker processes, with a supervisor that restarts them. One worker is of an older version, which cannot read some
 * inputs. One process of each kind has a correct clock; the clocks of the others are wrong.
 */
export class Fleet {
  readonly slots: Record<Kind, (Program | null)[]> = { api: [null, null], worker: [null, null, null] }
  /** Processes that ended unexpectedly. */
  readonly wrong: string[] = []
  starts = 0
  kills = 0
  /** Handler runs that were reported. */
  runs = 0
  readonly #setup: Setup
  readonly #common: Partial<Role>
  readonly #killed = new Set<Program>()
  #rolledOut = false

  constructor(setup: Setup, common: Partial<Role>) {
    this.#setup = setup
    this.#common = common
  }

  all(): Program[] {
    return [...this.slots.api, ...this.slots.worker].filter((one) => one !== null)
  }

  urls(): string[] {
    return this.slots.api.flatMap((one) => (one?.alive && one.url ? [one.url] : []))
  }

  /** The URL of a running API, chosen with `draw`. */
  url(draw: () => number): Promise<string> {
    const look = () => {
      const urls = this.urls()
      return urls[Math.floor(draw() * urls.length)]
    }
    return until(look, 'an API lives', { ms: 60_000 })
  }

  /** Starts every process that is not running, like a supervisor. */
  mind(): void {
    for (const kind of ['api', 'worker'] as const) {
      this.slots[kind].forEach((one, i) => {
        if (one?.alive) return
        if (one && !this.#killed.has(one)) this.#ask(kind, one)
        this.starts++
        const role = { ...this.#common, ...this.#setup.reach(i), takeOverAfter: 3_000 }
        const does = kind === 'api' ? { api: true } : { work: { concurrency: 20 }, older: i === 0 && !this.#rolledOut }
        this.slots[kind][i] = new Program({ ...role, ...does, skew: skews[kind][i] ?? 0 }, ({ event }) => {
          if (event === 'start') this.runs++
        })
      })
    }
  }

  /** A process may exit by itself for one reason only: it could not reach the database at startup. */
  #ask(kind: Kind, one: Program): void {
    if (one.find('unusable')?.code === 'temporarily-unavailable') return
    this.wrong.push(`the ${kind} ${one.pid} died by itself: ${one.output}`)
  }

  async kill(kind: Kind, i: number): Promise<void> {
    const victim = this.slots[kind][i]
    if (!victim?.alive) return
    this.kills++
    this.#killed.add(victim)
    await victim.kill()
  }

  /** Replaces the older worker. Otherwise inputs that it cannot read could wait for minutes by chance. */
  async rollOut(): Promise<void> {
    this.#rolledOut = true
    const [older] = this.slots.worker
    if (!older) return
    this.#killed.add(older)
    older.terminate()
    await older.ended()
    await this.ready()
  }

  /** Waits until all processes are ready. */
  async ready(): Promise<void> {
    await until(
      () => {
        this.mind()
        return this.all().every((one) => one.alive && one.find('ready'))
      },
      'the processes start',
      { ms: 60_000, more: () => this.output() },
    )
  }

  output(): string {
    return this.all()
      .map(({ pid, output }) => `${pid}: ${output}`)
      .join('\n')
  }
}
