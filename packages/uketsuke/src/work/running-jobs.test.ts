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
  const roster = new RunningJobs()
  const stays = attempt('stays')
  roster.add(stays)
  for (let i = 0; i < 2_000; i++) {
    const passes = attempt(`passes-${i}`)
    roster.add(passes)
    expect(roster.get(passes.lease.id)).toBe(passes)
    roster.remove(passes)
    expect(roster.all()).toEqual([stays])
  }
})

test('an attempt that ends late leaves its successor in place, and counts until it has ended', async () => {
  const roster = new RunningJobs()
  const [first, second] = [attempt('job', 'first'), attempt('job', 'second')]
  roster.add(first)
  roster.add(second)
  roster.remove(second)
  let empty = false
  const emptied = roster.empty().then(() => {
    empty = true
  })
  await Promise.resolve()
  expect([empty, roster.get('job')]).toEqual([false, undefined])

  roster.add(second)
  roster.remove(first)
  expect(roster.get('job')).toBe(second)
  roster.remove(second)
  await emptied
  expect(roster.all()).toEqual([])
})

test('nobody is waited for where nobody is', async () => {
  await expect(new RunningJobs().empty()).resolves.toBeUndefined()
})
