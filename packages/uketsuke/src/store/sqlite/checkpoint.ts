import { Worker } from 'node:worker_threads'
import { performance } from '../../base/timers.ts'

/** Pages in the log (16 MB) past which it is to begin again from its start. */
const longLog = 4_000
/** A checkpoint follows so many commits, and not sooner than so many milliseconds after the one before: each of them syncs twice. */
const [commits, interval] = [50, 150]

/** Runs in the thread, as text, so that it is found however this program was bundled. */
const program = `
const { parentPort, workerData } = require('node:worker_threads')
process.emitWarning = () => {}
const { DatabaseSync } = require('node:sqlite')
const db = new DatabaseSync(workerData)
db.exec('PRAGMA busy_timeout = 0; PRAGMA synchronous = NORMAL')
parentPort.on('message', (wanted) => {
  if (wanted === 'close') {
    db.close()
    parentPort.close()
    return
  }
  let pages = 0
  try {
    // Another process may be at it, or the disk full: the next one sees.
    pages = db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get().log
  } catch {}
  parentPort.postMessage(pages)
})
`

/**
 * Copies the log back into the database in a thread of its own: in the process's COMMIT, where SQLite does it, everything else would
 * stand still for the 16 MB and two syncs. A log only begins again from its start if nobody writes during a checkpoint; so once it is
 * long, the short rest that the first checkpoint left is copied while commits wait, and the process does not.
 */
export class Checkpoints {
  readonly #path: string
  readonly #alone: (alone: boolean) => void
  #thread: Worker | null = null
  /** Closed, or there is no thread to be had. */
  #over = false
  #since = 0
  #last = 0
  #running = false
  #resume: (() => void) | null = null
  #paused: Promise<void> | null = null

  /** `alone(true)` is called once checkpoints are made here, and with false should that end: then SQLite must make them. */
  constructor(path: string, alone: (alone: boolean) => void) {
    this.#path = path
    this.#alone = alone
  }

  /** What commits have to wait for. */
  get paused(): Promise<void> | null {
    return this.#paused
  }

  committed(): void {
    if (++this.#since < commits || this.#running || this.#over) return
    if (performance.now() - this.#last < interval) return
    this.#since = 0
    this.#running = true
    this.#thread ??= this.#start()
    this.#thread?.postMessage('checkpoint')
  }

  async close(): Promise<void> {
    const thread = this.#thread
    if (thread === null || this.#over) return
    this.#over = true
    await new Promise((resolve) => {
      thread.once('exit', resolve)
      thread.ref()
      thread.postMessage('close')
    })
  }

  #start(): Worker | null {
    try {
      const thread = new Worker(program, { eval: true, workerData: this.#path, env: {}, execArgv: [] })
      thread.on('message', (pages: number) => this.#done(pages))
      thread.on('error', () => this.#fail())
      thread.on('exit', () => this.#fail())
      // Last, since a listener takes it back.
      thread.unref()
      this.#alone(true)
      return thread
    } catch {
      this.#fail()
      return null
    }
  }

  #done(pages: number): void {
    if (pages >= longLog && this.#resume === null && !this.#over) {
      this.#paused = new Promise((resolve) => {
        this.#resume = resolve
      })
      // A program may have nothing else to wait for than its commits.
      this.#thread?.ref()
      this.#thread?.postMessage('checkpoint')
      return
    }
    this.#go()
    this.#running = false
    this.#last = performance.now()
  }

  #go(): void {
    if (this.#resume === null) return
    this.#thread?.unref()
    this.#resume()
    this.#resume = this.#paused = null
  }

  #fail(): void {
    this.#go()
    if (this.#over) return
    this.#over = true
    this.#alone(false)
  }
}
