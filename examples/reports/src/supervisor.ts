import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { asEnv, type Settings } from './settings.ts'

const program = fileURLToPath(new URL('./worker.js', import.meta.url))
/** A worker that dies at once must not be started a hundred times a second. */
const pauseMs = 250

export interface WorkerState {
  /** Null between a death and the next start. */
  readonly pid: number | null
  readonly startedAt: string | null
  /** How many workers have died so far. */
  readonly deaths: number
}

/** Keeps one worker process running: starts a new one whenever it ends, whatever ended it. */
export class Supervisor {
  readonly #settings: Settings
  #worker: ChildProcess | null = null
  #startedAt: string | null = null
  #deaths = 0
  #stopping = false

  constructor(settings: Settings) {
    this.#settings = settings
  }

  start(): void {
    if (this.#stopping) return
    const worker = fork(program, { env: { ...process.env, ...asEnv(this.#settings) } })
    this.#worker = worker
    this.#startedAt = new Date().toISOString()
    worker.once('error', (error) => console.error(`The worker could not be started: ${error.message}`))
    worker.once('exit', (code, signal) => {
      this.#worker = null
      if (this.#stopping) return
      this.#deaths++
      console.error(`Worker ${worker.pid} ended by ${signal ?? `exit code ${code}`}; starting another one.`)
      setTimeout(() => this.start(), pauseMs)
    })
  }

  get state(): WorkerState {
    const pid = this.#worker?.pid ?? null
    return { pid, startedAt: pid === null ? null : this.#startedAt, deaths: this.#deaths }
  }

  /** SIGKILL: the process gets no chance to say goodbye. Gives the pid that was killed. */
  kill(): number | null {
    const { pid } = this.state
    return this.#worker?.kill('SIGKILL') ? pid : null
  }

  /** Lets the worker finish what it can, then ends it. */
  async stop(graceMs = 28_000): Promise<void> {
    this.#stopping = true
    const worker = this.#worker
    if (worker === null) return
    const ended = once(worker, 'exit')
    const impatience = setTimeout(() => worker.kill('SIGKILL'), graceMs)
    worker.kill('SIGTERM')
    await ended
    clearTimeout(impatience)
  }
}
