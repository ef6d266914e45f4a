import { expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { claim, create } from '../domain/rules.ts'
import { HeldJob } from './lease.ts'
import { RunningJobs } from './running-jobs.ts'

function attempt(id: string, worker = 'w'): HeldJob {
  const job = create({ id, type: 't', owner: 'o', input: '1', maxAttempts: 3, retainFor: 1 }, 0)
  const running = claim(job, job.runAt, { worker, leaseMs: 1_000 })
  if (running === null) throw new Error('not claimed')
  return new HeldJob(running, async () => null, systemClock)
}

test('those who stay are there however many come and go', () => {
  const running = new RunningJobs()
  const stays = attempt('stays')
  running.add(stays)
  for (let i = 0; i < 2_000; i++) {
    const passes = attempt(`passes-${i}`)
    running.add(passes)
    expect(running.get(passes.lease.id)).toBe(passes)
    running.remove(passes)
    expect(running.all()).toEqual([stays])
  }
})

test('an attempt that ends late leaves its successor in place, and counts until it has ended', async () => {
  const running = new RunningJobs()
  const [first, second] = [attempt('job', 'first'), attempt('job', 'second')]
  running.add(first)
  running.add(second)
  running.remove(second)
  let empty = false
  const emptied = running.empty().then(() => {
    empty = true
  })
  await Promise.resolve()
  expect([empty, running.get('job')]).toEqual([false, undefined])

  running.add(second)
  running.remove(first)
  expect(running.get('job')).toBe(second)
  running.remove(second)
  await emptied
  expect(running.all()).toEqual([])
})

test('nobody is waited for where nobody is', async () => {
  await expect(new RunningJobs().empty()).resolves.toBeUndefined()
})
