import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { create, claim as take } from '../../packages/uketsuke/src/domain/rules.ts'
import { allOwners, createJobs, type JobContext, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { storeChangeFeed } from '../../packages/uketsuke/src/notify/store-change-feed.ts'
import { Watch } from '../../packages/uketsuke/src/notify/watch.ts'
import { memory } from '../../packages/uketsuke/src/store/memory.ts'
import type { Store } from '../../packages/uketsuke/src/store/port.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { atEnd, gate, open, tempFile } from './setup.ts'

const input = z.object({})

/** A type whose run is controlled by the test. */
function conducted() {
  const context = gate<JobContext<unknown>>()
  const end = gate<string>()
  const held = job({
    input,
    run: (given) => {
      context.open(given)
      return end.passed
    },
  })
  return { held, context: context.passed, end: end.open }
}

async function collect<T>(states: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const state of states) all.push(state)
  return all
}

describe('watch', () => {
  it('yields the current state and every later one up to the end', async () => {
    const { held, context, end } = conducted()
    const { jobs, clock } = open({ held })
    const { jobId } = await jobs.enqueue('held', {})
    const seen = collect(jobs.watch(jobId, { owner: allOwners }))
    await clock.advance(0)
    await jobs.work()
    await clock.advance(0)
    ;(await context).progress(40, 'almost half')
    await clock.advance(0)
    end('done')
    await clock.advance(0)
    expect((await seen).map(({ status, progress, version }) => [status, progress, version])).toEqual([
      ['pending', 0, 1],
      ['running', 0, 2],
      ['running', 40, 3],
      ['completed', 100, 4],
    ])
  })

  it('yields a job that has ended once', async () => {
    const { jobs } = open({ quick: job({ input, run: () => 1 }) })
    const { jobId } = await jobs.enqueue('quick', {})
    await jobs.cancel(jobId, { owner: allOwners })
    expect(await collect(jobs.watch(jobId, { owner: allOwners }))).toHaveLength(1)
  })

  it('sees changes of another process on the same file within 20 ms', async () => {
    const path = tempFile()
    const { held, context, end } = conducted()
    const here = open({ held }, { store: sqlite(path) })
    const there = createJobs({ jobs: { held }, store: sqlite(path), clock: here.clock, log: silentLog })
    atEnd(() => there.close())
    const { jobId } = await here.jobs.enqueue('held', {})
    const states = here.jobs.watch(jobId, { owner: allOwners })
    const next = async () => (await states.next()).value
    expect(await next()).toMatchObject({ status: 'pending' })
    const worker = await there.work()
    const started = next()
    await here.clock.advance(20)
    expect(await started).toMatchObject({ status: 'running', attempt: 1 })
    ;(await context).progress(30)
    const moved = next()
    await here.clock.advance(20)
    expect(await moved).toMatchObject({ progress: 30 })
    end('x')
    const ended = next()
    await here.clock.advance(20)
    expect(await ended).toMatchObject({ status: 'completed', output: 'x' })
    expect(await next()).toBeUndefined()
    await worker.stop()
  })

  it('is available to the owner only', async () => {
    const { jobs } = open({ quick: job({ input, run: () => 1 }) })
    const { jobId } = await jobs.enqueue('quick', {}, { owner: 'alice' })
    await jobs.cancel(jobId, { owner: allOwners })
    await expect(jobs.watch(jobId, { owner: 'bob' }).next()).rejects.toMatchObject({ code: 'job-not-found' })
    expect(await collect(jobs.watch(jobId, { owner: 'alice' }))).toHaveLength(1)
    await expect(jobs.watch('no such id', { owner: allOwners }).next()).rejects.toMatchObject({ code: 'job-not-found' })
  })

  it('ends when its reader stops', async () => {
    const { held } = conducted()
    const { jobs, clock } = open({ held })
    const { jobId } = await jobs.enqueue('held', {})
    const enough = new AbortController()
    const seen = collect(jobs.watch(jobId, { owner: allOwners, signal: enough.signal }))
    await clock.advance(0)
    enough.abort()
    expect(await seen).toHaveLength(1)
  })
})

describe('a watch shared by many readers', () => {
  const by = { worker: 'w', leaseMs: 30_000 }
  const first = create({ id: 'A', type: 't', owner: 'alice', input: '1', maxAttempts: 1, retainFor: 1 }, 0)

  function shared(read: Store['get']) {
    const signal = storeChangeFeed(memory()(manualClock()), silentLog)
    const watch = new Watch(signal, read)
    return { signal, watch }
  }

  it('reads the store once, and releases everything after the last reader', async () => {
    let reads = 0
    const { watch } = shared(async () => {
      reads++
      return [first]
    })
    const leader = await watch.follow('alice', 'A')
    const followers = await Promise.all(Array.from({ length: 50 }, () => watch.follow('alice', 'A')))
    expect(reads).toBe(1)
    expect(await watch.follow('bob', 'A')).toBeNull()
    expect(watch.size).toBe(1)
    for (const one of [leader, ...followers]) one?.close()
    expect(watch.size).toBe(0)
  })

  it('loses no change that is committed during the first read', async () => {
    const { signal, watch } = shared(async () => {
      // The read has seen version 1. Version 2 is committed and announced before the result arrives.
      signal.announce([take(first, 1, by) ?? first])
      return [first]
    })
    const follower = await watch.follow('alice', 'A')
    expect(await follower?.next()).toMatchObject({ version: 2, status: 'running' })
    follower?.close()
  })

  it('gives a slow reader only the latest state', async () => {
    const { signal, watch } = shared(async () => [first])
    const follower = await watch.follow('alice', 'A')
    expect(await follower?.next()).toMatchObject({ version: 1 })
    for (let version = 2; version <= 9; version++) signal.announce([{ ...first, version }])
    signal.announce([{ ...first, version: 4 }])
    expect(await follower?.next()).toMatchObject({ version: 9 })
    const waiting = follower?.next()
    follower?.close()
    expect(await waiting).toBeNull()
  })

  it('starts after the version that its reader knows', async () => {
    const { signal, watch } = shared(async () => [first])
    const follower = await watch.follow('alice', 'A', 1)
    const next = follower?.next()
    signal.announce([{ ...first, version: 2 }])
    expect(await next).toMatchObject({ version: 2 })
    follower?.close()
  })

  it('releases a reader whose read failed', async () => {
    const { watch } = shared(async () => {
      throw new Error('down')
    })
    await expect(watch.follow('alice', 'A')).rejects.toThrow('down')
    expect(watch.size).toBe(0)
  })
})
