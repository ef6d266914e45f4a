import type { Dispatcher } from 'undici'
import type { Clock } from '../base/clock.ts'
import { text } from '../base/thrown.ts'
import { performance } from '../base/timers.ts'
import { DeliveryError, PostponedError, UnrecoverableError } from '../domain/errors.ts'
import { ForbiddenDestination } from './resolver.ts'

const totalMs = 20_000
const readBytes = 64 << 10
const keptBytes = 1 << 10

/** The response of a receiver, with at most 1 KiB of its body. `ms` is the duration in milliseconds. */
export interface WebhookResponse {
  status: number
  /** The raw header field, or null. */
  retryAfter: string | null
  body: string
  ms: number
}

/** Settles the promise of a request. */
interface Outcome {
  resolve(response: WebhookResponse): void
  reject(error: unknown): void
}

/**
 * Handles one request and its response through undici's dispatcher. undici's `request` creates streams and listeners for each request,
 * which doubles the cost.
 */
export class WebhookRequest implements Dispatcher.DispatchHandler {
  readonly #signal: AbortSignal
  readonly #outcome: Outcome
  readonly #began = performance.now()
  readonly #cancelDeadline: () => void
  #controller: Dispatcher.DispatchController | null = null
  #abortReason: Error | null = null
  #status = 0
  #retryAfter: string | null = null
  #read = 0
  #kept = Buffer.alloc(0)
  #ended = false

  constructor(signal: AbortSignal, clock: Clock, outcome: Outcome) {
    this.#signal = signal
    this.#outcome = outcome
    // One total deadline: undici's timeouts restart with every chunk.
    this.#cancelDeadline = clock.after(totalMs, () =>
      this.#fail(new DOMException('The request timed out.', 'TimeoutError')),
    )
    signal.addEventListener('abort', this.#aborted)
  }

  readonly #aborted = (): void => this.#fail(new DOMException('The request was aborted.', 'AbortError'))

  /** Called after connecting, before writing. Sends nothing if the request has already ended. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#abortReason) controller.abort(this.#abortReason)
  }

  /** Also called for 1xx responses: the last call counts. */
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
    this.#disconnect(new DOMException('The response is too large.', 'AbortError'))
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
    this.#disconnect(error)
    const answer = { ms: this.#ms() }
    const { aborted, reason } = this.#signal
    this.#outcome.reject(
      aborted
        ? reason
        : (forbidden(error) ??
            localFailure(error) ??
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

  /** Closes the socket, or prevents sending if there is no socket yet. */
  #disconnect(reason: Error): void {
    this.#abortReason = reason
    this.#controller?.abort(reason)
  }

  #ms(): number {
    return Math.round(performance.now() - this.#began)
  }
}

/** This machine is out of file descriptors, ports or memory. That is not the receiver's fault, so it costs no attempt. */
const exhausted = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']
function localFailure(error: unknown): PostponedError | null {
  const code = text(error, 'code')
  return exhausted.includes(code) ? new PostponedError(`Failed to send a webhook (${code}).`, 5_000, error) : null
}

const forbidden = (error: unknown): UnrecoverableError | null =>
  error instanceof ForbiddenDestination
    ? new UnrecoverableError(error.message, { code: 'webhook-url-forbidden' })
    : null

/**
 * The message for the owner of the job. Details of a connection failure would reveal which ports of the private network are open, if it
 * is allowed. Operators find them in `thrown`.
 */
function reasonOf(error: Error): string {
  return error.name === 'TimeoutError'
    ? 'The webhook receiver did not respond within 20 seconds.'
    : 'The webhook receiver could not be reached.'
}
