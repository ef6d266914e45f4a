import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  allOwners,
  type Clock,
  createJobs,
  job,
  silentLog,
  sqlite,
  UketsukeError,
} from '../../packages/uketsuke/src/index.ts'
import type { Store, StoreFactory } from '../../packages/uketsuke/src/store/port.ts'
import { open as openDatabase } from '../../packages/uketsuke/src/store/sqlite/open.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { serve } from '../http/server.ts'
import { until } from '../until.ts'
import { atEnd, gate, open, tempFile } from './setup.ts'

const input = z.object({})
const quick = job({ input, run: () => 'done' })

/** SQLite with some methods that fail temporarily. */
function failing(file = tempFile()) {
  const down = new Set<keyof Store>()
  const verb = <K extends 'get' | 'renew' | 'expiredLeases' | 'replace'>(name: K, real: Store[K]): Store[K] =>
    (async (...given: never[]) => {
      if (down.has(name)) throw new UketsukeError('temporarily-unavailable')
      return (real as (...given: never[]) => unknown)(...given)
    }) as unknown as Store[K]
  const store: StoreFactory = (clock) => {
    const real = sqlite(file)(clock)
    const { get, renew, expiredLeases, replace } = real
    return Object.assign(Object.create(real), {
      get: verb('get', get),
      renew: verb('renew', renew),
      expiredLeases: verb('expiredLeases', expiredLeases),
      replace: verb('replace', replace),
    } satisfies Partial<Store>)
  }
  return { store, down, file }
}

async function receiver() {
  let received = 0
  const server = createServer((_, response) => {
    received++
    response.end('ok')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { host, url: `http://${host}/`, received: () => received }
}

describe('an outage of the store', () => {
  it('costs a webhook no attempt, and delays it no longer than the outage', async () => {
    const to = await receiver()
    const { store, down } = failing()
    const webhooks = { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', allowHosts: [to.host] }
    const { jobs, clock } = open({ quick }, { store, webhooks })
    const { jobId } = await jobs.enqueue('quick', {}, { webhookUrl: to.url })
    down.add('get')
    await jobs.work()
    await clock.advance(120_000)
    down.delete('get')
    expect(to.received()).toBe(0)
    expect((await jobs.deliveries(jobId, { owner: allOwners }))[0]).toMatchObject({
      status: expect.stringMatching(/pending|running/),
    })
    const delivery = await until(async () => {
      await clock.advance(500)
      const one = (await jobs.deliveries(jobId, { owner: allOwners }))[0]
      return one?.status === 'completed' && one
    })
    expect(delivery).toMatchObject({ attempt: 1 })
    expect(to.received()).toBe(1)
  })

  it('does not let another process take jobs whose leases a live worker could not renew', async () => {
    const { store, down, file } = failing()
    const clock = manualClock()
    const end = gate()
    const runs: number[] = []
    const held = job({
      input,
      run: async ({ attempt }) => {
        runs.push(attempt)
        await end.passed
      },
    })
    const process = (store: StoreFactory) => {
      const jobs = createJobs({ jobs: { held }, store, clock, log: silentLog })
      atEnd(() => jobs.close())
      return jobs
    }
    const mine = process(store)
    await mine.work()
    const { jobId } = await mine.enqueue('held', {})
    await clock.advance(0)
    const neighbour = failing(file)
    await process(neighbour.store).work()
    for (const verb of ['renew', 'expiredLeases', 'get', 'replace'] as const) {
      down.add(verb)
      neighbour.down.add(verb)
    }
    await clock.advance(60_000)
    down.clear()
    neighbour.down.clear()
    await clock.advance(1_000)
    // The worker's thread writes in real time.
    const inspector = sqlite(file)(clock)
    atEnd(() => inspector.close())
    await inspector.migrate()
    await until(async () => (await inspector.expiredLeases(1)).length === 0)
    await clock.advance(20_000)
    end.open()
    const ended = await until(async () => {
      const job = await mine.get(jobId, { owner: allOwners })
      return job?.completedAt ? job : null
    })
    expect(ended).toMatchObject({ status: 'completed', attempt: 1 })
    expect(runs).toEqual([1])
  })
})

describe('a deleted job', () => {
  it('ends its streams and watches', async () => {
    const file = tempFile()
    const serving = await serve({ store: sqlite(file) })
    try {
      const { jobId } = await serving.create()
      const { jobId: stays } = await serving.create()
      const streams = await Promise.all([jobId, stays].map((id) => serving.call(`/${id}/stream`)))
      const ended = streams[0]?.text()
      let others = ''
      void (async () => {
        for await (const chunk of streams[1]?.body ?? []) others += Buffer.from(chunk).toString()
      })().catch(() => {})
      const watched = (async () => {
        let states = 0
        for await (const _ of serving.jobs.watch(jobId, { owner: allOwners })) states++
        return states
      })()
      await until(() => others.includes('snapshot'))
      const other = await openDatabase(file)
      other.exec(`DELETE FROM jobs WHERE id = '${jobId}'`)
      other.close()
      await serving.clock.advance(45_000)
      expect(await ended).toContain('snapshot')
      expect(await watched).toBe(1)
      expect((await serving.call(`/${jobId}/stream`)).status).toBe(404)
      // The other job continues and reports its end.
      await serving.jobs.cancel(stays, { owner: allOwners })
      await until(() => others.includes('job.cancelled'))
    } finally {
      await serving.close()
    }
  })
})

describe('a handler that blocks its process', () => {
  it('does not start jobs whose lease another worker took over, and starts those with a valid lease', async () => {
    const file = tempFile()
    const real = manualClock()
    let blocked = 0
    // A blocked process: time has passed, but none of its timers has fired.
    const clock: Clock = { now: () => real.now() + blocked, after: real.after }
    const began: string[] = []
    const types = {
      blocking: job({
        input,
        run: () => {
          blocked = 40_000
        },
      }),
      neighbour: job({
        input: z.object({ n: z.number() }),
        run: ({ input, attempt }) => void began.push(`${input.n}/${attempt}`),
      }),
    }
    const jobs = createJobs({ jobs: types, store: sqlite(file), clock, log: silentLog })
    atEnd(() => jobs.close())
    await jobs.enqueue('blocking', {})
    const ids = [await jobs.enqueue('neighbour', { n: 1 }), await jobs.enqueue('neighbour', { n: 2 })]
    const other = await openDatabase(file)
    atEnd(() => other.close())
    // While this process was blocked, another worker's rescuer ended the first job's attempt, and the next attempt is running.
    types.blocking.run = () => {
      blocked = 40_000
      other.exec(
        `UPDATE jobs SET version = version + 2, attempt = 2, worker = 'other', lease_until = lease_until + 60000 WHERE id = '${ids[0]?.jobId}'`,
      )
    }
    const worker = await jobs.work()
    await real.advance(0)
    expect(began).toEqual(['2/1'])
    expect(await jobs.get(ids[1]?.jobId ?? '', { owner: allOwners })).toMatchObject({ status: 'completed', attempt: 1 })
    expect(await jobs.get(ids[0]?.jobId ?? '', { owner: allOwners })).toMatchObject({ status: 'running', attempt: 2 })
    const stopped = worker.stop()
    await real.advance(0)
    await stopped
  })
})
