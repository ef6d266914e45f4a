import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { createJobs, job, silentLog } from '../../packages/uketsuke/src/index.ts'
import { type PostgresOptions, postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { endAll, openStream, post, receiver, type Seen, secret, status } from '../crash/support.ts'
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
  await endAll()
  await network.close()
  await server.stop()
})

let schemas = 0
/** Starts an API on a new schema; `jobs.work()` adds a worker. */
async function serve(options: PostgresOptions = {}, allowHosts: string[] = []) {
  const schema = `s${++schemas}`
  const connectionString = server.url().replace(`:${server.port}`, `:${network.port}`)
  const jobs = createJobs({
    jobs: { double: job({ input: z.object({ n: z.number() }), run: ({ input }) => input.n * 2 }) },
    store: postgres({ connectionString, schema, ...options }),
    authenticate: () => ({ owner: 'alice' }),
    webhooks: { secret, allowHosts },
    log: silentLog,
  })
  await jobs.ready()
  const http = createServer(nodeListener(jobs)).listen(0, '127.0.0.1')
  await until(() => http.listening)
  atEnd(async () => {
    await jobs.close()
    http.closeAllConnections()
    http.close()
  })
  return { jobs, schema, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/api/jobs` }
}

async function expectNotNow(answer: Response): Promise<void> {
  expect(answer.status).toBe(503)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  const text = await answer.text()
  expect(JSON.parse(text)).toMatchObject({ type: 'urn:uketsuke:problem:temporarily-unavailable' })
  expect(text).not.toMatch(/127\.0\.0\.1|super|secret|postgres/i)
}

const count = async (schema: string) => (await server.query(`SELECT count(*)::int FROM ${schema}.jobs`)).rows[0].count

test('responds with 503 after a timeout when the pool is exhausted, and recovers', async () => {
  const { url, schema } = await serve({ max: 2, connectTimeout: 500 })
  const { jobId } = (await (await post(url, 'double', { n: 1 })).json()) as Seen
  const locks = `SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted`
  const holder = server.query(`BEGIN; LOCK TABLE ${schema}.jobs; SELECT pg_sleep(4); COMMIT`)
  await until(async () => (await server.query(locks)).rowCount)
  // These two requests hold all connections of the pool.
  const waiting = [1, 2].map(() => status(url, jobId))
  const held = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`
  await until(async () => (await server.query(held)).rowCount === 2)
  const began = performance.now()
  const refused = await Promise.all([post(url, 'double', { n: 2 }, { key: 'k' }), fetch(`${url}/${jobId}`)])
  expect(performance.now() - began).toBeLessThan(3_000)
  for (const answer of refused) await expectNotNow(answer)
  await holder
  expect((await Promise.all(waiting)).map((seen) => seen.jobId)).toEqual([jobId, jobId])
  // The rejected request stored neither its job nor its key.
  expect((await post(url, 'double', { n: 2 }, { key: 'k' })).status).toBe(202)
  expect(await count(schema)).toBe(2)
})

test('recovers the result when the server stops during a commit; a key creates one job', async () => {
  const { url, schema } = await serve({ max: 2 })
  for (const key of [undefined, 'a', 'b']) {
    network.loseAnswers()
    const answer = await post(url, 'double', { n: 1 }, { key })
    expect(answer.status).toBe(202)
    expect(answer.headers.get('idempotent-replayed')).toBeNull()
    const { jobId } = (await answer.json()) as Seen
    if (key === undefined) continue
    const again = await post(url, 'double', { n: 1 }, { key })
    expect([again.headers.get('idempotent-replayed'), ((await again.json()) as Seen).jobId]).toEqual(['true', jobId])
  }
  expect(await count(schema)).toBe(3)
})

test('responds with 503 while the database is down, and with 200 and a retry delay to reconnecting streams', async () => {
  const { url, schema } = await serve()
  const { jobId } = (await (await post(url, 'double', { n: 1 })).json()) as Seen
  const open = (last?: number) => openStream(url, jobId, last, AbortSignal.timeout(20_000))
  const stream = await open()
  await server.kill()
  try {
    const began = performance.now()
    const answers = await Promise.all([post(url, 'double', { n: 2 }), fetch(`${url}/${jobId}`), open()])
    expect(performance.now() - began).toBeLessThan(12_000)
    for (const answer of answers) await expectNotNow(answer)
    const back = await open(1)
    expect([back.status, await back.text()]).toEqual([200, expect.stringMatching(/^retry: \d+\n\n$/)])
  } finally {
    await server.start()
  }
  await until(async () => (await post(url, 'double', { n: 3 }, { key: 'k' })).status === 202)
  expect(await count(schema)).toBe(2)
  await stream.body?.cancel()
}, 90_000)

