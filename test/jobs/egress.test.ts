import { lookup } from 'node:dns/promises'
import { once, setMaxListeners } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Server, createServer as tcpServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, type JobsOptions, job } from '../../packages/uketsuke/src/index.ts'
import { destinations } from '../../packages/uketsuke/src/notify/destinations.ts'
import { createWebhookClient } from '../../packages/uketsuke/src/notify/webhook-client.ts'
import { startDns, type Zone } from '../servers/dns.ts'
import { until } from '../until.ts'
import { atEnd, open } from './setup.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const quick = job({ input: z.object({}), run: () => 'done' })

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => new Promise((resolve) => server.close(() => resolve())))
  return (server.address() as AddressInfo).port
}

/** A receiver on loopback that counts its connections. */
async function receiver() {
  let connections = 0
  const server = createServer((_, response) => {
    response.writeHead(204, { connection: 'close' }).end()
  })
  server.on('connection', () => connections++)
  return { port: await listening(server), connections: () => connections }
}

async function nameServer(zone: Zone) {
  const dns = await startDns(zone)
  atEnd(() => dns.stop())
  return dns
}

type Webhooks = NonNullable<JobsOptions<never>['webhooks']>

/** Returns the result of a webhook to `url` after one attempt. */
async function deliver(url: string, webhooks: Omit<Webhooks, 'secret'>) {
  const { jobs, clock } = open({ quick }, { webhooks: { secret, ...webhooks } })
  await jobs.work()
  const { jobId } = await jobs.enqueue('quick', {}, { webhookUrl: url })
  const tried = (attempt: number) =>
    until(async () => {
      await clock.advance(0)
      const [one] = await jobs.deliveries(jobId, { owner: allOwners })
      return one && one.attempts.length >= attempt ? one : null
    })
  return { clock, tried, first: await tried(1) }
}

const inside = [
  ['loopback', ['127.0.0.1']],
  ['loopback in IPv6', ['::1']],
  ['a private network', ['10.1.2.3']],
  ['a metadata service', ['169.254.169.254']],
  ['Azure’s metadata service', ['168.63.129.16']],
  ['an address mapped into IPv6', ['::ffff:7f00:1']],
  ['NAT64', ['64:ff9b::7f00:1']],
  ['6to4', ['2002:7f00:1::']],
  ['a public and a private address', ['93.184.216.34', '127.0.0.1']],
  ['a public IPv4 and a private IPv6 address', ['93.184.216.34', 'fd00::1']],
] as const

describe('a name that resolves to a private address', () => {
  it.each(inside)('is not called: %s', async (_, addresses) => {
    const to = await receiver()
    const dns = await nameServer({ 'hook.attacker.com': [addresses] })
    const { first } = await deliver(`http://hook.attacker.com:${to.port}/`, {
      ports: [to.port],
      nameServers: [dns.address],
    })
    expect(first).toMatchObject({ status: 'failed', error: { code: 'webhook-url-forbidden', retryable: false } })
    expect(to.connections()).toBe(0)
  })

  it('is resolved once per attempt, so that it cannot change between the check and the connection', async () => {
    const to = await receiver()
    const dns = await nameServer({ 'hook.attacker.com': [['127.0.0.1'], ['169.254.169.254']] })
    const rules = { allowPrivateNetworks: true, ports: [to.port], nameServers: [dns.address] }
    const { first } = await deliver(`http://hook.attacker.com:${to.port}/`, rules)
    expect(first.status).toBe('completed')
    expect(dns.asked.filter((one) => one.startsWith('A '))).toEqual(['A hook.attacker.com'])
    expect(to.connections()).toBe(1)
  })

  it('is rejected at a later attempt, after it resolved to a public address before', async () => {
    const refusing = createServer((_, response) => void response.writeHead(500, { connection: 'close' }).end())
    const port = await listening(refusing)
    const dns = await nameServer({ 'hook.attacker.com': [['127.0.0.1'], ['169.254.169.254']] })
    const rules = { allowPrivateNetworks: true, ports: [port], nameServers: [dns.address] }
    const { first, tried, clock } = await deliver(`http://hook.attacker.com:${port}/`, rules)
    expect(first).toMatchObject({ status: 'pending', error: { code: 'webhook-refused' } })
    await clock.advance(7_000)
    expect(await tried(2)).toMatchObject({ status: 'failed', error: { code: 'webhook-url-forbidden' } })
  })

  it('may resolve to a private address if it is in allowHosts, but never to a metadata service', async () => {
    const to = await receiver()
    const { first } = await deliver(`http://localhost:${to.port}/`, { allowHosts: [`localhost:${to.port}`] })
    expect(first.status).toBe('completed')
    const rules = destinations({ allowHosts: ['hook.internal:80'], allowPrivateNetworks: true })
    const url = new URL('http://hook.internal/')
    expect(rules.refuseAddress(url, '10.0.0.1')).toBeNull()
    for (const never of ['169.254.169.254', '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', 'fe80::1', 'fd00:ec2::254'])
      expect(rules.refuseAddress(url, never), never).toMatch(/never/)
  })
})

