import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { change, lastAttempt } from '../../packages/uketsuke/src/domain/change.ts'
import type { Job, NewJob } from '../../packages/uketsuke/src/domain/job.ts'
import * as rules from '../../packages/uketsuke/src/domain/rules.ts'
import { batched } from '../../packages/uketsuke/src/store/batch-queue.ts'
import { allOwners, type ClaimQuery, type RemoteCommit, type Store } from '../../packages/uketsuke/src/store/port.ts'
import { type PostgresOptions, postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { BadNetwork } from '../servers/proxy.ts'

let server: PostgresServer
let proxy: BadNetwork
beforeAll(async () => {
  server = await startPostgres()
  proxy = await BadNetwork.to(server.port)
}, 60_000)
afterAll(async () => {
  await proxy.close()
  await server.stop()
})

const opened: Store[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()))
})

let schemas = 0
const place = () => `s${++schemas}`
async function open(options: PostgresOptions = {}): Promise<Store> {
  const store = postgres({ connectionString: server.url(), schema: place(), ...options })(systemClock)
  opened.push(store)
  await store.migrate()
  return store
}
const proxied = () => server.url().replace(String(server.port), String(proxy.port))

const asked: ClaimQuery = { queue: 'jobs', types: ['t'], limit: 100, worker: 'w', leaseMs: 30_000 }
const job = (id: string, more: Partial<NewJob> = {}): Job =>
  rules.create({ id, type: 't', owner: 'o', input: '{}', maxAttempts: 3, retainFor: 60_000, ...more }, Date.now())
const done = (one: Job) => change(one, rules.succeed(one, Date.now(), '1')!, Date.now())
const released = (one: Job) => change(one, rules.release(one, Date.now())!, Date.now())
const key = (name: string) => ({ route: 'r', key: name, fingerprint: 'f', expiresAt: Date.now() + 60_000 })

test('recovers the result of each operation whose response is lost', async () => {
  const schema = place()
  const direct = await open({ schema })
  const store = await open({ schema, connectionString: proxied(), pollOnly: true, max: 2 })
  proxy.loseAnswers()
  const plain = await store.insert([{ job: job('a') }, { job: job('b') }])
  expect(plain.map(({ created }) => created)).toEqual([true, true])
  proxy.loseAnswers()
  const keyed = await store.insert([{ job: job('c'), key: key('k') }, { job: job('d') }])
  expect(keyed.map(({ job, created }) => [job?.id, created])).toEqual([
    ['c', true],
    ['d', true],
  ])
  proxy.loseAnswers()
  const claimed = await store.claim(asked)
  expect(claimed.map(({ id, attempt }) => [id, attempt])).toEqual(['a', 'b', 'c', 'd'].map((id) => [id, 1]))
  proxy.loseAnswers()
  expect(await store.replace(claimed.map(released))).toEqual([true, true, true, true])
  expect(await direct.attempts('o', 'a')).toHaveLength(1)
  const again = await store.claim(asked)
  proxy.loseAnswers()
  expect(await store.replace(again.map(done))).toEqual([true, true, true, true])
  // A compare-and-swap that another worker won still fails.
  proxy.loseAnswers()
  expect(await store.replace([done({ ...again[0]!, worker: 'another' })])).toEqual([false])
  proxy.loseAnswers()
  expect(await store.remove('o', 'a')).toBe(true)
  expect(await direct.get('o', ['a', 'b'])).toEqual([null, expect.objectContaining({ status: 'completed' })])
})

test('stores each acknowledged job once when the server is killed during commits', async () => {
  const store = batched(await open({ max: 4 }))
  const told = new Set<string>()
  let next = 0
  let stopping = false
  const client = async () => {
    while (!stopping) {
      const id = `job-${next++}`
      try {
        const [made] = await store.insert([{ job: job(id), ...(next % 2 === 0 && { key: key(id) }) }])
        expect(made).toMatchObject({ created: true, job: { id } })
        told.add(id)
      } catch (error) {
        expect(error).toMatchObject({ code: 'temporarily-unavailable' })
      }
    }
  }
  const clients = Array.from({ length: 20 }, client)
  for (let kills = 0; kills < 3; kills++) {
    const before = told.size
    await expect.poll(() => told.size - before, { timeout: 20_000, interval: 1 }).toBeGreaterThan(100)
    await server.kill()
    await server.start()
  }
  stopping = true
  await Promise.all(clients)
  const stored = await store.get(
    allOwners,
    Array.from({ length: next }, (_, i) => `job-${i}`),
  )
  expect([...told].filter((id) => !stored.some((one) => one?.id === id))).toEqual([])
}, 120_000)

