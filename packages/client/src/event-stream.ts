import type { JobEvent } from './event.ts'
import type { JobView } from './job.ts'
import { type Send, unexpected } from './requests.ts'

/** A server sends `retry:` at once, so a proxy that delivers nothing within this time buffers the stream. Milliseconds. */
const firstByteMs = 3_500
/** The server sends a comment every 15 seconds, so a connection that is silent for longer than this is dead. Milliseconds. */
const silenceMs = 35_000

interface StreamOptions {
  signal: AbortSignal
  onJob(job: JobView): void
  /** Something arrived. */
  onBytes(): void
}

/** Nothing arrived on the stream in time. Nobody outside sees it. */
export class StreamStalled extends Error {
  /** Whether anything had arrived before. */
  readonly opened: boolean

  constructor(opened: boolean) {
    super()
    this.opened = opened
  }
}

/**
 * Reads the events of these jobs to the end of the stream. Resolves with the reconnection time that the server asks for, in
 * milliseconds. A sleeping computer stops timers, so the silence is measured by the clock.
 * @throws {RequestError} the response of the server; {StreamStalled}; whatever `fetch` throws when the connection breaks
 */
export async function readEvents(send: Send, ids: readonly string[], options: StreamOptions): Promise<number> {
  const { signal, onJob, onBytes } = options
  const connection = new AbortController()
  // Not every `fetch` rejects a read that begins after the abort.
  const aborted = new Promise<never>((_, reject) => {
    connection.signal.addEventListener('abort', () => reject(connection.signal.reason))
  })
  aborted.catch(() => {})
  const abort = () => connection.abort(signal.reason)
  signal.addEventListener('abort', abort)
  let opened = false
  let lastByteAt = Date.now()
  const watchdog = setInterval(() => {
    if (Date.now() - lastByteAt > (opened ? silenceMs : firstByteMs)) connection.abort(new StreamStalled(opened))
  }, 500)
  let retry = 2_000
  try {
    const response = await send('GET', `/events?jobs=${encodeURIComponent(ids.join())}`, {
      headers: { accept: 'text/event-stream' },
      signal: connection.signal,
      tries: 1,
    })
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) throw unexpected(response)
    const reader = response.body!.getReader()
    const decoder = new TextDecoder()
    for (let text = ''; ; ) {
      const { done, value } = await Promise.race([reader.read(), aborted])
      if (done) return retry
      opened = true
      lastByteAt = Date.now()
      onBytes()
      const lines = (text + decoder.decode(value, { stream: true })).split(/\r\n|\r|\n/)
      text = lines.pop() as string
      for (const line of lines) {
        if (line.startsWith('retry:')) retry = Number(line.slice(6)) || retry
        // Every event is one line of JSON.
        if (line.startsWith('data:')) onJob((JSON.parse(line.slice(5)) as JobEvent<JobView>).data)
      }
    }
  } catch (error) {
    throw connection.signal.aborted ? connection.signal.reason : error
  } finally {
    clearInterval(watchdog)
    signal.removeEventListener('abort', abort)
    connection.abort()
  }
}
