import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { asEnv, type Settings } from './settings.ts'

const program = fileURLToPath(new URL('./worker.js', import.meta.url))
/** The pause before a restart, so that a worker that crashes at startup is not restarted in a tight loop. */
const pauseMs = 250

export interface WorkerState {
  /** Null between an exit and the next start. */
  readonly pid: number | null
  readonly startedAt: string | null
  /** The number of workers that have exited. */
  readonly deaths: number
}

/** Keeps one worker process running: starts a new one whenever it exits. */
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
    worker.once('error', (error) => console.error(`Failed to start the worker: ${error.message}`))
    worker.once('exit', (code, signal) => {
      this.#worker = null
      if (this.#stopping) return
      this.#deaths++
      console.error(`Worker ${worker.pid} exited (${signal ?? `code ${code}`}). Starting a new one.`)
      setTimeout(() => this.start(), pauseMs)
    })
  }

  get state(): WorkerState {
    const pid = this.#worker?.pid ?? null
    return { pid, startedAt: pid === null ? null : this.#startedAt, deaths: this.#deaths }
  }

  /** Kills the worker with SIGKILL, so that it cannot clean up. Returns its pid. */
  kill(): number | null {
    const { pid } = this.state
    return this.#worker?.kill('SIGKILL') ? pid : null
  }

  /** Stops the worker gracefully, and kills it after `graceMs`. */
  async stop(graceMs = 28_000): Promise<void> {
    this.#stopping = true
    const worker = this.#worker
    if (worker === null) return
    const ended = once(worker, 'exit')
    const timer = setTimeout(() => worker.kill('SIGKILL'), graceMs)
    worker.kill('SIGTERM')
    await ended
    clearTimeout(timer)
  }
}
