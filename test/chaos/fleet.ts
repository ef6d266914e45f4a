import { Program, type Role } from '../crash/support.ts'
import { until } from '../until.ts'
import type { Setup } from './setup.ts'

export type Kind = 'api' | 'worker'

/** By how many milliseconds each process's clock is wrong: as much as a receiver of webhooks still believes a signature. */
const skews: Record<Kind, number[]> = { api: [0, 240_000], worker: [0, 240_000, -240_000] }

/**
 * Two API and three worker processes, and what brings a dead one back. One worker is of an older version, which cannot read some
 * inputs; of each kind one has a right clock and the others a wrong one.
 */
export class Fleet {
  readonly slots: Record<Kind, (Program | null)[]> = { api: [null, null], worker: [null, null, null] }
  /** What has gone wrong by itself. */
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

  /** One API that lives, drawn by `draw`. */
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

  /** A process may end by itself for one reason only: that at its start the database could not be reached. */
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

  /** Replaces the older worker, or inputs that it cannot read could wait on, by bad luck for minutes. */
  async rollOut(): Promise<void> {
    this.#rolledOut = true
    const [older] = this.slots.worker
    if (!older) return
    this.#killed.add(older)
    older.terminate()
    await older.ended()
    await this.ready()
  }

  /** Until all serve and work. */
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
