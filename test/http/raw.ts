/** Plain sockets, for requests that `fetch` cannot send, and for reading an event stream as its bytes arrive. */
import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  status: number
  headers: Map<string, string>
  body: string
}

/** Sends these bytes and returns everything until the server closes. Send `Connection: close`. */
export async function raw(port: number, request: string | Buffer): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1')
  // A server that rejects a body closes the connection during the write.
  socket.on('error', () => {})
  socket.write(request)
  const chunks: Buffer[] = []
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('close', () => resolve())
  })
  const [head = '', ...rest] = Buffer.concat(chunks).toString().split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const headers = new Map(
    lines.map((line) => [line.split(':', 1)[0]!.toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  )
  return { status: Number(first.split(' ')[1]), headers, body: rest.join('\r\n\r\n') }
}

/** A block of an event stream. */
export interface Block {
  id?: string
  data?: string
  retry?: string
  event?: string
  comment?: true
}

/** Reads a stream like EventSource, one block at a time. Null at the end. */
export class Events {
  readonly response: Response
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #decoder = new TextDecoder()
  #text = ''

  constructor(response: Response) {
    this.response = response
    this.#reader = response.body!.getReader()
  }

  async block(): Promise<Block | null> {
    for (;;) {
      const end = this.#text.indexOf('\n\n')
      if (end >= 0) {
        const block = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 2)
        return parse(block)
      }
      const { done, value } = await this.#reader.read()
      if (done) return null
      this.#text += this.#decoder.decode(value, { stream: true })
    }
  }

  /** Returns the next event, parsed, with its id, or null at the end. */
  async event(): Promise<{ id: string; type: string; data: Record<string, unknown> } | null> {
    for (let block = await this.block(); block; block = await this.block()) {
      if (block.data !== undefined) return { id: block.id, ...JSON.parse(block.data) }
    }
    return null
  }

  /** Returns all remaining blocks. */
  async rest(): Promise<Block[]> {
    const blocks: Block[] = []
    for (let block = await this.block(); block; block = await this.block()) blocks.push(block)
    return blocks
  }

  /** Disconnects, like a closed tab. */
  leave(): Promise<void> {
    return this.#reader.cancel()
  }
}

/** As in the WHATWG standard, CR, LF and CRLF all end a line, so that forged lines are detected. */
function parse(text: string): Block {
  const block: Block = {}
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line.startsWith(':')) block.comment = true
    const [, name, value = ''] = /^(id|data|retry|event)(?:: ?(.*))?$/s.exec(line) ?? []
    if (name === 'data') block.data = block.data === undefined ? value : `${block.data}\n${value}`
    else if (name !== undefined) block[name as 'id' | 'retry' | 'event'] = value
  }
  return block
}

/** A client that sends a request and never reads the response. */
export function stalledClient(port: number, request: string): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.pause()
  socket.write(request)
  return socket
}
