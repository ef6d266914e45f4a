import { setTimeout as pause } from 'node:timers/promises'
import { bearer, blocks, openStream, post, type Seen } from '../crash/support.ts'
import type { Fleet } from './fleet.ts'
import type { Ledger, Request } from './ledger.ts'

/** The longest time for which a request may be rejected, regardless of the fault. */
const patience = 120_000

/** Clients of the API. They retry each request until it is answered. */
export class Clients {
  readonly #fleet: Fleet
  readonly #ledger: Ledger
  readonly #hook: string
  readonly #draw: () => number
  readonly #open = new Set<AbortController>()
  #left = false

  constructor(fleet: Fleet, ledger: Ledger, hook: string, draw: () => number) {
    this.#fleet = fleet
    this.#ledger = ledger
    this.#hook = hook
    this.#draw = draw
  }

  make(): Request {
    const draw = this.#draw
    const key = `request-${this.#ledger.requests.length}`
    const random = draw()
    const cancels = random > 0.85 && random < 0.95
    const request: Request = {
      key,
      input: {
        key,
        // A job to be cancelled runs long enough for the cancellation.
        steps: cancels ? 30 : Math.floor(draw() * 10),
        stepMs: cancels ? 60 : Math.floor(draw() * 100),
        throws: random < 0.1 ? 1 : 0,
        givesUp: random > 0.95,
        newer: random > 0.4 && random < 0.5,
        keeps: random > 0.3 && random < 0.7,
      },
      cancels,
      follows: draw() < 0.5,
      jobId: null,
      sent: 0,
    }
    this.#ledger.requests.push(request)
    return request
  }

  /** Retries until `once` returns a result. A string is the reason for a retry; an exception counts as a lost response. */
  async #until<T>(what: string, once: (url: string) => Promise<T | string>): Promise<T> {
    const deadline = performance.now() + patience
    const whys: string[] = []
    for (;;) {
      const url = await this.#fleet.url(this.#draw)
      try {
        const answer = await once(url)
        if (typeof answer !== 'string') return answer
        whys.push(answer)
      } catch (error) {
        this.#ledger.lostAnswers++
        whys.push(String(error))
      }
      if (performance.now() > deadline) throw new Error(`${what}: not in time; ${whys.slice(-10).join(', ')}`)
      await pause(20 + 80 * this.#draw())
    }
  }

  /** Repeats the request with the same key until it is answered with 202. */
  send(request: Request): Promise<Seen> {
    return this.#until(`${request.key} is answered 202`, async (url) => {
      request.sent++
      const answer = await post(url, 'steps', request.input, { key: request.key, webhookUrl: this.#hook })
      const seen = (await answer.json()) as Seen
      if (answer.status !== 202) {
        if (answer.status !== 503 && answer.status !== 409) this.#ledger.wrong.push(`POST: ${answer.status}`)
        return `${answer.status} ${JSON.stringify(seen)}`
      }
      if (request.jobId !== null && request.jobId !== seen.jobId)
        this.#ledger.wrong.push(`${request.key} gave two jobs`)
      request.jobId = seen.jobId
      this.#ledger.saw(seen, '202')
      return seen
    })
  }

  /** Cancellation is idempotent. */
  cancel(jobId: string): Promise<Seen> {
    return this.#until(`${jobId} is cancelled`, async (url) => {
      const signal = AbortSignal.timeout(20_000)
      const answer = await fetch(`${url}/${jobId}/cancel`, { method: 'POST', headers: bearer, signal })
      const seen = (await answer.json()) as Seen
      if (!answer.ok) return `${answer.status}`
      this.#ledger.saw(seen, 'cancel')
      return seen
    })
  }

  /** Follows a stream to its terminal event like EventSource, over either API. Some clients reconnect afterwards and get 204. */
  async follow({ jobId, version }: Seen): Promise<void> {
    const { streams, wrong } = this.#ledger
    let last: number | undefined
    let ended = false
    streams.clients++
    const again = this.#draw() < 0.3
    while (!this.#left) {
      const url = await this.#fleet.url(this.#draw)
      streams.connections++
      // A signal for each request, because each request adds a listener to its signal.
      const gone = new AbortController()
      this.#open.add(gone)
      try {
        const answer = await openStream(url, jobId, last, gone.signal)
        if (answer.status === 204) {
          if (!ended) wrong.push(`${jobId}: 204 to one that had seen version ${last} only`)
          break
        }
        if (answer.status === 200) {
          for await (const { id, data } of blocks(answer)) {
            if (data === undefined) continue
            streams.events++
            if (ended || id !== data.data.version || id < version || (last !== undefined && id <= last)) {
              wrong.push(`${jobId}: version ${data.data.version} with id ${id} was streamed after ${last ?? version}`)
            }
            last = id
            ended ||= data.data.completedAt !== null
            this.#ledger.saw(data.data, 'stream')
          }
          if (ended && !again) break
        } else if (last !== undefined || ![429, 503].includes(answer.status)) {
          // This status would end an EventSource permanently. Only a first connection may be rejected.
          wrong.push(`${jobId}: a stream was answered ${answer.status} after version ${last}`)
        }
      } catch {
        // The connection broke: reconnect with the last event id.
      } finally {
        this.#open.delete(gone)
        gone.abort()
      }
      await pause(300 * this.#draw())
    }
    if (ended) streams.ended++
    else wrong.push(`${jobId}: an event stream did not reach the end, but version ${last}`)
  }

  /** Ends all remaining streams. */
  leave(): void {
    this.#left = true
    for (const one of this.#open) one.abort()
  }
}
