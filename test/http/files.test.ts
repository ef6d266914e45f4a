import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { raw } from './raw.ts'
import { body, type Serving, serve } from './server.ts'

let api: Serving
let jobId: string
const text = 'The quick brown fox jumps over the lazy dog.'
const big = Buffer.alloc(3 << 20, 'abcdefghij')
const etag = (data: string | Buffer) => `"${createHash('sha256').update(data).digest('hex')}"`

beforeAll(async () => {
  api = await serve()
  await api.jobs.work()
  const created = await api.create()
  jobId = created.jobId
  const { context, finish } = await api.handler(jobId)
  await context.files.save('fox.txt', text)
  await context.files.save('big.bin', big)
  await context.files.save('empty.txt', '')
  await context.files.save('page.html', '<script>alert(1)</script>')
  await context.files.save('Ж 100% "fun" (é)\u05d0.pdf', 'pdf')
  finish()
  await api.call(`/${jobId}`, { headers: { prefer: 'wait=10' } })
})
afterAll(async () => {
  const closed = api.close()
  await api.clock.advance(25_000)
  await closed
})

const get = (name: string, init: RequestInit & { as?: string } = {}) => api.call(`/${jobId}/files/${name}`, init)

describe('GET /{jobId}/files/{name}', () => {
  it('responds with the file', async () => {
    const response = await get('fox.txt')
    expect([response.status, await response.text()]).toEqual([200, text])
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '44',
      etag: etag(text),
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
      'content-disposition': `inline; filename="fox.txt"; filename*=UTF-8''fox.txt`,
      'x-content-type-options': 'nosniff',
    })
  })

  it('sends a large file whole', async () => {
    const response = await get('big.bin')
    expect(response.headers.get('content-length')).toBe(String(big.length))
    expect(Buffer.from(await response.arrayBuffer()).equals(big)).toBe(true)
  })

  it('sends an empty file', async () => {
    const response = await get('empty.txt')
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '0', ''])
  })

  it('names the file in any characters, and in ASCII', async () => {
    const job = await api.jobs.get(jobId, { owner: 'alice' })
    const response = await api.call(job?.files?.at(-1)?.url ?? '')
    expect([response.status, await response.text()]).toEqual([200, 'pdf'])
    expect(response.headers.get('content-disposition')).toBe(
      `inline; filename="_ 100_ _fun_ (_)_.pdf"; filename*=UTF-8''%D0%96%20100%25%20%22fun%22%20%28%C3%A9%29%D7%90.pdf`,
    )
  })

  it('never runs a script on the origin of the API', async () => {
    const { headers } = await get('page.html')
    expect(headers.get('content-disposition')).toMatch(/^attachment;/)
    expect(headers.get('content-security-policy')).toBe("sandbox; default-src 'none'")
  })

  it('HEAD has the same fields, without the body', async () => {
    const response = await get('fox.txt', { method: 'HEAD', headers: { range: 'bytes=0-3' } })
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '44', ''])
  })

  it.each([
    ['bytes=0-3', 'The ', '0-3'],
    ['bytes=40-', 'dog.', '40-43'],
    ['bytes=-4', 'dog.', '40-43'],
    ['bytes=-100', text, '0-43'],
    ['bytes=43-1000', '.', '43-43'],
    ['BYTES=0-0', 'T', '0-0'],
  ])('Range: %s', async (range, part, content) => {
    const response = await get('fox.txt', { headers: { range } })
    expect([response.status, await response.text()]).toEqual([206, part])
    expect([response.headers.get('content-range'), response.headers.get('content-length')]).toEqual([
      `bytes ${content}/44`,
      String(part.length),
    ])
  })

  it.each(['bytes=44-', 'bytes=1000-2000', 'bytes=-0'])('Range: %s is beyond the file', async (range) => {
    const response = await get('fox.txt', { headers: { range } })
    expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */44'])
    expect((await get('empty.txt', { headers: { range } })).status).toBe(416)
  })

  it.each(['bytes=3-0', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=a-b', 'bytes=-', '0-3', `bytes=0-${'9'.repeat(30)}`])(
    'Range: %s is ignored',
    async (range) => {
      expect((await get('fox.txt', { headers: { range } })).status).toBe(200)
    },
  )

  it('If-Range gives the part only of the known file', async () => {
    const range = 'bytes=0-3'
    const ask = async (ifRange: string) => (await get('fox.txt', { headers: { range, 'if-range': ifRange } })).status
    expect(await ask(etag(text))).toBe(206)
    for (const other of [etag('x'), `W/${etag(text)}`, 'Sat, 01 Jan 2000 00:00:00 GMT'])
      expect(await ask(other)).toBe(200)
  })

  it('If-None-Match', async () => {
    const ask = async (tag: string) => (await get('fox.txt', { headers: { 'if-none-match': tag } })).status
    for (const known of [
      etag(text),
      `W/${etag(text)}`,
      `"x", ${etag(text)}`,
      '*',
      etag(text).replace(/"$/, '-gzip"'),
    ]) {
      expect([known, await ask(known)]).toEqual([known, 304])
    }
    expect(await ask(etag('x'))).toBe(200)
  })

  it.each([
    'other.txt',
    'fox.txt%00',
    '%2e%2e%2ffox.txt',
    '..%2f..%2fjobs.db',
    '%5c..',
    '%',
    '%ff',
    'FOX.TXT',
    'x'.repeat(300),
    encodeURIComponent('\u202e'),
  ])('there is no file %s', async (name) => {
    const response = await get(name)
    expect([response.status, (await body(response)).type]).toEqual([404, 'urn:uketsuke:problem:not-found'])
  })

  it('of a foreign and of an absent job are the same', async () => {
    const foreign = await get('fox.txt', { as: 'bob' })
    const absent = await api.call(`/${'0'.repeat(26)}/files/fox.txt`, { as: 'bob' })
    expect([foreign.status, await foreign.text()]).toEqual([404, await absent.text()])
    expect((await get('fox.txt', { as: '' })).status).toBe(401)
    expect((await get('fox.txt', { as: 'writer' })).status).toBe(403)
  })

  it('there are none before the job has completed', async () => {
    const { jobId: running } = await api.create()
    const { context, fail } = await api.handler(running)
    await context.files.save('a', 'x')
    expect((await api.call(`/${running}/files/a`)).status).toBe(404)
    fail(new Error('over'))
  })

  it('a client that leaves in the middle frees the file', async () => {
    const reader = (await get('big.bin')).body?.getReader()
    await reader?.read()
    await reader?.cancel()
    expect((await get('big.bin')).status).toBe(200)
  })
})

