import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** The addresses of each name: one list per query in turn; the last list repeats. A query with null gets no response. */
export type Zone = Record<string, readonly (readonly string[] | null)[]>

/** A name server on loopback for A and AAAA queries. Names that are not in its zone do not exist. */
export async function startDns(zone: Zone) {
  const socket = createSocket('udp4')
  const asked: string[] = []
  const turns = new Map<string, number>()
  socket.on('message', (query, from) => {
    const labels: string[] = []
    let at = 12
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
    const name = labels.join('.').toLowerCase()
    const type = query.readUInt16BE(at + 1) === 28 ? 'AAAA' : 'A'
    asked.push(`${type} ${name}`)
    const answers = zone[name]
    const turn = turns.get(type + name) ?? 0
    turns.set(type + name, turn + 1)
    const answer = answers?.[Math.min(turn, answers.length - 1)]
    if (answer === null) return
    const records = (answer ?? []).filter((one) => one.includes(':') === (type === 'AAAA')).map(record)
    const header = Buffer.from(query.subarray(0, 12))
    header.writeUInt16BE(answers === undefined ? 0x8183 : 0x8180, 2)
    header.writeUInt16BE(records.length, 6)
    header.writeUInt32BE(0, 8)
    socket.send(Buffer.concat([header, query.subarray(12, at + 5), ...records]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    stop: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  }
}

function record(address: string): Buffer {
  const bytes = address.includes(':') ? ipv6(address) : Buffer.from(address.split('.').map(Number))
  const head = Buffer.from([0xc0, 12, 0, bytes.length === 16 ? 28 : 1, 0, 1, 0, 0, 0, 0, 0, bytes.length])
  return Buffer.concat([head, bytes])
}

function ipv6(address: string): Buffer {
  const [head = '', tail] = address.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((one) => Number.parseInt(one, 16)))
  const [left, right] = [groups(head), groups(tail ?? '')]
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
  return Buffer.from(all.flatMap((one) => [one >> 8, one & 255]))
}
