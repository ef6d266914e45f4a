import { isTerminal, type Job } from '../../domain/job.ts'
import type { Follower } from '../../notify/watch.ts'
import type { HttpService } from '../http-service.ts'
import { PacedWriter } from '../paced-writer.ts'
import type { HttpResponse, Sink, Streamed } from '../response.ts'
import type { StreamPlace } from './open-streams.ts'

const headers = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  // The standard equivalent (RFC 10036): intermediaries must not buffer the response.
  Incremental: '?1',
}

const comment = Buffer.from(':\n\n')
const retryField = Buffer.from('retry: 2000\n\n')

/** A jittered reconnection time in milliseconds, which avoids a thundering herd at the next process. */
const jitteredRetry = (min = 1_000) => `retry: ${Math.round(min + Math.random() * 4_000)}\n\n`

/** A response that makes EventSource reconnect after at least `retryAfter` seconds. */
export function retryLaterStream(retryAfter = 1): HttpResponse {
  return { status: 200, headers, body: jitteredRetry(retryAfter * 1_000) }
}

/** Streams the states of a job. `first` is the current state, or null if the client already has it. `place` is released at the end. */
export function eventStream(
  service: HttpService,
  follower: Follower,
  first: Job | null,
  place: StreamPlace,
): HttpResponse {
  return { status: 200, headers, body: new EventStream(service, follower, first, place) }
}

/**
 * Applies backpressure: takes the next state from the follower only after the reader has consumed the previous event. Meanwhile the
 * follower keeps only the newest state. There can be thousands of streams, so an idle stream has no promise and no timer of its own.
 */
class EventStream implements Streamed {
  readonly #service: HttpService
  readonly #follower: Follower
  readonly #writer: PacedWriter
  readonly #place: StreamPlace
  #first: Job | null
  #started = false
  #sentFirst = false
  #offDraining: (() => void) | null = null

  constructor(service: HttpService, follower: Follower, first: Job | null, place: StreamPlace) {
    this.#service = service
    this.#follower = follower
    this.#first = first
    this.#place = place
    place.end = () => this.#guard(() => this.#end())
    this.#writer = new PacedWriter(service.clock, () => this.#release())
  }

  open(sink: Sink): void {
    this.#writer.open(sink)
    this.#follower.onChange = () => this.#flush()
    this.#offDraining = this.#service.drain.onDraining(() => this.#guard(() => this.#end(jitteredRetry())))
  }

  drained(): void {
    this.#guard(() => this.#writer.drained())
    this.#flush()
    if (this.#writer.ready) this.#service.heartbeats.start(this)
  }

  close(): void {
    this.#writer.close()
    this.#release()
  }

  /** Sends a heartbeat comment. */
  beat(): void {
    this.#guard(() => this.#write(comment))
  }

  /** Sends new states while the reader accepts them. Must not throw: it runs inside the announcement of a commit. */
  #flush(): void {
    this.#guard(() => {
      if (this.#writer.ready && !this.#started) {
        this.#started = true
        this.#write(retryField)
      }
      while (this.#writer.ready) {
        const job = this.#first ?? this.#follower.take()
        if (job === undefined) break
        this.#first = null
        if (job === null) this.#end()
        else this.#sendJob(job)
      }
    })
  }

  /** Middleware may wrap the response, and its write may throw. That must end only this stream. */
  #guard(write: () => void): void {
    try {
      write()
    } catch (thrown) {
      this.#service.log.warn({ err: thrown }, 'stream ended early')
      this.#writer.drop()
      this.#release()
    }
  }

  #sendJob(job: Job): void {
    const event = this.#service.events.get(job, !this.#sentFirst)
    this.#sentFirst = true
    if (isTerminal(job)) this.#end(event)
    else this.#write(event)
  }

  #write(chunk: Uint8Array): void {
    this.#writer.write(chunk)
    if (this.#writer.ready) this.#service.heartbeats.start(this)
    else this.#service.heartbeats.cancel(this)
  }

  /** Ends the stream. The writer continues until the reader has everything. */
  #end(last?: Uint8Array | string): void {
    // End the writer first: closing the follower calls back into this stream, which must already have ended.
    this.#writer.end(typeof last === 'string' ? Buffer.from(last) : last)
    this.#release()
  }

  /** Releases everything except the connection. */
  #release(): void {
    this.#service.heartbeats.cancel(this)
    this.#offDraining?.()
    this.#follower.close()
    this.#place.release()
  }
}
