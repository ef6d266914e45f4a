import { connect, type Socket } from 'node:net'
import { now } from '../clock.ts'

export interface ReaderLatencies {
  /** For each change, the latency in milliseconds of each connection that received it. */
  latencies: number[][]
}

/** A source address has about 28,000 ports, and the kernel finds a free one faster while many are free. */
const connectionsPerAddress = 4_000

/** Readers on raw sockets with one search per chunk: they use little CPU, so that the server is what is measured. */
export async function connectReaders(
  port: number,
  path: string,
  connections: number,
): Promise<{ disconnect(): ReaderLatencies }> {
  const latencies = new Map<string, number[]>()
  const sockets: Socket[] = []
  const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n`

  const connectOne = (n: number) =>
    new Promise<void>((resolve, reject) => {
      const localAddress = `127.0.0.${2 + Math.floor(n / connectionsPerAddress)}`
      const socket = connect({ host: '127.0.0.1', port, localAddress })
      sockets.push(socket)
      socket.setEncoding('latin1')
      socket.on('error', reject)
      socket.on('close', () => reject(new Error('The server closed a stream.')))
      socket.write(request)
      let rest = ''
      let newest = ''
      socket.on('data', (chunk: unknown) => {
        const receivedAt = now()
        rest += String(chunk)
        if (newest === '' && rest.includes('data:')) resolve()
        for (const [, sentAt = ''] of rest.matchAll(/t=(\d+\.\d+);/g)) {
          if (Number(sentAt) <= Number(newest)) continue
          newest = sentAt
          const ofChange = latencies.get(sentAt) ?? []
          ofChange.push(receivedAt - Number(sentAt))
          latencies.set(sentAt, ofChange)
        }
        // A marker may be split over two chunks.
        rest = rest.slice(-32)
      })
    })

  // In batches of 100, which fit into the server's listen backlog.
  for (let n = 0; n < connections; n += 100) {
    await Promise.all(Array.from({ length: Math.min(100, connections - n) }, (_, i) => connectOne(n + i)))
  }
  return {
    disconnect() {
      for (const socket of sockets) {
        socket.removeAllListeners('close')
        socket.destroy()
      }
      return { latencies: [...latencies.values()] }
    },
  }
}
