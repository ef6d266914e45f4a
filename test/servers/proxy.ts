import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy that fails on demand. */
export interface BadNetwork {
  readonly port: number
  /** The next answer of each connection is withheld and the connection cut: what was asked for was done. */
  loseAnswers(): void
  /** Nothing goes through any more, and nothing is closed: half-open connections. */
  freeze(): void
  /** Cuts every connection, and lets new ones through. */
  cut(): void
  close(): Promise<void>
}

export async function startProxy(target: number): Promise<BadNetwork> {
  const pairs = new Set<{ client: Socket; server: Socket }>()
  let losing = new Set<Socket>()

  const listener = createServer((client) => {
    const server = connect(target, '127.0.0.1')
    const pair = { client, server }
    pairs.add(pair)
    const end = () => {
      client.destroy()
      server.destroy()
      pairs.delete(pair)
    }
    for (const socket of [client, server]) socket.on('error', end).on('close', end)
    client.on('data', (data) => server.write(data))
    server.on('data', (data) => {
      if (losing.delete(client)) end()
      else client.write(data)
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')

  const cut = () => {
    for (const { client, server } of pairs) {
      client.destroy()
      server.destroy()
    }
    losing = new Set()
  }
  return {
    port: (listener.address() as AddressInfo).port,
    loseAnswers() {
      losing = new Set([...pairs].map(({ client }) => client))
    },
    freeze() {
      for (const { client, server } of pairs) {
        client.removeAllListeners('data').pause()
        server.removeAllListeners('data').pause()
      }
    },
    cut,
    async close() {
      cut()
      listener.close()
      await once(listener, 'close')
    },
  }
}
