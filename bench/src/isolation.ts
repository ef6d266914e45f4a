/**
 * Four handlers that compute for 2 seconds each, in threads on two cores, while 1,000 clients follow jobs and others create some: how long
 * does a 202 take, and is a lease lost? `node bench/dist/isolation.js [seconds]` prints it. Without isolation, `--together`, to compare.
 */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, createServer, get, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { allOwners, createJobs, job, silentLog, sqlite } from 'uketsuke'
import { nodeListener } from 'uketsuke/node'
import { z } from 'zod'
import compute from './compute.js'

const [readers, computing, followed] = [1_000, 4, 20]
const seconds = Number(process.argv[2] ?? 20)
const together = process.argv.includes('--together')

/** The server and its worker, in a process of their own. */
async function serve(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'uketsuke-isolation-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const input = z.object({}).loose()
  const where = together
    ? { run: compute }
    : { isolation: 'thread' as const, run: new URL('./compute.js', import.meta.url) }
  let over = false
  const jobs = createJobs({
    jobs: {
      compute: job({ input, maxAttempts: 10, ...where }),
      quick: job({ input, run: () => null }),
      followed: job({
        input,
        async run({ progress }) {
          for (let n = 0; !over; n++) {
            progress(n % 99, `${n}`)
            await new Promise((resolve) => setTimeout(resolve, 1_000))
          }
        },
      }),
    },
    store: sqlite(join(folder, 'jobs.db')),
    lease: 3_000,
    log: silentLog,
    authenticate: () => ({ owner: 'ann' }),
  })
  const server = createServer(nodeListener(jobs)).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  await jobs.work({ concurrency: computing + followed + 10 })
  process.send?.({ port: (server.address() as AddressInfo).port })
  process.on('message', async () => {
    over = true
    const computed = await jobs.list({ owner: allOwners, type: 'compute', limit: 100 })
    const lost = computed.items.filter(({ attempt }) => attempt > 1).length
    process.send?.({ computed: computed.items.filter(({ status }) => status === 'completed').length, lost }, () =>
      process.exit(),
    )
  })
}

async function measure(): Promise<void> {
  const server = fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
    env: { ...process.env, ROLE: 'server' },
  })
  const told = () => new Promise<Record<string, number>>((resolve) => server.once('message', resolve))
  const { port = 0 } = await told()
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  const post = (type: string) =>
    new Promise<{ jobId: string; ms: number }>((resolve, reject) => {
      const began = performance.now()
      const headers = { 'content-type': 'application/json' }
      const asked = request(
        { port, host: '127.0.0.1', path: '/api/jobs', method: 'POST', headers, agent },
        (response) => {
          let body = ''
          response.on('data', (chunk) => (body += chunk))
          response.on('end', () => resolve({ jobId: JSON.parse(body).jobId, ms: performance.now() - began }))
        },
      )
      asked.on('error', reject)
      asked.end(JSON.stringify({ type, input: {} }))
    })
  const ids: string[] = []
  for (let i = 0; i < followed; i++) ids.push((await post('followed')).jobId)
  let events = 0
  for (let i = 0; i < readers; i++) {
    get({ port, host: '127.0.0.1', path: `/api/jobs/${ids[i % followed]}/stream`, agent: false }, (response) => {
      response.on('data', () => events++)
      response.on('error', () => {})
    }).on('error', () => {})
  }
  const end = performance.now() + seconds * 1_000
  const took: number[] = []
  for (let n = 0; performance.now() < end; n++) {
    // Four at a time, for two seconds each.
    if (n % 100 === 0) await Promise.all(Array.from({ length: computing }, () => post('compute')))
    took.push((await post('quick')).ms)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const result = told()
  server.send('over')
  took.sort((a, b) => a - b)
  const at = (part: number) => (took[Math.floor(part * (took.length - 1))] ?? Number.NaN).toFixed(1)
  console.log({
    isolation: together ? 'none' : 'thread',
    posts: took.length,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    events,
    ...(await result),
  })
  process.exit()
}

if (process.env.ROLE === 'server') await serve()
else await measure()
