import { expect, it } from 'vitest'
import { Outage } from './outage.ts'

/** How long calls that start at `from` and fail every 200 ms are retried, in milliseconds. */
function tried(outage: Outage, from: number, inDoubt = false): number {
  let now = from
  while (!outage.tooLong(now, inDoubt)) now += 200
  return now - from
}

it('is retried for 5 s, and for 20 s if a write may have been committed', () => {
  expect(tried(new Outage(), 0)).toBe(5_200)
  expect(tried(new Outage(), 0, true)).toBe(20_200)
})

it('shares one time limit between all calls while it lasts', () => {
  const outage = new Outage()
  tried(outage, 0)
  expect(tried(outage, 5_300)).toBe(0)
})

it.each([60_000, 5_400 + 1_001])(
  'has the full time limit if it begins at %i ms, long after the previous one',
  (from) => {
    const outage = new Outage()
    tried(outage, 0)
    expect(tried(outage, from)).toBe(5_200)
  },
)

it('has the full time limit if it begins right after a successful call', () => {
  const outage = new Outage()
  tried(outage, 0)
  outage.over()
  expect(tried(outage, 5_300)).toBe(5_200)
})
