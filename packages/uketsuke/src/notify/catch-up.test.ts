import { expect, it, vi } from 'vitest'
import { silentLog } from '../base/log.ts'
import type { Job } from '../domain/job.ts'
import { create } from '../domain/rules.ts'
import { memory } from '../store/memory.ts'
import { manualClock } from '../testing/clock.ts'
import { CatchUp } from './catch-up.ts'

it('tells with the next news what could not be read at the last', async () => {
  const clock = manualClock()
  const store = memory()(clock)
  await store.migrate()
  const job = create({ id: 'a', type: 't', owner: 'o', input: '{}', maxAttempts: 1, retainFor: 1 }, clock.now())
  await store.insert([{ job }])
  const newer = vi.spyOn(store, 'newer').mockRejectedValueOnce(new Error('away'))
  const told: Job[] = []
  const here = new CatchUp(store, silentLog)
  here.add({ known: () => [{ id: 'a', version: 0 }], changed: (one) => told.push(one) })

  here.heard([{ id: 'a', version: 1 }])
  await vi.waitFor(() => expect(newer).toHaveBeenCalledTimes(1))
  expect(told).toEqual([])
  here.heard([{ id: 'b', version: 7 }])
  await vi.waitFor(() => expect(told).toEqual([job]))
})