test('an outcome that the database rejects ends only its job, with outcome-rejected', async () => {
  const { jobs, url, schema } = await serve()
  await server.query(`ALTER TABLE ${schema}.ended ADD CONSTRAINT small CHECK (output <> '4')`)
  const ids: string[] = []
  for (let n = 0; n < 5; n++) ids.push(((await (await post(url, 'double', { n })).json()) as Seen).jobId)
  await jobs.work()
  const ended = await until(async () => {
    const seen = await Promise.all(ids.map((id) => status(url, id)))
    return seen.every(({ completedAt }) => completedAt) ? seen : null
  })
  expect(ended.map(({ status, attempt }) => `${status} ${attempt}`)).toEqual(
    ids.map((_, n) => (n === 2 ? 'failed 1' : 'completed 1')),
  )
  expect(ended[2]).toMatchObject({ error: { code: 'outcome-rejected', retryable: false } })
  expect(JSON.stringify(ended[2])).not.toContain('constraint')
})

test('an unreadable row fails alone with code corrupt, and its batch continues', async () => {
  const hook = await receiver()
  const { jobs, url, schema } = await serve({}, [hook.host])
  const ids: string[] = []
  for (let n = 0; n < 4; n++) {
    const answer = await post(url, 'double', { n }, { webhookUrl: hook.url })
    ids.push(((await answer.json()) as Seen).jobId)
  }
  // One job has a truncated input, and one an unreadable last error.
  await server.query(`UPDATE ${schema}.accepted SET input = '{"n":' WHERE id = '${ids[1]}'`)
  await server.query(`UPDATE ${schema}.pending SET last_error = 'torn' WHERE id = '${ids[2]}'`)
  await jobs.work()
  await until(() => hook.received.length === 4)
  const ended = await Promise.all(ids.map((id) => status(url, id)))
  const corrupt = { status: 'failed', attempt: 1, error: { code: 'corrupt', retryable: false } }
  expect(ended).toMatchObject([
    { status: 'completed', output: 0 },
    corrupt,
    corrupt,
    { status: 'completed', output: 6 },
  ])
  for (const [i, { jobId, version }] of ended.entries()) {
    expect(hook.received.find(({ data }) => data.jobId === jobId)).toMatchObject({
      type: `job.${ended[i]?.status}`,
      data: { version },
      valid: true,
    })
  }
})

test('a damaged row does not affect others; an invalid owner is rejected', async () => {
  const { jobs, schema, url } = await serve()
  const worker = await jobs.work()
  const owner = 'alice'
  const made = await jobs.enqueueMany('double', [{ n: 1 }, { n: 2 }, { n: 3 }], { owner })
  const ids = made.map(({ jobId }) => jobId)
  const ended = async () => (await jobs.list({ owner, status: 'completed' })).items.length
  await until(async () => (await ended()) === 3)
  await worker.stop()
  const huge = '9000000000000000000'
  for (const damage of [
    "accepted SET metadata = '{', input = '{'",
    "ended SET error = '{', last_error = 'null', output = '{'",
    `ended SET error = '{"code":7,"message":{},"retryable":1}', last_error = '[]'`,
    `accepted SET created_at = ${huge}, run_at = -${huge}, retain_for = ${huge}`,
    `ended SET run_at = -${huge}, started_at = ${huge}, completed_at = -${huge}, expires_at = ${huge}`,
  ]) {
    await server.query(`UPDATE ${schema}.${damage} WHERE id = '${ids[1]}'`)
    expect((await jobs.list({ owner })).items.map(({ jobId }) => jobId)).toEqual(ids.toReversed())
    const answers = ['', `/${ids[1]}?include=input`].map((path) => fetch(url + path))
    expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([200, 200])
    expect(await jobs.attempts(ids[1]!, { owner })).toHaveLength(1)
  }
  const four = await jobs.enqueue('double', { n: 4 }, { owner })
  await jobs.work()
  await until(async () => (await jobs.get(four.jobId, { owner }))?.status === 'completed')
  for (const none of [42, undefined, null, '', 'ann\0', '\uD800']) {
    await expect(jobs.list({ owner: none as never })).rejects.toMatchObject({ code: 'invalid-owner' })
    await expect(jobs.attempts(ids[0]!, { owner: none as never })).rejects.toMatchObject({ code: 'invalid-owner' })
  }
})
