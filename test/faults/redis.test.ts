import { createClient } from '@redis/client'
import { describe, expect, test } from 'vitest'
import { dismissIdle } from '../../packages/uketsuke/src/dispatch/redis-entries.ts'
import { allOwners } from '../../packages/uketsuke/src/index.ts'
import { redis as useRedis } from '../../packages/uketsuke/src/transport/redis.ts'
import { until } from '../until.ts'
import { atEnd, counted, empty, key, processes, proxy, server } from './redis-setup.ts'

type Setup = ReturnType<typeof processes>

/** Starts an API and `workers` workers, and waits until all are connected to Redis. */
async function withWorkers(setup: Setup, { workers = 1, concurrency = 5 } = {}) {
  const api = setup.one('api')
  await api.ready()
  const names = Array.from({ length: workers }, (_, i) => `worker-${i}`)
  const all = names.map((name) => setup.one(name))
  await Promise.all(all.map((one) => one.work({ concurrency })))
  await until(() => setup.lines.connected >= 1 + workers)
  const enqueue = async (count: number, from = 0, ms = 0) => {
    for (let n = from; n < from + count; n++) await api.enqueue('count', { n, ms })
  }
  /** Waits until all of 0…count-1 have run. */
  const done = (count: number) => until(() => new Set(setup.ran.map(({ n }) => n)).size === count)
  /** Enqueues one job and returns its start latency in milliseconds. */
  const prompt = async (n: number) => {
    await enqueue(1, n)
    const asked = performance.now()
    const { at } = await until(() => setup.ran.find((one) => one.n === n))
    return at - asked
  }
  return { api, workers: all, enqueue, done, prompt }
}

test('runs jobs of one process in another, each once, and leaves no entry', async () => {
  const redis = await server()
  // A stall of a busy machine is no outage: this test expects no warning.
  const setup = processes(redis.url, { timeout: 10_000 })
  const { api, done } = await withWorkers(setup)
  const priority = (n: number) => (n % 3 === 0 ? 'high' : 'normal')
  await Promise.all(Array.from({ length: 100 }, (_, n) => api.enqueue('count', { n }, { priority: priority(n) })))
  await done(100)
  await empty(redis)
  expect(setup.ran).toHaveLength(100)
  expect(setup.lines.all.filter(({ level }) => level !== 'info')).toEqual([])
})

test('an entry wakes one worker, so that two workers share a burst', async () => {
  const redis = await server()
  const setup = processes(redis.url)
  const { api, done } = await withWorkers(setup, { workers: 2, concurrency: 20 })
  await Promise.all(Array.from({ length: 40 }, (_, n) => api.enqueue('count', { n, ms: 200 })))
  await done(40)
  for (const name of ['worker-0', 'worker-1']) {
    expect(setup.ran.filter(({ by }) => by === name).length).toBeGreaterThanOrEqual(10)
  }
  await empty(redis)
})

test('a worker without a free slot leaves entries to others', async () => {
  const redis = await server()
  const setup = processes(redis.url)
  const { enqueue, done, prompt } = await withWorkers(setup, { workers: 2, concurrency: 1 })
  await enqueue(1, 0, 3_000)
  await done(1)
  const late: number[] = []
  for (let n = 1; n <= 10; n++) late.push(await prompt(n))
  expect(new Set(setup.ran.slice(1).map(({ by }) => by)).size).toBe(1)
  expect(late.toSorted((a, b) => a - b)[5]).toBeLessThan(500)
  await empty(redis)
})

test('an entry read by a worker that lacks the job type wakes one that has it', async () => {
  const redis = await server()
  const setup = processes(redis.url)
  const [print, mail] = [counted('print', setup.ran), counted('mail', setup.ran)]
  const [api, printing, mailing] = [setup.open({ print, mail }), setup.open({ print }), setup.open({ mail })]
  await api.ready()
  await printing.work()
  await mailing.work()
  await until(() => setup.lines.connected >= 3)
  const late: number[] = []
  for (let n = 0; n < 10; n++) {
    await api.enqueue(n % 2 === 0 ? 'print' : 'mail', { n })
    const asked = performance.now()
    late.push((await until(() => setup.ran.find((one) => one.n === n))).at - asked)
  }
  expect(late.toSorted((a, b) => a - b)[5]).toBeLessThan(500)
  await empty(redis)
})

