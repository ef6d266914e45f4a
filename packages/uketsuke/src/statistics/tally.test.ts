import { expect, it } from 'vitest'
import { addTally, bucketEnd, type Durations, emptyTally, observe, percentile, sumOf, typeIn } from './tally.ts'

it('estimates percentiles from buckets, at most 42 % too high', () => {
  const durations: Durations = {}
  for (let ms = 1; ms <= 1_000; ms++) observe(durations, ms)
  for (const [share, exact] of [
    [0.5, 500],
    [0.95, 950],
    [0.99, 990],
  ] as const) {
    const found = percentile(durations, share) ?? 0
    expect(found).toBeGreaterThanOrEqual(exact)
    expect(found).toBeLessThanOrEqual(exact * 1.42)
  }
  expect(percentile({}, 0.5)).toBe(null)
})

it.each([
  [-5, 0],
  [0, 0],
  [1, 0],
  [2, 2],
  [1_000, 20],
  [1e30, 64],
])('%d ms are in bucket %d', (ms, bucket) => {
  const durations: Durations = {}
  observe(durations, ms)
  expect(durations).toEqual({ [bucket]: 1 })
  if (ms > 0 && ms < 1e9) expect(bucketEnd(bucket)).toBeGreaterThanOrEqual(Math.floor(ms))
})

it('adds up what several processes counted, whatever the types are called', () => {
  const [one, other] = [emptyTally(), emptyTally()]
  for (const tally of [one, other]) {
    for (const type of ['report', '__proto__', 'constructor']) {
      typeIn(tally, type).completed++
      observe(typeIn(tally, type).run, 10)
    }
    tally.endpoints.e = { delivered: 1, failed: 2 }
  }
  // As it is stored.
  addTally(one, JSON.parse(JSON.stringify(other)))
  expect(Object.keys(one.types)).toEqual(['report', '__proto__', 'constructor'])
  expect(typeIn(one, '__proto__')).toMatchObject({ completed: 2, failed: 0, run: { 7: 2 } })
  expect(one.endpoints).toEqual({ e: { delivered: 2, failed: 4 } })
  expect(sumOf(Object.values(one.types))).toMatchObject({ completed: 6, run: { 7: 6 } })
})
