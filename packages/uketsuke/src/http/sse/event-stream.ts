import type { Batch } from '../../domain/batch.ts'
import { isTerminal, type Job } from '../../domain/job.ts'
import type { StateReader } from '../../notify/watch.ts'
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

/**
 * What a reconnect gets instead of an error that may pass: 429 and 503 end a browser's EventSource permanently. It reconnects after at
 * least `retryAfter` seconds. Null for other errors and for a first connection.
 */
export function softRefusal(
  isReconnect: boolean,
  { code, retryAfter = 1 }: { code: string; retryAfter: number | undefined },
): HttpResponse | null {
  const mayPass = code === 'quota-exceeded' || code === 'temporarily-unavailable'
  return isReconnect && mayPass ? { status: 200, headers, body: jitteredRetry(retryAfter * 1_000) } : null
}

/** What the events of a stream look like. */
interface Events<State> {
  encode(state: State): Uint8Array
  /** Whether the event of this state is the last one. */
  isLast(state: State): boolean
  /** Written before the first event. */
  readonly begin?: Uint8Array
  /** Written after the last event. */
  readonly end?: Uint8Array
}

/** Streams the states of a job. `first` is the current state, or null if the client already has it. `place` is released at the end. */
export function eventStream(
  service: HttpService,
  follower: StateReader,
  first: Job | null,
  place: StreamPlace,
): HttpResponse {
  let sent = false
  const encode = (job: Job) => {
    const event = service.events.get(job, !sent)
    sent = true
    return event
  }
  return {
    status: 200,
    headers,
    body: new EventStream(service, follower, { encode, isLast: isTerminal }, place, first),
  }
}

/** The last event id of a stream of many jobs after its end. A block without data sets it, and dispatches no event. */
export const endId = 'end'

/** Streams the states of many jobs up to the end of `reader`. The id of each event is `<jobId>:<version>`. */
export function manyJobsStream(service: HttpService, reader: StateReader, place: StreamPlace): HttpResponse {
  const seen = new Set<string>()
  const encode = (job: Job) => {
    const event = service.events.get(job, !seen.has(job.id), true)
    if (isTerminal(job)) seen.delete(job.id)
    else seen.add(job.id)
    return event
  }
  const events = { encode, isLast: () => false, end: Buffer.from(`id: ${endId}\n\n`) }
  return { status: 200, headers, body: new EventStream(service, reader, events, place) }
}

/** Streams the counts of a batch up to the end of its last job. The id of each event is the version of the batch. */
export function batchStream(
  service: HttpService,
  reader: StateReader<Batch>,
  first: Batch | null,
  place: StreamPlace,
): HttpResponse {
  const encode = ({ view, version }: Batch) => Buffer.from(`id: ${version}\ndata: ${JSON.stringify(view)}\n\n`)
  const events = { encode, isLast: ({ view }: Batch) => view.completedAt !== null }
  return { status: 200, headers, body: new EventStream(service, reader, events, place, first) }
}

/** Streams events that are encoded already, between a first and a last one. */
export function messageStream(
  service: HttpService,
  reader: StateReader<Uint8Array>,
  { begin, end }: { begin: Uint8Array; end: Uint8Array },
  place: StreamPlace,
): HttpResponse {
  const events = { encode: (event: Uint8Array) => event, isLast: () => false, begin, end }
  return { status: 200, headers, body: new EventStream(service, reader, events, place) }
}

/**
 * Applies backpressure: takes the next state from the reader only after the reader has consumed the previous event. Meanwhile the
 * reader keeps only the newest state. There can be thousands of streams, so an idle stream has no promise and no timer of its own.
 */
class EventStream<State> implements Streamed {
  readonly #service: HttpService
  readonly #reader: StateReader<State>
  readonly #events: Events<State>
  readonly #writer: PacedWriter
  readonly #place: StreamPlace
  #first: State | null
  #started = false
  #offDraining: (() => void) | null = null

  constructor(
    service: HttpService,
    reader: StateReader<State>,
    events: Events<State>,
    place: StreamPlace,
    first: State | null = null,
  ) {
    this.#service = service
    this.#reader = reader
    this.#events = events
    this.#first = first
    this.#place = place
    place.end = () => this.#guard(() => this.#end())
    this.#writer = new PacedWriter(service.clock, () => this.#release())
  }

  open(sink: Sink): void {
    this.#writer.open(sink)
    this.#reader.onChange = () => this.#flush()
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
        this.#write(this.#events.begin ?? retryField)
      }
      while (this.#writer.ready) {
        const state = this.#first ?? this.#reader.take()
        if (state === undefined) break
        this.#first = null
        if (state === null) this.#end(this.#events.end)
        else this.#send(state)
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

  #send(state: State): void {
    const event = this.#events.encode(state)
    if (this.#events.isLast(state)) this.#end(event)
    else this.#write(event)
  }

  #write(chunk: Uint8Array): void {
    this.#writer.write(chunk)
    if (this.#writer.ready) this.#service.heartbeats.start(this)
    else this.#service.heartbeats.cancel(this)
  }

  /** Ends the stream. The writer continues until the reader has everything. */
  #end(last?: Uint8Array | string): void {
    // End the writer first: closing the reader calls back into this stream, which must already have ended.
    this.#writer.end(typeof last === 'string' ? Buffer.from(last) : last)
    this.#release()
  }

  /** Releases everything except the connection. */
  #release(): void {
    this.#service.heartbeats.cancel(this)
    this.#offDraining?.()
    this.#reader.close()
    this.#place.release()
  }
}