test('runs jobs whose entries a dead worker had read, and takes over the entries', async () => {
  const redis = await server()
  const setup = processes(redis.url, { takeOverAfter: 200 })
  const { enqueue, done, workers } = await withWorkers(setup)
  await workers[0]?.close()
  await enqueue(3)
  // A consumer reads the entries and then disappears.
  const read = ['XREADGROUP', 'GROUP', 'workers', 'ghost', 'STREAMS', key('jobs', 'normal'), '>']
  expect(await redis.command(...read)).not.toBeNull()
  const living = setup.one('living')
  await living.work()
  await done(3)
  await empty(redis)
  expect(await redis.command('XPENDING', key('jobs', 'normal'), 'workers')).toEqual([0, null, null, null])
})

test('stopped workers leave no consumers behind', async () => {
  const redis = await server()
  const setup = processes(redis.url)
  const { workers, enqueue, done } = await withWorkers(setup, { workers: 2 })
  await enqueue(10)
  await done(10)
  const consumers = async () =>
    (await redis.command('XINFO', 'CONSUMERS', key('jobs', 'normal'), 'workers')) as unknown[]
  await until(async () => (await consumers()).length === 2)
  for (const worker of workers) await worker.close()
  // On a busy machine, `close()` gives up waiting for Redis, which gets the command a moment later.
  await until(async () => (await consumers()).length === 0)
  // A consumer whose worker was killed before it could remove it.
  await redis.command('XGROUP', 'CREATECONSUMER', key('jobs', 'normal'), 'workers', 'ghost')
  const client = createClient({ url: redis.url })
  await client.connect()
  atEnd(() => client.destroy())
  await dismissIdle(client, key('jobs', 'normal'), 60_000)
  expect(await consumers()).toHaveLength(1)
  await until(async () => {
    await dismissIdle(client, key('jobs', 'normal'), 5)
    return (await consumers()).length === 0
  })
})

describe('an outage of Redis', () => {
  test('costs latency and logs one line at each end', async () => {
    const redis = await server()
    // A stall of a busy machine is no outage.
    const setup = processes(redis.url, { takeOverAfter: 500, timeout: 10_000 })
    const { enqueue, done, prompt } = await withWorkers(setup, { workers: 2 })
    await enqueue(10)
    await redis.kill()
    await enqueue(10, 10)
    await done(20)
    await until(() => setup.lines.of('Redis is unavailable') === 3)
    expect(await prompt(20)).toBeLessThan(1_500)
    await redis.start()
    await until(() => setup.lines.of('Redis is available again') === 3)
    await enqueue(10, 21)
    await done(31)
    await empty(redis)
    expect(setup.lines.of('Redis is unavailable')).toBe(3)
  })

  test('at startup does not block the program', async () => {
    const redis = await server()
    await redis.kill()
    const setup = processes(redis.url)
    const [api, worker] = [setup.one('api'), setup.one('worker')]
    await worker.work()
    await api.enqueue('count', { n: 0 })
    await until(() => setup.ran.length === 1)
    await redis.start()
    await until(() => setup.lines.of('Redis is available again') === 2)
    await api.enqueue('count', { n: 1 })
    await until(() => setup.ran.length === 2)
    await empty(redis)
  })

  test.each([
    ['cut off', (network: Awaited<ReturnType<typeof proxy>>) => network.cut()],
    ['half-open', (network: Awaited<ReturnType<typeof proxy>>) => network.silence()],
    [
      'too slow',
      (network: Awaited<ReturnType<typeof proxy>>) => {
        network.delay = 1_000
      },
    ],
  ])('%s: does not block accepting or running jobs', async (_, harm) => {
    const redis = await server()
    const network = await proxy(redis.port)
    const setup = processes(`redis://127.0.0.1:${network.port}`, { takeOverAfter: 500 })
    const { enqueue, done, prompt } = await withWorkers(setup)
    await enqueue(5)
    await done(5)
    harm(network)
    const began = performance.now()
    await enqueue(5, 5)
    expect(performance.now() - began).toBeLessThan(1_500)
    await done(10)
    expect(performance.now() - began).toBeLessThan(3_500)
    await until(() => setup.lines.of('Redis is unavailable') === 2)
    const late: number[] = []
    for (let n = 10; n < 15; n++) late.push(await prompt(n))
    expect(late.toSorted((a, b) => a - b)[2]).toBeLessThan(1_000)
    network.delay = 0
    network.restore()
    await until(() => setup.lines.of('Redis is available again') >= 2)
    await enqueue(5, 15)
    await done(20)
    await empty(redis)
  })
})