test('rejects with temporarily-unavailable after a timeout while the server is down, and recovers', async () => {
  const store = await open()
  await store.insert([{ job: job('a') }])
  await server.kill()
  try {
    const began = performance.now()
    const tries = [store.insert([{ job: job('b') }]), store.claim(asked), store.get('o', ['a'])]
    for (const one of await Promise.allSettled(tries)) {
      expect(one).toMatchObject({ reason: { code: 'temporarily-unavailable', retryAfter: 1 } })
    }
    expect(performance.now() - began).toBeLessThan(25_000)
    // Later callers do not wait again.
    const later = performance.now()
    await expect(store.get('o', ['a'])).rejects.toMatchObject({ code: 'temporarily-unavailable' })
    expect(performance.now() - later).toBeLessThan(2_000)
  } finally {
    await server.start()
  }
  await expect.poll(() => store.get('o', ['a']).catch(() => []), { timeout: 10_000 }).toMatchObject([{ id: 'a' }])
  expect(await store.insert([{ job: job('c') }])).toMatchObject([{ created: true }])
}, 90_000)

test('rejects with temporarily-unavailable after a timeout when the pool is exhausted', async () => {
  const schema = place()
  const store = await open({ schema, max: 2, connectTimeout: 300, statementTimeout: 4_000 })
  const holder = server.query(`BEGIN; LOCK TABLE ${schema}.jobs; SELECT pg_sleep(1.5); COMMIT`)
  await expect
    .poll(
      async () => (await server.query("SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted")).rowCount,
    )
    .toBeGreaterThan(0)
  const reads = Array.from({ length: 4 }, () => store.get('o', ['a']).catch((error: unknown) => error))
  const results = await Promise.all(reads)
  const refused = results.filter((one) => !Array.isArray(one))
  expect(refused).toHaveLength(2)
  expect(refused[0]).toMatchObject({ code: 'temporarily-unavailable' })
  await holder
})

test('concurrent batches that change the same jobs in opposite orders do not deadlock', async () => {
  const schema = place()
  const [one, two] = [await open({ schema }), await open({ schema })]
  const ids = Array.from({ length: 40 }, (_, i) => `job-${i}`)
  await one.insert(ids.map((id) => ({ job: job(id) })))
  let jobs = await one.claim(asked)
  for (let round = 1; round <= 20; round++) {
    const told = jobs.map((job) => change(job, rules.progress(job, round, null)!, Date.now()))
    const keys = ids.map((id) => ({ job: job(`${id}-${round}`), key: key(`${id}-${round}`) }))
    const [a, b] = await Promise.all([
      one.replace(told),
      two.replace(told.toReversed()),
      one.insert(keys),
      two.insert(keys.toReversed().map(({ job, key }) => ({ job: { ...job, id: `${job.id}-other` }, key }))),
      one.renew(
        jobs.map(({ id, attempt }) => ({ id, attempt, worker: 'w' })),
        30_000,
      ),
    ])
    // Exactly one of the two batches changed each job.
    expect(a.map((won, i) => Number(won) + Number(b.at(-1 - i)))).toEqual(ids.map(() => 1))
    jobs = told.map(({ after }) => after)
  }
})

test('an unreadable row fails alone, and the rest of its batch continues', async () => {
  const schema = place()
  const store = await open({ schema })
  await store.insert(['a', 'b', 'c'].map((id) => ({ job: job(id, { webhookUrl: 'https://example.com/' }) })))
  await server.query(`UPDATE ${schema}.pending SET last_error = '{"code":' WHERE id = 'b'`)
  expect((await store.claim(asked)).map(({ id }) => id)).toEqual(['a', 'c'])
  const [b] = await store.get('o', ['b'])
  expect(b).toMatchObject({ status: 'failed', error: { code: 'corrupt', retryable: false }, leaseUntil: null })
  expect(await store.deliveries('o', 'b')).toHaveLength(1)
  expect(lastAttempt(b!)).toMatchObject({ outcome: 'failed', worker: 'w' })
  await server.query(`UPDATE ${schema}.ended SET error = 'x' WHERE id = 'b'`)
  expect((await store.list({ owner: 'o', limit: 10 })).map(({ id }) => id)).toEqual(['c', 'b', 'a'])
})

