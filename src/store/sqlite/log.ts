import { close, fdatasync, openSync, realpathSync } from 'node:fs'
import { promisify } from 'node:util'
import { UketsukeError } from '../../domain/errors.ts'

/**
 * SQLite's write-ahead log on its way to the disk. With `synchronous=NORMAL` a COMMIT is in the log and can be read, but only a sync puts
 * it on the disk; SQLite's own (`FULL`) would stop the process meanwhile. A sync puts all earlier commits on the disk too, other
 * processes' included, so that whatever was done on the strength of a commit is never on the disk without it.
 *
 * SQLite has no locks on this file, so that closing a descriptor of it takes none away; and it stays the same file for as long as the
 * database is open.
 */
export class Log {
  readonly #file: number
  #underWay: Promise<void> | null = null
  #next: Promise<void> | null = null
  #failure: UketsukeError | null = null

  /** `file` is closed by `close`. */
  constructor(file: number) {
    this.#file = file
  }

  /** Of a database that is open; null where the system refuses. */
  static open(database: string): Log | null {
    try {
      // SQLite names it after what a symbolic link points to. Windows syncs only what may be written to.
      return new Log(openSync(`${realpathSync(database)}-wal`, 'r+'))
    } catch {
      return null
    }
  }

  /** Resolves when all that is committed now is on the disk. */
  sync(): Promise<void> {
    if (this.#underWay === null) return this.#start()
    // What is under way may have begun before the commit. The next one is for all that come until then.
    this.#next ??= this.#underWay
      .catch(() => {})
      .then(() => {
        this.#next = null
        return this.#start()
      })
    return this.#next
  }

  /** Resolves when no commit waits for another one's sync: one may be made while one is on its way. */
  async room(): Promise<void> {
    while (this.#next !== null) await this.#underWay?.catch(() => {})
  }

  /** After a sync that failed nobody knows what is on the disk, and a later one that succeeds does not tell: nothing more is accepted. */
  throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure
  }

  async close(): Promise<void> {
    await this.#next?.catch(() => {})
    await this.#underWay?.catch(() => {})
    await promisify(close)(this.#file)
  }

  #start(): Promise<void> {
    this.#underWay = new Promise<void>((resolve, reject) => {
      fdatasync(this.#file, (error) => {
        this.#underWay = null
        if (error === null) return resolve()
        const sentence =
          'The disk refused to keep a commit: this process accepts nothing more until it is started again.'
        this.#failure = new UketsukeError('temporarily-unavailable', sentence, { cause: error, retryAfter: 5 })
        reject(this.#failure)
      })
    })
    return this.#underWay
  }
}