describe('POST /{jobId}/files/{name}/link', () => {
  const link = async (name = 'fox.txt') =>
    (await (await get(`${name}/link`, { method: 'POST' })).json()) as { url: string; expiresAt: string }

  it('gives this one file, without a credential, for 15 minutes', async () => {
    const { url, expiresAt } = await link()
    expect(Date.parse(expiresAt) - api.clock.now()).toBe(15 * 60_000)
    const response = await api.call(url, { as: '' })
    expect([response.status, await response.text()]).toEqual([200, text])
    expect((await api.call(url.replace('fox.txt', 'big.bin'), { as: '' })).status).toBe(401)
    expect((await api.call(url.replace('/files/fox.txt', ''), { as: '' })).status).not.toBe(200)
    await api.clock.jump(15 * 60_000)
    expect((await api.call(url, { as: '' })).status).toBe(401)
  })

  it('is refused to those who may not read the job', async () => {
    expect((await get('fox.txt/link', { method: 'POST', as: 'bob' })).status).toBe(404)
    expect((await get('fox.txt/link', { method: 'POST', as: 'writer' })).status).toBe(403)
    expect((await get('other.txt/link', { method: 'POST' })).status).toBe(404)
    expect((await api.call(`/${jobId}/files/fox.txt?ticket=x`, { as: '' })).status).toBe(401)
  })

  it('a stream ticket is not a link, and a link is not a stream ticket', async () => {
    const { ticket } = await body(await api.call(`/${jobId}/stream-ticket`, { method: 'POST' }))
    expect((await api.call(`/${jobId}/files/fox.txt?ticket=${ticket}`, { as: '' })).status).toBe(401)
    const { url } = await link()
    const taken = new URL(url, 'http://x').searchParams.get('ticket')
    expect((await api.call(`/${jobId}/stream?ticket=${taken}`, { as: '' })).status).toBe(401)
  })
})

it('dot segments never reach another path', async () => {
  const path = `/api/jobs/${jobId}/files/../../../../etc/passwd`
  const answer = await raw(
    api.port,
    `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice\r\nConnection: close\r\n\r\n`,
  )
  expect(answer.status).toBe(404)
})
