import { connect as open, type Socket } from 'node:net'
import { now } from '../clock.ts'

export interface Heard {
  /** For each change, how late each connection heard of it, in milliseconds. */
  late: number[][]
}

/** A source address has some 28,000 ports, and the kernel finds a free one faster while there are many. */
const perAddress = 4_000

/** Readers that do as little as a reader can, so that it is the server that is measured: raw sockets, one search a chunk. */
export async function connect(port: number, path: string, connections: number): Promise<{ leave(): Heard }> {
  const late = new Map<string, number[]>()
  const sockets: Socket[] = []
  const ask = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n`

  const one = (n: number) =>
    new Promise<void>((resolve, reject) => {
      const localAddress = `127.0.0.${2 + Math.floor(n / perAddress)}`
      const socket = open({ host: '127.0.0.1', port, localAddress })
      sockets.push(socket)
      socket.setEncoding('latin1')
      socket.on('error', reject)
      socket.on('close', () => reject(new Error('The server closed a stream.')))
      socket.write(ask)
      let rest = ''
      let newest = ''
      socket.on('data', (chunk: unknown) => {
        const arrived = now()
        rest += String(chunk)
        if (newest === '' && rest.includes('data:')) resolve()
        for (const [, at = ''] of rest.matchAll(/t=(\d+\.\d+);/g)) {
          if (Number(at) <= Number(newest)) continue
          newest = at
          const heard = late.get(at) ?? []
          heard.push(arrived - Number(at))
          late.set(at, heard)
        }
        // A marker may be cut in two.
        rest = rest.slice(-32)
      })
    })

  // A hundred at a time, so that the listen queue holds them.
  for (let n = 0; n < connections; n += 100) {
    await Promise.all(Array.from({ length: Math.min(100, connections - n) }, (_, i) => one(n + i)))
  }
  return {
    leave() {
      for (const socket of sockets) {
        socket.removeAllListeners('close')
        socket.destroy()
      }
      return { late: [...late.values()] }
    },
  }
}