describe('loss of the data in Redis', () => {
  test.each([
    ['FLUSHALL', ['FLUSHALL']],
    ['DEL of the stream', ['DEL', key('jobs', 'normal')]],
    ['XGROUP DESTROY', ['XGROUP', 'DESTROY', key('jobs', 'normal'), 'workers']],
  ])('%s: loses no job and recreates the group', async (_, command) => {
    const redis = await server()
    const setup = processes(redis.url)
    const { enqueue, done, prompt } = await withWorkers(setup, { workers: 2, concurrency: 2 })
    for (let round = 0; round < 3; round++) {
      await enqueue(10, round * 12)
      await redis.command(...command)
      await enqueue(2, round * 12 + 10)
      await done((round + 1) * 12)
    }
    const late: number[] = []
    for (let n = 100; n < 107; n++) late.push(await prompt(n))
    // Started by its entry, not by the poll once a second.
    expect(late.toSorted((a, b) => a - b)[3]).toBeLessThan(500)
    await empty(redis)
    const groups = (await redis.command('XINFO', 'GROUPS', key('jobs', 'normal'))) as unknown[]
    expect(groups).toHaveLength(1)
    expect(setup.lines.of('Redis is unavailable')).toBe(0)
  })
})

describe('an unsuitable Redis', () => {
  test('that evicts is reported once, with the consequence', async () => {
    const redis = await server('--maxmemory-policy', 'allkeys-lru')
    const setup = processes(redis.url)
    const { enqueue, done } = await withWorkers(setup)
    await enqueue(1)
    await done(1)
    const warnings = setup.lines.all.filter(({ message }) => message.includes('maxmemory-policy is allkeys-lru'))
    expect(warnings.map(({ level }) => level)).toEqual(['warn', 'warn'])
    expect(warnings[0]?.message).toContain('a second late')
  })

  test('that is a replica is not used, with the reason', async () => {
    const [master, replica] = [await server(), await server()]
    await replica.command('REPLICAOF', '127.0.0.1', `${master.port}`)
    await expectPolling(replica.url, 'replica')
    // Promote it, so that it is used again.
    await replica.command('REPLICAOF', 'NO', 'ONE')
  })

  test('that is full and rejects writes is not used', async () => {
    const redis = await server('--maxmemory', '1')
    await expectPolling(redis.url, 'OOM')
  })

  test('with a wrong password is reported without the password', async () => {
    const redis = await server('--requirepass', 'right')
    const setup = await expectPolling(redis.url.replace('//', '//default:s3cret-and-wrong@'), 'WRONGPASS')
    expect(JSON.stringify(setup.lines.all)).not.toContain('s3cret')
    expect(JSON.stringify(setup.lines.all)).toContain(`127.0.0.1:${redis.port}`)
  })

  test('with the right password is used', async () => {
    const redis = await server('--requirepass', 'p@ss/word')
    const setup = processes(redis.url.replace('//', `//:${encodeURIComponent('p@ss/word')}@`))
    const { enqueue, done } = await withWorkers(setup)
    await enqueue(1)
    await done(1)
    expect(JSON.stringify(setup.lines.all)).not.toContain('word')
  })

  async function expectPolling(url: string, reason: string): Promise<Setup> {
    const setup = processes(url)
    const [api, worker] = [setup.one('api'), setup.one('worker')]
    await worker.work()
    await api.enqueue('count', { n: 0 })
    await until(() => setup.ran.length === 1 && setup.lines.of('Redis is unavailable') === 2)
    expect(setup.lines.all.filter(({ fields }) => JSON.stringify(fields).includes(reason))).toHaveLength(2)
    expect(setup.lines.connected).toBe(0)
    return setup
  }
})

