import { expect, it } from 'vitest'
import { Outage } from './outage.ts'

/** How long verbs that begin at `from` and fail every 200 ms are tried, in milliseconds. */
function tried(outage: Outage, from: number, inDoubt = false): number {
  let now = from
  while (!outage.tooLong(now, inDoubt)) now += 200
  return now - from
}

it('is waited for 5 s, and 20 s where a write may have been stored', () => {
  expect(tried(new Outage(), 0)).toBe(5_200)
  expect(tried(new Outage(), 0, true)).toBe(20_200)
})

it('is not waited for anew by each verb while it lasts', () => {
  const outage = new Outage()
  tried(outage, 0)
  expect(tried(outage, 5_300)).toBe(0)
})

it.each([60_000, 5_400 + 1_001])('that begins at %i ms, long after another one, has its whole time', (from) => {
  const outage = new Outage()
  tried(outage, 0)
  expect(tried(outage, from)).toBe(5_200)
})

it('that begins right after an answer has its whole time', () => {
  const outage = new Outage()
  tried(outage, 0)
  outage.over()
  expect(tried(outage, 5_300)).toBe(5_200)
})
