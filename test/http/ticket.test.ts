import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Events } from './raw.ts'
import { body, type Serving, serve } from './server.ts'

let api: Serving
beforeEach(async () => {
  api = await serve()
})
afterEach(() => api.close())

interface Ticket {
  ticket: string
  expiresAt: string
  streamUrl: string
}

async function issue(jobId: string, as = 'alice'): Promise<Ticket> {
  const response = await api.post(`/${jobId}/stream-ticket`, '', { as })
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
  return (await response.json()) as Ticket
}

const status = async (path: string) => (await api.call(path, { as: '' })).status

describe('a stream ticket', () => {
  it('opens the stream of its job without headers, any number of times', async () => {
    const { jobId } = await api.create()
    const { streamUrl, expiresAt } = await issue(jobId)
    expect(expiresAt).toBe(new Date(api.clock.now() + 15 * 60_000).toISOString())
    for (let n = 0; n < 2; n++) {
      const events = new Events(await api.call(streamUrl, { as: '' }))
      expect(await events.event()).toMatchObject({ type: 'job.snapshot', data: { jobId } })
      await events.leave()
    }
  })

  it('gives no other access', async () => {
    const { jobId } = await api.create()
    const { jobId: other } = await api.create()
    const { ticket } = await issue(jobId)
    expect(await status(`/${other}/stream?ticket=${ticket}`)).toBe(401)
    expect(await status(`/${jobId}?ticket=${ticket}`)).toBe(401)
    expect(await status(`?ticket=${ticket}`)).toBe(401)
    expect((await api.post(`/${jobId}/cancel?ticket=${ticket}`, '', { as: '' })).status).toBe(401)
    expect((await api.call(`/${jobId}?ticket=${ticket}`)).status).toBe(400)
  })

  it('expires after 15 minutes', async () => {
    const { jobId } = await api.create()
    const { streamUrl } = await issue(jobId)
    await api.clock.advance(15 * 60_000)
    const response = await api.call(streamUrl, { as: '' })
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    expect(await body(response)).toMatchObject({ type: 'urn:uketsuke:problem:unauthorized' })
  })

  it('cannot be forged', async () => {
    const { jobId } = await api.create(undefined, 'bob')
    const { ticket: valid } = await issue(jobId, 'bob')
    const bytes = Buffer.from(valid, 'base64url')
    const flipped = [...bytes.keys()].map((i) => {
      const copy = Buffer.from(bytes)
      copy[i] = (copy[i] ?? 0) ^ 1
      return copy.toString('base64url')
    })
    const plain = Buffer.from(JSON.stringify([jobId, 'alice', 9e15])).toString('base64url')
    const cut = [valid.slice(0, -1), valid.slice(1), valid.slice(0, 37), valid.slice(0, 38)]
    for (const ticket of [
      '',
      'x',
      '.',
      plain,
      `${plain}.${plain}`,
      `${valid}x`,
      `${valid}.`,
      `${valid}=`,
      ...cut,
      ...flipped,
    ]) {
      expect(await status(`/${jobId}/stream?ticket=${ticket}`), ticket).toBe(401)
    }
    expect(await status(`/${jobId}/stream?ticket=a&ticket=b`)).toBe(400)
    expect((await api.call(`/${jobId}/stream?ticket=x`, { as: 'bob' })).status).toBe(401)
  })

  it('requires the owner and the read scope', async () => {
    const { jobId } = await api.create()
    expect((await api.post(`/${jobId}/stream-ticket`, '', { as: 'bob' })).status).toBe(404)
    expect((await api.post(`/${jobId}/stream-ticket`, '', { as: 'writer' })).status).toBe(403)
    expect((await issue(jobId, 'reader')).ticket).toMatch(/./)
  })

  it('never appears in a log', async () => {
    const { jobId } = await api.create()
    const { streamUrl, ticket } = await issue(jobId)
    api.store.get = () => Promise.reject(new Error('down'))
    expect((await api.call(streamUrl, { as: '' })).status).toBe(500)
    expect(JSON.stringify(api.lines)).toContain('/stream')
    expect(JSON.stringify(api.lines)).not.toContain(ticket)
  })
})
