import type { Dispatcher } from 'undici'
import type { Clock } from '../base/clock.ts'
import { text } from '../base/thrown.ts'
import { performance } from '../base/timers.ts'
import { DeliveryError, PostponedError, UnrecoverableError } from '../domain/errors.ts'
import { ForbiddenDestination } from './resolver.ts'

const totalMs = 20_000
const readBytes = 64 << 10
const keptBytes = 1 << 10

/** What a receiver answered: at most 1 KiB of its body is kept. `ms` is how long it took. */
export interface WebhookResponse {
  status: number
  /** As the header has it, or null. */
  retryAfter: string | null
  body: string
  ms: number
}

/** What the promise of one post is settled with. */
interface Outcome {
  resolve(answer: WebhookResponse): void
  reject(error: unknown): void
}

/**
 * One request and its answer, as undici's dispatcher tells of it: its `request` makes streams and listeners for each, which cost as
 * much again as the exchange itself.
 */
export class WebhookRequest implements Dispatcher.DispatchHandler {
  readonly #signal: AbortSignal
  readonly #outcome: Outcome
  readonly #began = performance.now()
  readonly #cancelDeadline: () => void
  #controller: Dispatcher.DispatchController | null = null
  #over: Error | null = null
  #status = 0
  #retryAfter: string | null = null
  #read = 0
  #kept = Buffer.alloc(0)
  #ended = false

  constructor(signal: AbortSignal, clock: Clock, outcome: Outcome) {
    this.#signal = signal
    this.#outcome = outcome
    // One deadline over everything: undici's own begin again with every chunk.
    this.#cancelDeadline = clock.after(totalMs, () => this.#fail(new DOMException('Too slow.', 'TimeoutError')))
    signal.addEventListener('abort', this.#aborted)
  }

  readonly #aborted = (): void => this.#fail(new DOMException('Aborted.', 'AbortError'))

  /** Connected, and about to write. It may be over already: nothing is sent then. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(this.#over)
  }

  /** Also called for a 1xx: the last one counts. */
  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Record<string, unknown>): void {
    this.#status = status
    this.#retryAfter = String(headers['retry-after'] ?? '') || null
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#read += chunk.length
    const room = keptBytes - this.#kept.length
    if (room > 0) this.#kept = Buffer.concat([this.#kept, chunk.subarray(0, room)])
    if (this.#read < readBytes) return
    this.onResponseEnd()
    this.#hangUp(new DOMException('Enough read.', 'AbortError'))
  }

  onResponseEnd(): void {
    if (!this.#end()) return
    const body = this.#kept.toString('utf8')
    this.#outcome.resolve({ status: this.#status, retryAfter: this.#retryAfter, body, ms: this.#ms() })
  }

  onResponseError(_: unknown, error: Error): void {
    this.#fail(error)
  }

  #fail(error: Error): void {
    if (!this.#end()) return
    this.#hangUp(error)
    const answer = { ms: this.#ms() }
    const { aborted, reason } = this.#signal
    this.#outcome.reject(
      aborted
        ? reason
        : (forbidden(error) ??
            ours(error) ??
            new DeliveryError('webhook-unreachable', reasonOf(error), { answer, cause: error })),
    )
  }

  #end(): boolean {
    if (this.#ended) return false
    this.#ended = true
    this.#cancelDeadline()
    this.#signal.removeEventListener('abort', this.#aborted)
    return true
  }

  /** Closes the socket, or sees to it that nothing is sent once there is one. */
  #hangUp(reason: Error): void {
    this.#over = reason
    this.#controller?.abort(reason)
  }

  #ms(): number {
    return Math.round(performance.now() - this.#began)
  }
}

/** This machine is out of files, ports or memory: no fault of the receiver's, so that it costs no attempt. */
const exhausted = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']
function ours(error: unknown): PostponedError | null {
  const code = text(error, 'code')
  return exhausted.includes(code) ? new PostponedError(`A webhook could not be sent (${code}).`, 5_000, error) : null
}

const forbidden = (error: unknown): UnrecoverableError | null =>
  error instanceof ForbiddenDestination
    ? new UnrecoverableError(error.message, { code: 'webhook-url-forbidden' })
    : null

/**
 * For the owner of the job. Where the private network may be called, what went wrong in connecting would tell them which of its ports
 * are open; operators find it in `thrown`.
 */
function reasonOf(error: Error): string {
  return error.name === 'TimeoutError'
    ? 'The receiver took longer than 20 seconds.'
    : 'The receiver could not be reached.'
}
