import { Agent, type IncomingMessage, request } from 'node:http'
import type { Payload } from '../systems/port.ts'

/**
 * A client of the jobs API on node:http: creates a job, opens its stream and waits for the terminal event.
 * `url` is the base URL of the API.
 */
export class SseClient {
  readonly #url: string
  readonly #agent = new Agent({ keepAlive: true })

  constructor(url: string) {
    this.#url = url
  }

  /** Resolves with the job's output when the terminal event arrives. */
  async run(input: Payload): Promise<unknown> {
    const accepted = await this.#request('POST', '', JSON.stringify({ type: 'noop', input }))
    let text = ''
    for await (const chunk of accepted) text += chunk
    if (accepted.statusCode !== 202) throw new Error(`POST returned ${accepted.statusCode}: ${text}`)
    const { streamUrl } = JSON.parse(text) as { streamUrl: string }
    const stream = await this.#request('GET', streamUrl)
    return new Promise((resolve, reject) => {
      let buffer = ''
      stream.setEncoding('utf8')
      stream.on('data', (chunk: string) => {
        buffer += chunk
        for (let end = buffer.indexOf('\n\n'); end >= 0; end = buffer.indexOf('\n\n')) {
          const data = /^data: ?(.*)$/m.exec(buffer.slice(0, end))?.[1]
          buffer = buffer.slice(end + 2)
          if (data === undefined) continue
          const event = JSON.parse(data) as { data: { completedAt: string | null; output?: unknown } }
          if (event.data.completedAt !== null) resolve(event.data.output)
        }
      })
      stream.on('error', reject)
      stream.on('end', () => reject(new Error('The stream ended before the job finished.')))
    })
  }

  close(): void {
    this.#agent.destroy()
  }

  #request(method: string, path: string, body?: string): Promise<IncomingMessage> {
    const headers =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, this.#url), { method, headers, agent: this.#agent }, resolve)
      sent.on('error', reject)
      sent.end(body)
    })
  }
}