it('internal names are looked up as the machine does where private networks are allowed', async () => {
  const to = await receiver()
  const dns = await nameServer({})
  const rules = { allowPrivateNetworks: true, ports: [to.port], nameServers: [dns.address] }
  const { first } = await deliver(`http://localhost:${to.port}/`, rules)
  expect(first.status).toBe('completed')
  expect(dns.asked).toEqual([])
})

it('what is refused here opens no circuit breaker: each webhook ends at once', async () => {
  const dns = await nameServer({ 'hook.attacker.com': [['127.0.0.1']] })
  const { jobs, clock } = open({ quick }, { webhooks: { secret, nameServers: [dns.address] } })
  await jobs.work()
  const made = await jobs.enqueueMany('quick', Array(12).fill({}), { webhookUrl: 'https://hook.attacker.com/' })
  const ended = await until(
    async () => {
      await clock.advance(0)
      const all = await Promise.all(made.map(({ jobId }) => jobs.deliveries(jobId, { owner: allOwners })))
      return all.flat().length === 12 && all.flat().every(({ status }) => status === 'failed') ? all.flat() : null
    },
    'all twelve end',
    { ms: 5_000 },
  )
  expect(new Set(ended.map(({ error }) => error?.code))).toEqual(new Set(['webhook-url-forbidden']))
})

const send = (url: string, options: Parameters<typeof createWebhookClient>[0]) => {
  const { post, close } = createWebhookClient(options)
  atEnd(close)
  return post(new URL(url), {}, '{}', new AbortController().signal)
}

it('an unresponsive DNS server does not delay other lookups of this process', async () => {
  const zone = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}.slow.com`, [null]]))
  const dns = await nameServer(zone)
  const { post, close } = createWebhookClient({ rules: destinations(), nameServers: [dns.address] })
  atEnd(close)
  const ended: string[] = []
  const left = new AbortController()
  setMaxListeners(50, left.signal)
  const posts = Object.keys(zone).map((name) =>
    post(new URL(`https://${name}/`), {}, '{}', left.signal).catch((error: Error) => void ended.push(error.name)),
  )
  await until(() => new Set(dns.asked).size === 80)
  expect((await lookup('localhost')).address).toMatch(/127|::1/)
  expect(ended).toEqual([])
  left.abort()
  await Promise.all(posts)
  expect(ended).toHaveLength(40)
})

it('a closed port and an unresponsive host are indistinguishable to the owner', async () => {
  const closed = tcpServer()
  const port = await listening(closed)
  await new Promise((resolve) => closed.close(resolve))
  const refused = await deliver(`http://127.0.0.1:${port}/`, { allowHosts: [`127.0.0.1:${port}`] })
  expect(refused.first.error?.message).toBe('The webhook receiver could not be reached.')
  expect(refused.first.error?.thrown).toMatch(/ECONNREFUSED/)
})

describe('a proxy', () => {
  async function proxy() {
    const tunnels: string[] = []
    const server = createServer()
    server.on('connect', (request, socket) => {
      tunnels.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim())
      const [host, port] = String(request.url).split(':')
      const onward = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        onward.pipe(socket).pipe(onward)
      })
      for (const one of [onward, socket])
        one.on('error', () => {}).on('close', () => void [onward, socket].map((s) => s.destroy()))
    })
    return { url: `http://user:p%40ss@127.0.0.1:${await listening(server)}`, tunnels }
  }

  it('gets a CONNECT to the validated address', async () => {
    const [to, via, dns] = [await receiver(), await proxy(), await nameServer({ 'hook.customer.com': [['127.0.0.1']] })]
    const rules = { allowPrivateNetworks: true, ports: [to.port], nameServers: [dns.address], proxy: via.url }
    const { first } = await deliver(`http://hook.customer.com:${to.port}/`, rules)
    expect(first.status).toBe('completed')
    expect(via.tunnels).toEqual([`127.0.0.1:${to.port} Basic ${Buffer.from('user:p@ss').toString('base64')}`])
  })

  it('gets no request for a forbidden address', async () => {
    const [via, dns] = [await proxy(), await nameServer({ 'hook.customer.com': [['10.0.0.1']] })]
    const options = { rules: destinations(), nameServers: [dns.address], proxy: new URL(via.url) }
    await expect(send('http://hook.customer.com/', options)).rejects.toMatchObject({ code: 'webhook-url-forbidden' })
    expect(via.tunnels).toEqual([])
  })

  it('from the environment is ignored', async () => {
    const [to, via] = [await receiver(), await proxy()]
    process.env.HTTP_PROXY = via.url
    atEnd(() => void delete process.env.HTTP_PROXY)
    const rules = destinations({ allowHosts: [`127.0.0.1:${to.port}`] })
    expect((await send(`http://127.0.0.1:${to.port}/`, { rules })).status).toBe(204)
    expect(via.tunnels).toEqual([])
  })
})
