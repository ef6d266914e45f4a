import { Worker } from 'node:worker_threads'
import { performance } from '../../base/timers.ts'

/** Log size in pages (16 MB) above which the log should restart from its beginning. */
const longLog = 4_000
/** Commits between checkpoints, and the minimum interval in milliseconds: each checkpoint syncs twice. */
const [commits, interval] = [50, 150]

/** The code of the thread, as text, so that it works in bundled programs. */
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
    // Another process may be checkpointing, or the disk may be full. The next checkpoint tries again.
    pages = db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get().log
  } catch {}
  parentPort.postMessage(pages)
})
`

/**
 * Copies the write-ahead log into the database in a separate thread. SQLite would do this inside a COMMIT and block the
 * event loop for 16 MB and two syncs. The log restarts from its beginning only if no one writes during a checkpoint.
 * Once the log is long, the short remainder that the first checkpoint left is therefore copied while commits wait; the
 * event loop is not blocked.
 */
export class Checkpoints {
  readonly #path: string
  readonly #takeOver: (active: boolean) => void
  #thread: Worker | null = null
  /** Closed, or the thread could not be started. */
  #over = false
  #since = 0
  #last = 0
  #running = false
  #resume: (() => void) | null = null
  #paused: Promise<void> | null = null

  /**
   * `takeOver(true)` is called when the thread makes the checkpoints, and `takeOver(false)` if it fails and SQLite must
   * make them.
   */
  constructor(path: string, takeOver: (active: boolean) => void) {
    this.#path = path
    this.#takeOver = takeOver
  }

  /** Commits must await this if it is not null. */
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
      // Must come last: adding a listener refs the thread again.
      thread.unref()
      this.#takeOver(true)
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
      // The waiting commits may be all that keeps the process alive.
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
    this.#takeOver(false)
  }
}
