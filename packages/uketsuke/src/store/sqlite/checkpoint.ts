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
 *
 *     idle ── enough commits ──▶ copying ── log is long ──▶ restarting (commits wait)
 *      ▲                            │                            │
 *      └──────── done ──────────────┴────────────────────────────┘
 *     closed: after `close()`, or when the thread fails and SQLite makes the checkpoints again
 */
export class Checkpoints {
  readonly #path: string
  readonly #takeOver: (active: boolean) => void
  #thread: Worker | null = null
  #state: 'idle' | 'copying' | 'restarting' | 'closed' = 'idle'
  /** Commits since the last checkpoint started, and when it ended. */
  #commits = 0
  #endedAt = 0
  #pause: { over: Promise<void>; end(): void } | null = null

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
    return this.#pause?.over ?? null
  }

  committed(): void {
    if (++this.#commits < commits || this.#state !== 'idle') return
    if (performance.now() - this.#endedAt < interval) return
    this.#commits = 0
    this.#thread ??= this.#start()
    if (this.#thread === null) return
    this.#state = 'copying'
    this.#thread.postMessage('checkpoint')
  }

  async close(): Promise<void> {
    const thread = this.#thread
    const alive = thread !== null && this.#state !== 'closed'
    this.#state = 'closed'
    this.#endPause()
    if (!alive) return
    await new Promise((resolve) => {
      thread.once('exit', resolve)
      thread.ref()
      thread.postMessage('close')
    })
  }

  #start(): Worker | null {
    try {
      const thread = new Worker(program, { eval: true, workerData: this.#path, env: {}, execArgv: [] })
      thread.on('message', (pages: number) => this.#copied(pages))
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

  #copied(pages: number): void {
    if (this.#state === 'closed') return
    if (this.#state === 'copying' && pages >= longLog) {
      this.#restart()
      return
    }
    this.#endPause()
    this.#state = 'idle'
    this.#endedAt = performance.now()
  }

  #restart(): void {
    let end = () => {}
    const over = new Promise<void>((resolve) => {
      end = resolve
    })
    this.#pause = { over, end }
    this.#state = 'restarting'
    // The waiting commits may be all that keeps the process alive.
    this.#thread?.ref()
    this.#thread?.postMessage('checkpoint')
  }

  #endPause(): void {
    if (this.#pause === null) return
    this.#thread?.unref()
    this.#pause.end()
    this.#pause = null
  }

  #fail(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#endPause()
    this.#takeOver(false)
  }
}