test('measures the database’s time again after the local clock jumps', async () => {
  const store = await open({ schema: place() })
  const right = systemClock.now
  await store.insert([{ job: job('soon', { runAt: right() + 10_000 }) }])
  try {
    for (const skew of [-60_000, 60_000]) {
      systemClock.now = () => right() + skew
      await expect.poll(() => Math.abs(store.now!() - right())).toBeLessThan(2_000)
      const now = store.now!()
      expect(Math.abs(Number(await store.nextDue('jobs', ['t'])) - now - 10_000)).toBeLessThan(2_000)
      await store.insert([{ job: { ...job(`skew${skew}`), createdAt: now, runAt: now } }])
      expect((await store.claim(asked)).map(({ id }) => id)).toEqual([`skew${skew}`])
    }
  } finally {
    systemClock.now = right
  }
  expect(await store.claim(asked)).toEqual([])
})

test('sends no ids while nobody follows, except what a worker must hear of its jobs', async () => {
  const schema = place()
  const writer = await open({ schema })
  const worker = await open({ schema })
  const heard: (RemoteCommit | undefined)[] = []
  const stop = worker.onForeignCommit((commit) => heard.push(commit), 'work')
  let n = 0
  const insertAgain = async () => {
    await writer.insert([{ job: job(`quiet-${++n}`) }])
    return heard.at(-1)
  }
  await expect.poll(insertAgain).toEqual({ changed: [], waiting: ['jobs'] })
  const [claimed] = await worker.claim(asked)
  const cancelled = change(claimed!, rules.cancel(claimed!, Date.now())!, Date.now())
  expect(await writer.replace([cancelled])).toEqual([true])
  await expect
    .poll(() => heard)
    .toContainEqual({ changed: [{ id: claimed!.id, version: 3 }], waiting: [], states: [cancelled.after] })
  stop()
})

test('reports commits of other processes, and after a lost connection that anything may have changed', async () => {
  const schema = place()
  const writer = await open({ schema })
  const reader = await open({ schema, connectionString: proxied() })
  const heard: (RemoteCommit | undefined)[] = []
  const stop = reader.onForeignCommit((commit) => heard.push(commit))
  /** The writer finds out within a second that it is followed; until then, the reader polls. */
  const followed = () =>
    expect.poll(() => heard.filter((commit) => commit === undefined).length, { timeout: 20_000 }).toBeGreaterThan(2)
  await followed()
  await writer.insert([{ job: job('a') }])
  await expect.poll(() => heard).toContainEqual({ changed: [{ id: 'a', version: 1 }], waiting: ['jobs'] })
  const [claimed] = await writer.claim(asked)
  await expect.poll(() => heard).toContainEqual({ changed: [{ id: 'a', version: 2 }], waiting: [], states: [claimed] })
  await reader.replace([done(claimed!)])
  // More ids than one NOTIFY payload can hold.
  await writer.insert(Array.from({ length: 1_000 }, (_, i) => ({ job: job(`many-${i}`) })))
  await expect.poll(() => heard.at(-1)).toBe(undefined)
  expect(JSON.stringify(heard)).not.toContain('"version":3')

  // `restore` resets the connections; `freeze` silences them until the next query detects it.
  for (const name of ['restore', 'freeze'] as const) {
    heard.length = 0
    proxy[name]()
    // A silent connection is detected within seven seconds.
    await followed()
    await writer.insert([{ job: job(`after-${name}`) }])
    await expect
      .poll(() => heard, { timeout: 20_000 })
      .toContainEqual({ changed: [{ id: `after-${name}`, version: 1 }], waiting: ['jobs'] })
  }
  stop()
}, 90_000)