describe('a watch on a job in another process', () => {
  test('follows it through Redis', async () => {
    const redis = await server()
    const { api } = await withWorkers(processes(redis.url))
    const { jobId } = await api.enqueue('count', { n: 0, ms: 300 })
    const seen: string[] = []
    for await (const { status } of api.watch(jobId, { owner: allOwners })) seen.push(status)
    expect(seen.slice(-2)).toEqual(['running', 'completed'])
  })

  test.each([
    ['for both processes', true],
    ['for the worker only, not for the watcher', false],
  ])('reaches the end although Redis becomes unreachable %s', async (_, both) => {
    const redis = await server()
    const network = await proxy(redis.port)
    const setup = processes(`redis://127.0.0.1:${network.port}`)
    const direct = setup.open({ count: counted('api', []) }, { dispatch: useRedis(redis.url) })
    await direct.ready()
    const watching = both ? setup.one('api') : direct
    await watching.ready()
    await setup.one('worker').work()
    await until(() => setup.lines.connected >= (both ? 3 : 2))
    const { jobId } = await watching.enqueue('count', { n: 0, ms: 1_000 })
    const seen: string[] = []
    for await (const { status } of watching.watch(jobId, { owner: allOwners })) {
      seen.push(status)
      if (status === 'running') network.silence()
    }
    const ended = setup.ran[0]?.at ?? 0
    expect(seen.at(-1)).toBe('completed')
    // The handler takes a second, and the watch sees the end at most about a second later.
    expect(performance.now() - ended).toBeLessThan(3_000)
  })
})

describe('a user with limited commands', () => {
  const needed =
    '+ping +hello +auth +select +publish +subscribe +unsubscribe +xadd +xreadgroup +xack +xdel +xautoclaim +xgroup|create +xgroup|delconsumer +xgroup|setid +multi +exec'
  const rules: [name: string, rules: string][] = [
    ['all but the dangerous ones, INFO among them', '+@all -@dangerous'],
    ['exactly those that the documentation lists', `-@all ${needed}`],
    ['those, and INFO and XINFO for the checks', `-@all ${needed} +info +xinfo|consumers`],
  ]

  test.each(rules)('%s: Redis is used', async (_, commands) => {
    const redis = await server()
    const acl = ['on', '>secret', '~uketsuke:*', '&uketsuke:*', ...commands.split(' ')]
    await redis.command('ACL', 'SETUSER', 'app', ...acl)
    const url = redis.url.replace('redis://', 'redis://app:secret@')
    const setup = processes(url)
    const { done, enqueue } = await withWorkers(setup, { workers: 2 })
    await enqueue(20)
    await done(20)
    await empty(redis)
    expect(setup.lines.of('Redis is unavailable')).toBe(0)
    const refused = (await redis.command('ACL', 'LOG')) as unknown[]
    const allowedToFail = JSON.stringify(refused).toLowerCase()
    expect(allowedToFail).not.toMatch(/"(xadd|xreadgroup|xack|xdel|xautoclaim|publish|subscribe|multi|exec|xgroup)/)
  })

  test('names a missing command, and falls back to the store', async () => {
    const redis = await server()
    await redis.command(
      'ACL',
      'SETUSER',
      'app',
      'on',
      '>secret',
      '~uketsuke:*',
      '&uketsuke:*',
      '+@all',
      '-xadd',
      '-xgroup',
    )
    const setup = processes(redis.url.replace('redis://', 'redis://app:secret@'))
    const api = setup.one('api')
    const worker = setup.one('worker')
    await worker.work()
    await api.enqueue('count', { n: 1 })
    await until(() => setup.ran.length === 1)
    await until(() => JSON.stringify(setup.lines.all).includes('NOPERM'))
  })
})
