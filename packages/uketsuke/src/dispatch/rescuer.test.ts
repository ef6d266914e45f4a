import { expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { claim, create } from '../domain/rules.ts'
import { memory } from '../store/memory.ts'
import { allOwners } from '../store/port.ts'
import { transitions } from '../store/transition.ts'
import { rescue } from './rescuer.ts'

test('an expired lease is taken back, but not one that the rescuing worker holds itself', async () => {
  const store = memory()(systemClock)
  await store.migrate()
  const past = systemClock.now() - 60_000
  const asked = { type: 'nap', owner: 'ann', input: '{}', maxAttempts: 3, retainFor: 60_000 }
  const jobs = ['mine', 'orphan'].map((id) => create({ ...asked, id }, past))
  await store.insert(jobs.map((job) => ({ job })))
  const running = jobs.flatMap((before) => claim(before, past, { worker: 'w', leaseMs: 1 }) ?? [])
  await store.replace(running.map((after, i) => ({ before: jobs[i]!, after, spawn: [], attempt: null })))

  const stop = new AbortController()
  const rescued = new Promise<void>((resolve) => {
    const transition = transitions(store, () => resolve())
    void rescue(
      { store, transition, clock: systemClock, log: silentLog, leaseMs: 1_000 },
      ({ id }) => id === 'mine',
      stop.signal,
    )
  })
  await rescued
  stop.abort()
  const [mine, orphan] = await store.get(allOwners, ['mine', 'orphan'])
  expect(mine).toEqual(running[0])
  expect(orphan).toMatchObject({ status: 'pending', attempt: 1, lastError: { code: 'lease-lost' } })
})
