import { isTerminal, type Job } from '../../domain/job.ts'
import type { Follower } from '../../notify/watch.ts'
import type { HttpService } from '../http-service.ts'
import { PacedWriter } from '../paced-writer.ts'
import type { HttpResponse, Sink, Streamed } from '../response.ts'

const headers = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  // The standard word for the same (RFC 10036): what lies between must not wait for the whole.
  Incremental: '?1',
}

const comment = Buffer.from(':\n\n')
const hello = Buffer.from('retry: 2000\n\n')

/** So that those whom one process sends away do not come back to the next as a herd. Milliseconds. */
const goodbye = (least = 1_000) => `retry: ${Math.round(least + Math.random() * 4_000)}\n\n`

/** An answer that makes EventSource come back later, at least `retryAfter` seconds from now. */
export function retryLaterStream(retryAfter = 1): HttpResponse {
  return { status: 200, headers, body: goodbye(retryAfter * 1_000) }
}

/** A job's states as an event stream. `first` is what is known already and not yet told. */
export function eventStream(service: HttpService, follower: Follower, first: Job | null): HttpResponse {
  return { status: 200, headers, body: new EventStream(service, follower, first) }
}

/**
 * Driven by its reader and by the news: nothing is asked of the follower before the reader has taken what came before, and the
 * follower keeps only the newest state meanwhile. There are thousands of these: no promise, no timer of its own while it is quiet.
 */
class EventStream implements Streamed {
  readonly #service: HttpService
  readonly #follower: Follower
  readonly #writer: PacedWriter
  #first: Job | null
  #greeted = false
  #told = false
  #forgetDraining: (() => void) | null = null

  constructor(service: HttpService, follower: Follower, first: Job | null) {
    this.#service = service
    this.#follower = follower
    this.#first = first
    this.#writer = new PacedWriter(service.clock, () => this.#release())
  }

  open(sink: Sink): void {
    this.#writer.open(sink)
    this.#follower.onNews = () => this.#tell()
    this.#forgetDraining = this.#service.drain.onDraining(() => this.#safely(() => this.#end(goodbye())))
  }

  drained(): void {
    this.#safely(() => this.#writer.drained())
    this.#tell()
    if (this.#writer.ready) this.#service.heartbeats.start(this)
  }

  close(): void {
    this.#writer.close()
    this.#release()
  }

  /** A sign of life, where nothing else was said for long enough. */
  beat(): void {
    this.#safely(() => this.#say(comment))
  }

  /** All that is new, as long as the reader takes it. Called from within a commit's announcement, which no stream may break. */
  #tell(): void {
    this.#safely(() => {
      if (this.#writer.ready && !this.#greeted) {
        this.#greeted = true
        this.#say(hello)
      }
      while (this.#writer.ready) {
        const job = this.#first ?? this.#follower.take()
        if (job === undefined) break
        this.#first = null
        if (job === null) this.#end()
        else this.#show(job)
      }
    })
  }

  /** What is written to may be wrapped, and throw: that ends this stream and nothing else. */
  #safely(write: () => void): void {
    try {
      write()
    } catch (thrown) {
      this.#service.log.warn({ err: thrown }, 'a stream ended early')
      this.#writer.drop()
      this.#release()
    }
  }

  #show(job: Job): void {
    const event = this.#service.events.get(job, !this.#told)
    this.#told = true
    if (isTerminal(job)) this.#end(event)
    else this.#say(event)
  }

  #say(chunk: Uint8Array): void {
    this.#writer.write(chunk)
    if (this.#writer.ready) this.#service.heartbeats.start(this)
    else this.#service.heartbeats.cancel(this)
  }

  /** Nothing follows; the writer goes on until the reader has it all. */
  #end(last?: Uint8Array | string): void {
    // First, since a follower that closes tells this stream, which must know by then that it has ended.
    this.#writer.end(typeof last === 'string' ? Buffer.from(last) : last)
    this.#release()
  }

  /** Everything but the connection is let go here, whoever ended it. */
  #release(): void {
    this.#service.heartbeats.cancel(this)
    this.#forgetDraining?.()
    this.#follower.close()
  }
}
