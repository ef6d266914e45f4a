import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { allOwners, createJobs, job, type Log, silentLog } from '../../packages/uketsuke/src/index.ts'
import { type PostgresOptions, postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { atEnd } from '../jobs/setup.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { BadNetwork } from '../servers/proxy.ts'
import { until } from '../until.ts'

let server: PostgresServer
let network: BadNetwork
beforeAll(async () => {
  server = await startPostgres()
  network = await BadNetwork.to(server.port)
}, 60_000)
afterAll(async () => {
  await network.close()
  await server.stop()
})

let schemas = 0
async function serve(options: PostgresOptions = {}, acceptTimeout = 5_000) {
  const schema = `d${++schemas}`
  const ran: string[] = []
  const lines: string[] = []
  const log: Log = { ...silentLog, error: (_, line) => void lines.push(line), child: () => log }
  const connectionString = server.url().replace(`:${server.port}`, `:${network.port}`)
  const jobs = createJobs({
    jobs: {
      once: job({ input: z.any(), maxAttempts: 1, run: ({ jobId }) => void ran.push(jobId) }),
    },
    store: postgres({ connectionString, schema, ...options }),
    authenticate: () => ({ owner: 'ann' }),
    limits: { acceptTimeout },
    log,
  })
  await jobs.ready()
  const http = createServer(nodeListener(jobs)).listen(0, '127.0.0.1')
  await until(() => http.listening)
  atEnd(async () => {
    await jobs.close()
    http.closeAllConnections()
    http.close()
  })
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/api/jobs`
  const post = async (key?: string) => {
    const began = performance.now()
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      ...(key && { 'idempotency-key': key }),
    }
    const answer = await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ type: 'once', input: { n: 1 } }),
    })
    return {
      status: answer.status,
      ms: performance.now() - began,
      body: (await answer.json()) as Record<string, unknown>,
    }
  }
  return { jobs, schema, url, ran, lines, post }
}

/** Another session holds a lock on the jobs table until the returned function is called. */
async function lock(schema: string, mode: string): Promise<() => Promise<unknown>> {
  const marker = `lock of ${schema}`
  const holder = server.query(
    `SET application_name = '${marker}'; BEGIN; LOCK TABLE ${schema}.jobs IN ${mode} MODE; SELECT pg_sleep(60); COMMIT`,
  )
  holder.catch(() => {})
  const granted = `SELECT FROM pg_locks WHERE mode = '${mode.replaceAll(' ', '').toLowerCase()}lock'`
  await until(async () => (await server.query(granted.replace('mode =', 'lower(mode) ='))).rowCount)
  return async () => {
    await server.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${marker}'`)
    await holder.catch(() => {})
  }
}

const stored = async (schema: string) => (await server.query(`SELECT count(*)::int AS n FROM ${schema}.jobs`)).rows[0].n

test('decides each POST within its deadline while another session locks the table; a 503 has stored nothing', async () => {
  const { jobs, schema, post } = await serve()
  const unlock = await lock(schema, 'ACCESS EXCLUSIVE')
  const first = Array.from({ length: 6 }, (_, i) => post(i % 2 ? `key-${i}` : undefined))
  const many = jobs.enqueueMany('once', [{}, {}], { owner: 'ann' }).catch((error: Error) => error)
  // Later requests queue behind the blocked statement.
  const blocked = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT%'`
  await until(async () => (await server.query(blocked)).rowCount)
  const answers = await Promise.all([...first, post(), post('key-9')])
  for (const { status, ms, body } of answers) {
    expect([status, body.outcome]).toEqual([503, undefined])
    expect(ms).toBeLessThan(5_500)
  }
  expect(await many).toMatchObject({ code: 'temporarily-unavailable', outcome: undefined })
  // No statement that could still commit is left in the server.
  const active = `SELECT FROM pg_stat_activity WHERE state = 'active' AND application_name LIKE 'uketsuke%' AND query LIKE '%INSERT%'`
  expect((await server.query(active)).rowCount).toBe(0)
  await unlock()
  expect(await stored(schema)).toBe(0)
  expect((await post('key-1')).status).toBe(202)
  expect(await stored(schema)).toBe(1)
})

test('responds with an unknown outcome and the job id when the server does not answer in time', async () => {
  const { schema, url, post } = await serve()
  await post()
  // The server is reachable but silent; it may still execute what was sent.
  network.silence()
  const { status, ms, body } = await post()
  expect([status, body]).toMatchObject([503, { outcome: 'unknown', jobId: expect.stringMatching(/^\w{26}$/) }])
  expect(ms).toBeLessThan(5_500)
  network.restore()
  await until(async () => (await fetch(`${url}/${body.jobId}`)).status !== 503)
  const asked = await fetch(`${url}/${body.jobId}`)
  expect(asked.status).toBe((await stored(schema)) === 2 ? 200 : 404)
})

test('cancels a claim that takes too long in the server, and its jobs run', async () => {
  const { jobs, schema, ran } = await serve({ statementTimeout: 1_000 })
  const made = await jobs.enqueueMany(
    'once',
    Array.from({ length: 20 }, () => ({})),
    { owner: 'ann' },
  )
  const unlock = await lock(schema, 'SHARE')
  const worker = await jobs.work()
  const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'uketsuke%'`
  await until(async () => (await server.query(waiting)).rowCount)
  // The server cancels the statement, and the worker retries it.
  await until(async () => (await server.query(waiting)).rowCount === 0)
  await unlock()
  await until(() => ran.length === 20)
  // The last handlers have returned, and their outcomes are on their way: a stop waits for them.
  await worker.stop()
  for (const { jobId } of made)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'completed', attempt: 1 })
})

test('finds a claim whose response was lost by its token: its jobs run on their first attempt', async () => {
  const { jobs, schema, ran, lines } = await serve({ statementTimeout: 1_000, connectTimeout: 500 })
  await jobs.enqueueMany(
    'once',
    Array.from({ length: 6 }, () => ({})),
    { owner: 'ann' },
  )
  // The response arrives after the notification that the insert triggers.
  await jobs.list({ owner: 'ann' })
  // The server executes the worker’s first statement. Its response is lost with the connection, and no new one can be opened.
  network.loseAnswers()
  network.refuse()
  const worker = await jobs.work()
  const running = `SELECT FROM ${schema}.jobs WHERE status = 'running'`
  await until(async () => (await server.query(running)).rowCount)
  // Wait until the worker gives up the claim and logs it.
  await until(() => lines.some((line) => line.includes('claiming jobs failed')))
  expect(ran).toEqual([])
  network.restore()
  await until(async () => ran.length === 6)
  const ended = `SELECT FROM ${schema}.jobs WHERE status = 'completed' AND attempt = 1`
  await until(async () => (await server.query(ended)).rowCount === 6)
  expect(new Set(ran).size).toBe(6)
  await worker.stop()
}, 90_000)
