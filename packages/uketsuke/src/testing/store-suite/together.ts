import assert from 'node:assert/strict'
import type { Clock } from '../../base/clock.ts'
import { pause } from '../../base/timers.ts'
import * as rules from '../../domain/rules.ts'
import type { Store } from '../../store/port.ts'
import { type ManualClock, manualClock } from '../clock.ts'
import { applied, asked, ids, job, key } from './fixture.ts'

export interface StorePair {
  test(name: string, fn: () => Promise<void>): void
  openTwice(clock: Clock): Promise<[Store, Store]>
}

/** Conformance tests of a store that two processes share. */
export function together({ test, openTwice }: StorePair): void {
  const check = (name: string, body: (stores: [Store, Store], clock: ManualClock) => Promise<void>) =>
    test(name, async () => {
      const clock = manualClock()
      const stores = await openTwice(clock)
      try {
        await Promise.all(stores.map((store) => store.migrate()))
        await body(stores, clock)
      } finally {
        await Promise.all(stores.map((store) => store.close()))
      }
    })

  check('two handles: claims never overlap and miss no job', async ([one, two], clock) => {
    const jobs = Array.from({ length: 200 }, (_, i) => job(clock, { id: `job-${i}` }))
    await one.insert(jobs.map((waiting) => ({ job: waiting })))
    const claims = Array.from({ length: 40 }, (_, i) => (i % 2 ? one : two).claim({ ...asked, limit: 7 }))
    const claimed = ids((await Promise.all(claims)).flat())
    assert.equal(new Set(claimed).size, claimed.length)
    const rest = ids(await two.claim({ ...asked, limit: 500 }))
    assert.deepEqual([...claimed, ...rest].sort(), ids(jobs).sort())
  })

  check('two handles: a claim locks no job that it does not take', async (stores, clock) => {
    for (let round = 0; round < 10; round++) {
      const jobs = Array.from({ length: 200 }, (_, i) =>
        job(clock, { id: `job-${round}-${i}`, priority: i % 4 === 0 ? 'high' : 'normal' }),
      )
      await stores[0].insert(jobs.map((waiting) => ({ job: waiting })))
      // The claims have exactly enough capacity for all jobs: a job that one skips because the other has locked it
      // would stay unclaimed.
      const claims = stores.map((store) => store.claim({ ...asked, limit: 100 }))
      assert.deepEqual(ids((await Promise.all(claims)).flat()).sort(), ids(jobs).sort())
    }
  })

  check('two handles: a race for one version has one winner', async ([one, two], clock) => {
    await one.insert([{ job: job(clock, { id: 'a' }) }])
    const [running] = await one.claim(asked)
    const changes = [1, 2].map((percent) => applied(running!, rules.progress(running!, percent, null), clock))
    const results = await Promise.all([one.replace(changes.slice(0, 1)), two.replace(changes.slice(1))])
    assert.equal(results.flat().filter(Boolean).length, 1)
    assert.equal((await two.get('ann', ['a']))[0]?.version, running!.version + 1)
  })

  check('two handles: one key creates one job', async (stores, clock) => {
    const racing = ['a', 'b', 'c', 'd'].map((id, i) =>
      stores[i % 2 === 0 ? 0 : 1].insert([{ job: job(clock, { id }), key: key('k') }]),
    )
    const results = (await Promise.all(racing)).flat()
    assert.equal(results.filter(({ created }) => created).length, 1)
    assert.equal(new Set(results.map((result) => result.job?.id)).size, 1)
  })

  check('two handles: both get the same shared value', async ([one, two]) => {
    const values = await Promise.all([one.shared('secret', 'one'), two.shared('secret', 'two')])
    assert.equal(values[0], values[1])
  })

  check(
    'two handles: a commit of the other one is reported until the listener is removed',
    async ([one, two], clock) => {
      let calls = 0
      const stop = one.onForeignCommit(() => calls++)
      await clock.advance(100)
      calls = 0
      await two.insert([{ job: job(clock, { id: 'a' }) }])
      // A store that polls needs the clock to advance; a store with notifications needs some real time.
      for (let i = 0; calls === 0 && i < 200; i++) {
        await clock.advance(100)
        await pause(5)
      }
      // A store may call more often than others commit.
      assert.ok(calls > 0)
      stop()
      calls = 0
      await two.insert([{ job: job(clock, { id: 'b' }) }])
      await clock.advance(1_000)
      assert.equal(calls, 0)
    },
  )
}
