import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy on a free port that can simulate a bad network. */
export class BadNetwork {
  readonly #sockets = new Set<Socket>()
  /** The sides from which answers come. */
  readonly #far = new Set<Socket>()
  readonly #server: Server
  #losing = new Set<Socket>()
  #frozen = new Set<Socket>()
  /** Milliseconds that everything takes on its way, in each direction. */
  delay = 0
  #silent = false
  #refusing = false

  private constructor(to: number) {
    // Half-open is allowed, so that one side does not learn that the other is gone.
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

  /** Nothing overtakes what went before it in its direction, also where the delay becomes shorter meanwhile. */
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

  /** The next answer of each connection is withheld and the connection cut: what was asked for was done. */
  loseAnswers(): void {
    this.#losing = new Set(this.#far)
  }

  /** The connections there are go silent, as with `silence`; new ones work. */
  freeze(): void {
    this.#frozen = new Set(this.#sockets)
  }

  #break(...both: Socket[]): void {
    for (const socket of both) socket.destroy()
  }

  /** Refuses new connections until `restore`; those that are there go on. */
  refuse(): void {
    this.#refusing = true
  }

  /** Ends all connections at once, and refuses new ones until `restore`. */
  cut(): void {
    this.#refusing = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Connections stay open and new ones are accepted, but no data passes: a half-open socket. */
  silence(): void {
    this.#silent = true
  }

  /** As if nothing had been; what was lost in between stays lost, so its connections end. */
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
