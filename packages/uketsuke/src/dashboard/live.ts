import { type Clock, sleep } from '../base/clock.ts'
import type { LiveView } from './wire.ts'

/** Counts changes of jobs, by this process and, while pages are open, by others. */
export class ChangeCounter {
  count = 0
  readonly #listen: (noticed: () => void) => () => void
  #pages = 0
  #stop = () => {}

  /** `listen` begins to listen to other processes, and returns a function that stops. */
  constructor(listen: (noticed: () => void) => () => void) {
    this.#listen = listen
  }

  readonly noticed = (): void => {
    this.count++
  }

  opened(): void {
    if (this.#pages++ === 0) this.#stop = this.#listen(this.noticed)
  }

  closed(): void {
    if (--this.#pages === 0) this.#stop()
  }
}

const leastMs = 1_000
const slowMs = 3_000
/** Ages and workers change without a job: look at least this often. */
const mostMs = 5_000
/** More changes per second than this are too many to look at one by one. */
const readable = 50
/** The page reconnects after this time, so that `authorize` is asked again. */
const longestMs = 5 * 60_000

/** The longest silence, in milliseconds. */
const silenceMs = 15_000

interface Live {
  /** The JSON of the page, as it is now. */
  read(): Promise<unknown>
  readonly changes: ChangeCounter
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Whether the page shows many jobs, which may change faster than one can read. */
  readonly slows: boolean
}

/** The server-sent events of a page: its data whenever they have changed, at most once a second. */
export async function* liveEvents({
  read,
  changes,
  clock,
  signal,
  slows,
}: Live): AsyncGenerator<string, void, undefined> {
  const end = clock.now() + longestMs
  let [last, slowed, silentSince] = ['', false, clock.now()]
  changes.opened()
  try {
    yield 'retry: 2000\n\n'
    while (!signal.aborted && clock.now() < end) {
      const [seen, at] = [changes.count, clock.now()]
      const data = await read()
      const event: LiveView<unknown> = { data, slowedTo: slowed ? slowMs : null }
      // `now` is different each time.
      const text = JSON.stringify(event, (name, value) => (name === 'now' ? undefined : value))
      if (text !== last) yield `data: ${JSON.stringify(event)}\n\n`
      // For proxies that close what is silent.
      else if (clock.now() - silentSince >= silenceMs) yield ': \n\n'
      if (text !== last || clock.now() - silentSince >= silenceMs) silentSince = clock.now()
      last = text
      await sleep(clock, slowed ? slowMs : leastMs, signal, { background: true })
      const [since, rate] = [clock.now() - at, changes.count - seen]
      slowed = slows && rate / (since / 1_000) > readable
      while (!signal.aborted && changes.count === seen && clock.now() - at < mostMs) {
        await sleep(clock, leastMs, signal, { background: true })
      }
    }
  } finally {
    changes.closed()
  }
}
