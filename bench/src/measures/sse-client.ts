import { Agent, type IncomingMessage, request } from 'node:http'
import type { Payload } from '../systems/port.ts'

/** `url` is where the jobs API is mounted. A client of the jobs API with nothing but node:http: asks for a job, opens its stream, waits for the last event. */
export class SseClient {
  readonly #url: string
  readonly #agent = new Agent({ keepAlive: true })

  constructor(url: string) {
    this.#url = url
  }

  /** Resolves with the job's output as soon as the event with it is here. */
  async run(input: Payload): Promise<unknown> {
    const accepted = await this.#request('POST', '', JSON.stringify({ type: 'noop', input }))
    let text = ''
    for await (const chunk of accepted) text += chunk
    if (accepted.statusCode !== 202) throw new Error(`POST answered ${accepted.statusCode}: ${text}`)
    const { streamUrl } = JSON.parse(text) as { streamUrl: string }
    const stream = await this.#request('GET', streamUrl)
    return new Promise((resolve, reject) => {
      let read = ''
      stream.setEncoding('utf8')
      stream.on('data', (chunk: string) => {
        read += chunk
        for (let end = read.indexOf('\n\n'); end >= 0; end = read.indexOf('\n\n')) {
          const data = /^data: ?(.*)$/m.exec(read.slice(0, end))?.[1]
          read = read.slice(end + 2)
          if (data === undefined) continue
          const event = JSON.parse(data) as { data: { completedAt: string | null; output?: unknown } }
          if (event.data.completedAt !== null) resolve(event.data.output)
        }
      })
      stream.on('error', reject)
      stream.on('end', () => reject(new Error('The stream ended before the job.')))
    })
  }

  close(): void {
    this.#agent.destroy()
  }

  #request(method: string, path: string, body?: string): Promise<IncomingMessage> {
    const headers =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    return new Promise((resolve, reject) => {
      const asked = request(new URL(path, this.#url), { method, headers, agent: this.#agent }, resolve)
      asked.on('error', reject)
      asked.end(body)
    })
  }
}
