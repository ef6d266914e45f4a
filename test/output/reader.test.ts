import { expect, test } from 'vitest'
import { change } from '../../packages/uketsuke/src/domain/change.ts'
import type { Job } from '../../packages/uketsuke/src/domain/job.ts'
import {
  chunkKey,
  chunkKind,
  headerKind,
  headerText,
  numberKey,
} from '../../packages/uketsuke/src/domain/live-output.ts'
import * as rules from '../../packages/uketsuke/src/domain/rules.ts'
import { readOutput } from '../../packages/uketsuke/src/output/reader.ts'
import { memory } from '../../packages/uketsuke/src/store/memory.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'

const clock = manualClock()
const failure = { code: 'x', message: 'y', retryable: true }

/** Two runs of one job; each has written its name. */
async function twoRuns() {
  const store = memory()(clock)
  const asked = { id: 'a', type: 't', owner: 'ann', input: '{}', maxAttempts: 9, retainFor: 1 }
  await store.insert([{ job: rules.create(asked, clock.now()) }])
  const run = async (worker: string, number: number) => {
    const [job] = await store.claim({ queue: 'jobs', types: ['t'], limit: 1, worker, leaseMs: 60_000 })
    const lease = { id: 'a', attempt: job!.attempt, worker }
    const header = headerText({ mode: 'text', worker, startedAt: job!.startedAt })
    await store.addFragments([
      { lease, kind: headerKind, key: numberKey(number), value: header },
      { lease, kind: chunkKind(number), key: chunkKey(worker.length), value: worker },
    ])
    return job!
  }
  const swap = async (before: Job, after: Job | null) => {
    expect(await store.replace([change(before, after!, clock.now())])).toEqual([true])
    return after!
  }
  const first = await run('one', 1)
  const waiting = await swap(first, rules.fail(first, clock.now(), failure, clock.now()))
  await clock.advance(1)
  const second = await run('two', 2)
  return { store, first, waiting, second, swap }
}

test('a reader that does not know the present run yet is not told that its stream is closed', async () => {
  const { store, first, waiting, second } = await twoRuns()
  for (const stale of [first, waiting, second]) {
    const part = await readOutput(store, stale, 'text', 2, 'start')
    expect([part?.data.toString(), part?.closed]).toEqual(['two', false])
    expect((await readOutput(store, stale, 'text', 1, 'start'))?.closed).toBe(true)
  }
})

test('once the run has ended, its stream is closed, whatever the reader knew', async () => {
  const { store, first, second, swap } = await twoRuns()
  const done = await swap(second, rules.succeed(second, clock.now(), '1'))
  for (const known of [first, second, done]) {
    const part = await readOutput(store, known, 'text', 2, 'start')
    // The job of this run: it will be followed to its end.
    expect([part?.data.toString(), part?.closed]).toEqual(['two', known !== second])
  }
  expect(await readOutput(store, done, 'text', 3, 'start')).toBeNull()
})
