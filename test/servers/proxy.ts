import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy on a free port that can simulate a bad network. */
export class BadNetwork {
  readonly #sockets = new Set<Socket>()
  /** The sockets to the server, from which responses come. */
  readonly #far = new Set<Socket>()
  readonly #server: Server
  #losing = new Set<Socket>()
  #frozen = new Set<Socket>()
  /** The delay in each direction, in milliseconds. */
  delay = 0
  #silent = false
  #refusing = false

  private constructor(to: number) {
    // Half-open connections are allowed, so that one side does not notice that the other has closed.
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      if (this.#refusing) return near.resetAndDestroy()
      const far = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true })
      this.#far.add(far)
      this.#pass(near, far)
      this.#pass(far, near)
    })
  }

  static async to(port: number): Promise<BadNetwork> {
    const proxy = new BadNetwork(port)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    const later = this.#inOrder()
    from.on('data', (chunk) => {
      if (this.#losing.delete(from)) this.#break(from, to)
      else if (!this.#frozen.has(from)) later(() => to.write(chunk))
    })
    from.on('end', () => later(() => to.end()))
    from.on('error', () => {})
    from.on('close', () => {
      this.#sockets.delete(from)
      this.#far.delete(from)
      later(() => to.destroy())
    })
  }

  /** Keeps the order in each direction, even if the delay becomes shorter. */
  #inOrder(): (fn: () => void) => void {
    const queue: (() => void)[] = []
    return (fn) => {
      if (this.#silent) return
      if (this.delay === 0 && queue.length === 0) return fn()
      queue.push(fn)
      setTimeout(() => {
        const next = queue.shift()
        if (!this.#silent) next?.()
      }, this.delay)
    }
  }

  /** Drops the next response of each connection and closes the connection. The server has executed the request. */
  loseAnswers(): void {
    this.#losing = new Set(this.#far)
  }

  /** Silences the existing connections, as `silence` does; new ones work. */
  freeze(): void {
    this.#frozen = new Set(this.#sockets)
  }

  #break(...both: Socket[]): void {
    for (const socket of both) socket.destroy()
  }

  /** Refuses new connections until `restore`; existing ones continue. */
  refuse(): void {
    this.#refusing = true
  }

  /** Resets all connections, and refuses new ones until `restore`. */
  cut(): void {
    this.#refusing = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Connections stay open and new ones are accepted, but no data passes: a half-open socket. */
  silence(): void {
    this.#silent = true
  }

  /** Ends the fault. Data lost during it stays lost, so the existing connections are reset. */
  restore(): void {
    this.#silent = false
    this.#refusing = false
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
