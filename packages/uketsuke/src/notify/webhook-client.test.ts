import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { manualClock } from '../testing/clock.ts'
import { destinations } from './destinations.ts'
import { createWebhookClient } from './webhook-client.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one()
})

/** A receiver with full control over its bytes. `respond` is called with the socket of each complete request. */
async function receiver(respond: (socket: Socket) => unknown) {
  const sockets: Socket[] = []
  const requests: string[] = []
  const server: Server = createServer((socket) => {
    sockets.push(socket)
    let text = ''
    socket.setEncoding('utf8').on('error', () => {})
    socket.on('data', (chunk) => {
      text += chunk
      if (!text.endsWith('"end"')) return
      requests.push(text)
      text = ''
      respond(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as { port: number }
  const clock = manualClock()
  const { post, close } = createWebhookClient({ rules: destinations({ allowPrivateNetworks: true }) }, clock)
  undo.push(close)
  const url = new URL(`http://127.0.0.1:${port}/hook?token=of-the-receiver`)
  const send = (signal = new AbortController().signal) => post(url, { 'webhook-id': 'msg_1' }, '"end"', signal)
  return { clock, send, sockets, requests }
}

/** A promise with its resolve function. */
function gate<T = void>() {
  let open!: (value: T) => void
  const passed = new Promise<T>((resolve) => {
    open = resolve
  })
  return { open, passed }
}

const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

it.each([
  ['in one packet', (socket: Socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n')],
  [
    'twice, with a header, before the response',
    (socket: Socket) => {
      socket.write('HTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n')
      setTimeout(() => socket.write('HTTP/1.1 204 No Content\r\n\r\n'), 20)
    },
  ],
  ['as 103', (socket: Socket) => socket.write('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n')],
])('skips an interim response that it did not ask for: %s', async (_, respond) => {
  const { send } = await receiver(respond)
  for (let time = 0; time < 2; time++) expect((await send()).status).toBe(204)
})

it('sends a POST with path, query, headers and body, and returns the response', async () => {
  const { send, requests, clock } = await receiver((socket) =>
    socket.write('HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 3\r\n\r\nno!'),
  )
  expect(await send()).toEqual({ status: 503, retryAfter: '7', body: 'no!', ms: expect.any(Number) })
  expect(requests[0]).toMatch(/^POST \/hook\?token=of-the-receiver HTTP\/1\.1\r\n/)
  expect(requests[0]).toMatch(/\r\nwebhook-id: msg_1\r\n/)
  expect(clock.pending).toBe(0)
})

it('waits for the final response after an informational one', async () => {
  const { send } = await receiver((socket) =>
    socket.write('HTTP/1.1 103 Early Hints\r\nretry-after: 7\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n'),
  )
  expect(await send()).toMatchObject({ status: 204, retryAfter: null, body: '' })
})

it('reuses connections', async () => {
  const { send, sockets, requests } = await receiver((socket) => socket.write(`${head + chunk('ok')}0\r\n\r\n`))
  for (let n = 0; n < 9; n++) expect(await send()).toMatchObject({ status: 200, body: 'ok' })
  expect(requests).toHaveLength(9)
  // A request may start before undici has released the connection of the previous one.
  expect(sockets.length).toBeLessThanOrEqual(2)
})

it('times out after 20 seconds in total, even if bytes keep arriving, and disconnects', async () => {
  const answering = gate<Socket>()
  const { clock, send } = await receiver((socket) => {
    socket.write(head)
    answering.open(socket)
  })
  let failed: unknown = null
  const sent = send().catch((error) => {
    failed = error
  })
  const socket = await answering.passed
  for (let second = 1; second < 20; second++) {
    await new Promise<void>((resolve) => socket.write(chunk('.'), () => resolve()))
    await clock.advance(1_000)
  }
  await clock.advance(999)
  expect(failed).toBeNull()
  const closed = once(socket, 'close')
  await clock.advance(1)
  await sent
  expect(failed).toMatchObject({ code: 'webhook-unreachable', answer: { ms: expect.any(Number) } })
  expect(String(failed)).toMatch('The webhook receiver did not respond within 20 seconds.')
  await closed
})

it('rejects with the reason as soon as the signal aborts, and closes the socket', async () => {
  const answering = gate<Socket>()
  const { send, clock } = await receiver(answering.open)
  const stop = new AbortController()
  const sent = send(stop.signal)
  const socket = await answering.passed
  const closed = once(socket, 'close')
  stop.abort(new Error('shutting down'))
  await expect(sent).rejects.toThrow('shutting down')
  await closed
  expect(clock.pending).toBe(0)
})

it('sends nothing if the signal aborts before the connection is open', async () => {
  const { send, requests } = await receiver((socket) => socket.write(`${head}0\r\n\r\n`))
  const stop = new AbortController()
  const sent = send(stop.signal)
  stop.abort(new Error('shutting down'))
  await expect(sent).rejects.toThrow('shutting down')
  await expect(send(stop.signal)).rejects.toThrow('shutting down')
  expect(await send()).toMatchObject({ status: 200 })
  expect(requests).toHaveLength(1)
})

it('reads 64 KiB of an endless response, keeps the first KiB, and disconnects', async () => {
  const closed = gate<void>()
  const { send } = await receiver((socket) => {
    const more = () => {
      while (socket.writable && socket.write(chunk('x'.repeat(1_000)))) {}
    }
    socket.on('drain', more).on('close', closed.open).write(head)
    more()
  })
  expect(await send()).toMatchObject({ status: 200, body: 'x'.repeat(1_024) })
  await closed.passed
})

it.each([
  ['before the response', ''],
  ['in the middle of the response', head + chunk('half')],
])('reveals no address or path when the receiver disconnects %s', async (_, answer) => {
  const { send, clock } = await receiver((socket) => socket.end(answer))
  const error = await send().catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'webhook-unreachable', retryable: true })
  expect(String(error)).not.toMatch(/127\.0\.0\.1|hook\?|token/)
  expect(clock.pending).toBe(0)
})
