import type { Desk } from '../desk.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import type { Follower } from '../notify/watch.ts'
import type { Answer, Sink, Streamed } from './answer.ts'
import { Deadlines } from './deadlines.ts'
import { onDraining } from './drain.ts'
import { frame } from './frame.ts'

const heartbeat = 15_000
/** How long a connection may take nothing of what it was sent, in milliseconds. */
const stall = 30_000
const headers = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
}

const comment = Buffer.from(':\n\n')
const hello = Buffer.from('retry: 2000\n\n')

/** So that those whom one process sends away do not come back to the next as a herd. Milliseconds. */
const goodbye = (least = 1_000) => `retry: ${Math.round(least + Math.random() * 4_000)}\n\n`

/** An answer that makes EventSource come back later, at least `retryAfter` seconds from now. */
export function refuseSoftly(retryAfter = 1): Answer {
  return { status: 200, headers, body: goodbye(retryAfter * 1_000) }
}

/** A job's states as an event stream. `first` is what is known already and not yet told. */
export function eventStream(desk: Desk, follower: Follower, first: Job | null): Answer {
  return { status: 200, headers, body: new EventStream(desk, follower, first) }
}

/**
 * Driven by its reader and by the news: nothing is asked of the follower before the reader has taken what came before, and the
 * follower keeps only the newest state meanwhile. There are thousands of these: no promise, no timer of its own while it is quiet.
 */
class EventStream implements Streamed {
  readonly #desk: Desk
  readonly #follower: Follower
  readonly #beats: Deadlines<EventStream>
  #first: Job | null
  /** Null before it is opened and after its end. */
  #sink: Sink | null = null
  #ready = false
  #greeted = false
  #told = false
  #cancelStall: (() => void) | null = null
  #forgetDraining: (() => void) | null = null

  constructor(desk: Desk, follower: Follower, first: Job | null) {
    this.#desk = desk
    this.#follower = follower
    this.#first = first
    this.#beats = beats(desk)
  }

  open(sink: Sink): void {
    this.#sink = sink
    // A response that nobody reads must not hold its follower for ever.
    this.#wait()
    this.#follower.onNews = () => this.#tell()
    this.#forgetDraining = onDraining(this.#desk, () => this.#end(goodbye()))
  }

  drained(): void {
    if (this.#sink === null) return
    this.#cancelStall?.()
    this.#cancelStall = null
    this.#ready = true
    this.#tell()
    if (this.#ready) this.#beats.start(this)
  }

  close(): void {
    this.#release()
  }

  /** A sign of life, where nothing else was said for long enough. */
  beat(): void {
    this.#say(comment)
  }

  /** All that is new, as long as the reader takes it. Called from within a commit's announcement, which no stream may break. */
  #tell(): void {
    try {
      if (this.#ready && !this.#greeted) {
        this.#greeted = true
        this.#say(hello)
      }
      while (this.#ready) {
        const job = this.#first ?? this.#follower.take()
        if (job === undefined) break
        this.#first = null
        if (job === null) this.#end()
        else this.#show(job)
      }
    } catch (thrown) {
      this.#desk.log.warn({ err: thrown }, 'a stream ended early')
      this.#drop()
    }
  }

  #show(job: Job): void {
    const event = frame(this.#desk, job, !this.#told)
    this.#told = true
    if (isTerminal(job)) this.#end(event)
    else this.#say(event)
  }

  #say(chunk: Uint8Array): void {
    if (this.#sink?.write(chunk)) this.#beats.start(this)
    else this.#wait()
  }

  #wait(): void {
    this.#ready = false
    this.#beats.cancel(this)
    this.#cancelStall = this.#desk.clock.after(stall, () => this.#drop())
  }

  #end(last?: Uint8Array | string): void {
    const sink = this.#release()
    if (last !== undefined) sink?.write(typeof last === 'string' ? Buffer.from(last) : last)
    sink?.end()
  }

  #drop(): void {
    this.#release()?.destroy()
  }

  /** Everything this connection holds is let go here, whoever ended it. */
  #release(): Sink | null {
    const sink = this.#sink
    this.#sink = null
    this.#ready = false
    this.#cancelStall?.()
    this.#beats.cancel(this)
    this.#forgetDraining?.()
    this.#follower.close()
    return sink
  }
}

const cache = new WeakMap<Desk, Deadlines<EventStream>>()

function beats(desk: Desk): Deadlines<EventStream> {
  const present = cache.get(desk)
  if (present) return present
  const made = new Deadlines<EventStream>(desk.clock, heartbeat, (stream) => stream.beat())
  cache.set(desk, made)
  return made
}
