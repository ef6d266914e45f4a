import { Agent, request } from 'undici'
import { DeliveryError } from '../domain/errors.ts'

/** What a receiver answered: at most 1 KiB of its body is kept. `ms` is how long it took. */
export interface Answer {
  status: number
  /** As the header has it, or null. */
  retryAfter: string | null
  body: string
  ms: number
}

/** Sends one webhook. @throws {DeliveryError} `webhook-unreachable` where no whole answer came */
export type Post = (url: string, headers: Record<string, string>, body: string, signal: AbortSignal) => Promise<Answer>

const connectMs = 5_000
const totalMs = 20_000
const readBytes = 64 << 10
const keptBytes = 1 << 10

/** Over undici: 5 s to connect, 20 s in all, redirects not followed. Call `close` at the end. */
export function poster(): { post: Post; close(): Promise<void> } {
  const dispatcher = new Agent({ connect: { timeout: connectMs } })
  return {
    close: () => dispatcher.close(),
    async post(url, headers, body, signal) {
      const began = performance.now()
      const ms = () => Math.round(performance.now() - began)
      try {
        // One deadline over everything: undici's body timeout starts again with every chunk.
        const within = AbortSignal.any([signal, AbortSignal.timeout(totalMs)])
        const answer = await request(url, { method: 'POST', headers, body, dispatcher, signal: within })
        const retryAfter = answer.headers['retry-after']
        const start = await read(answer.body)
        return { status: answer.statusCode, retryAfter: String(retryAfter ?? '') || null, body: start, ms: ms() }
      } catch (error) {
        if (signal.aborted) throw signal.reason
        throw new DeliveryError('webhook-unreachable', reasonOf(error), { answer: { ms: ms() } })
      }
    },
  }
}

/** Reads to the end or to 64 KiB, whichever comes first. */
async function read(body: AsyncIterable<Buffer>): Promise<string> {
  let read = 0
  let kept = Buffer.alloc(0)
  for await (const chunk of body) {
    read += chunk.length
    if (kept.length < keptBytes) kept = Buffer.concat([kept, chunk.subarray(0, keptBytes - kept.length)])
    // Leaving the loop destroys the stream.
    if (read >= readBytes) break
  }
  return kept.toString('utf8')
}

/** The kind of failure only: an address or a path may be a secret of the receiver's. */
function reasonOf(error: unknown): string {
  const { name, code } = error as { name?: string; code?: string }
  if (name === 'TimeoutError') return 'The receiver took longer than 20 seconds.'
  return `The receiver could not be reached (${code ?? name ?? 'unknown'}).`
}
