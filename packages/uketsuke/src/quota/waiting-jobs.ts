import type { Clock } from '../base/clock.ts'
import { QuotaExceeded } from '../domain/quota.ts'
import type { Store } from '../store/port.ts'

/** What this process knows of an owner's waiting jobs. */
interface Room {
  /** Jobs that may be accepted before the next count. */
  left: number
  until: number
  /** Accepted jobs whose commit is in flight: another process does not see them yet. */
  readonly inFlight: Set<Promise<unknown>>
  counting: Promise<number> | null
}

/** A count is valid this long, in milliseconds. */
const countMs = 1_000
/** A process counts again after a twentieth of the free places, so that up to twenty processes stay within the limit. */
const share = 20
/** Owners beyond this number are forgotten when they have nothing in flight. */
const mostOwners = 10_000

/** Limits the waiting jobs of each owner, over all processes on the store. Counts them in the store, so that nothing can leak. */
export class WaitingJobs {
  readonly #limit: number
  readonly #store: Pick<Store, 'countWaiting'>
  readonly #clock: Clock
  readonly #rooms = new Map<string, Room>()

  constructor(limit: number, store: Pick<Store, 'countWaiting'>, clock: Clock) {
    this.#limit = limit
    this.#store = store
    this.#clock = clock
  }

  /** Runs `insert`, which stores `jobs` jobs of the owner, if there is room for all of them. @throws {QuotaExceeded} */
  async admit<T>(owner: string, jobs: number, insert: () => Promise<T>): Promise<T> {
    const room = this.#room(owner)
    while (room.left < jobs || room.until <= this.#clock.now()) {
      const first = room.counting === null
      room.counting ??= this.#count(owner, room).finally(() => {
        room.counting = null
      })
      const free = await room.counting
      if (free < jobs) throw this.#exceeded()
      // The share may be too small for a large call.
      if (first) room.left = Math.max(room.left, jobs)
    }
    room.left -= jobs
    // In flight from this moment on: the next count must wait for it.
    const inserting = insert().finally(() => room.inFlight.delete(inserting))
    room.inFlight.add(inserting)
    return await inserting
  }

  /** Counts the free places when the last share is committed, so that all processes together have few jobs in flight. */
  async #count(owner: string, room: Room): Promise<number> {
    room.left = 0
    await Promise.allSettled(room.inFlight)
    const free = this.#limit - (await this.#store.countWaiting(owner, this.#limit))
    room.left = Math.floor(free / share)
    room.until = this.#clock.now() + countMs
    return free
  }

  #room(owner: string): Room {
    const known = this.#rooms.get(owner)
    if (known !== undefined) return known
    const [oldest, idle] = this.#rooms.entries().next().value ?? []
    if (this.#rooms.size >= mostOwners && oldest !== undefined && idle?.inFlight.size === 0) this.#rooms.delete(oldest)
    const room: Room = { left: 0, until: 0, inFlight: new Set(), counting: null }
    this.#rooms.set(owner, room)
    return room
  }

  #exceeded(): QuotaExceeded {
    const quota = { name: 'waiting-jobs', limit: this.#limit, window: 1, remaining: 0, reset: 1 }
    return new QuotaExceeded(quota, `At most ${this.#limit} jobs of one owner may wait: try again when some have run.`)
  }
}
