import { expect, it, vi } from 'vitest'
import { silentLog } from '../base/log.ts'
import type { Job } from '../domain/job.ts'
import { create } from '../domain/rules.ts'
import { memory } from '../store/memory.ts'
import { manualClock } from '../testing/clock.ts'
import { CatchUp } from './catch-up.ts'

it('reads changes again with the next hint after a failed read', async () => {
  const clock = manualClock()
  const store = memory()(clock)
  await store.migrate()
  const job = create({ id: 'a', type: 't', owner: 'o', input: '{}', maxAttempts: 1, retainFor: 1 }, clock.now())
  await store.insert([{ job }])
  const newer = vi.spyOn(store, 'newer').mockRejectedValueOnce(new Error('store is down'))
  const received: Job[] = []
  const catchUp = new CatchUp(store, silentLog)
  catchUp.add({ known: () => [{ id: 'a', version: 0 }], changed: (one) => received.push(one) })

  catchUp.onHint([{ id: 'a', version: 1 }])
  await vi.waitFor(() => expect(newer).toHaveBeenCalledTimes(1))
  expect(received).toEqual([])
  catchUp.onHint([{ id: 'b', version: 7 }])
  await vi.waitFor(() => expect(received).toEqual([job]))
})
