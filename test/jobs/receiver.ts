import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { atEnd } from './setup.ts'

export interface Received {
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export type Answer = { status: number; headers?: Record<string, string>; body?: string } | 'hang up'

/** A receiver on loopback that responds with each of `answers` in turn, and repeats the last one. */
export async function receiver(...answers: Answer[]) {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const answer = answers[Math.min(received.length, answers.length - 1)] ?? { status: 200 }
      received.push({ path: request.url ?? '', headers: request.headers, body })
      if (answer === 'hang up') return request.socket.destroy()
      return response.writeHead(answer.status, answer.headers).end(answer.body ?? 'ok')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(() => resolve()))
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { received, host, url: `http://${host}/hook?token=of-the-receiver` }
}
