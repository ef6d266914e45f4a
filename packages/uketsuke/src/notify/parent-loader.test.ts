import { expect, it } from 'vitest'
import { UketsukeError } from '../domain/errors.ts'
import { create } from '../domain/rules.ts'
import { memory } from '../store/memory.ts'
import type { Store } from '../store/port.ts'
import { manualClock } from '../testing/clock.ts'
import { parentLoader } from './parent-loader.ts'

const clock = manualClock()

/** A loader over a real store that records each read. `refuse` may throw instead. */
async function reader(refuse: (ids: readonly string[]) => void = () => {}) {
  const store = memory()(clock)
  const job = (id: string) =>
    create({ id, type: 'report', owner: 'ann', input: '{}', maxAttempts: 3, retainFor: 1_000 }, clock.now())
  await store.insert(['a', 'b', 'c'].map((id) => ({ job: job(id) })))
  const reads: (readonly string[])[] = []
  const get: Store['get'] = async (owner, ids) => {
    reads.push(ids)
    refuse(ids)
    return store.get(owner, ids)
  }
  return { read: parentLoader({ get }), reads }
}

const outcomes = async (calls: Promise<{ id: string } | null>[]) =>
  (await Promise.allSettled(calls)).map((one) => (one.status === 'fulfilled' ? (one.value?.id ?? null) : one.reason))

it('batches concurrent calls, even some promises later, and resolves each with its own job', async () => {
  const { read, reads } = await reader()
  const later = async (id: string) => {
    await Promise.resolve()
    return read(id)
  }
  expect(await outcomes([read('b'), later('a'), read('gone'), later('b')])).toEqual(['b', 'a', null, 'b'])
  expect(reads).toEqual([['b', 'gone', 'a', 'b']])
  expect(await outcomes([read('c')])).toEqual(['c'])
  expect(reads).toHaveLength(2)
})

it('fails only the call whose job cannot be read', async () => {
  const broken = new Error('not JSON')
  const { read } = await reader((ids) => {
    if (ids.includes('b')) throw broken
  })
  expect(await outcomes([read('a'), read('b'), read('c')])).toEqual(['a', broken, 'c'])
})

it('does not retry one by one when the store is down', async () => {
  const down = new UketsukeError('temporarily-unavailable')
  const { read, reads } = await reader(() => {
    throw down
  })
  expect(await outcomes([read('a'), read('b')])).toEqual([down, down])
  expect(reads).toHaveLength(1)
})
